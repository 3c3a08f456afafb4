//! The data folder and the store in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use slog::Logger;

use crate::hub::log::StoreFactory;
use crate::hub::registry::AccountsFactory;
use crate::ops::config::{Backend, Config, Durability};
use crate::store::accounts::embedded::EmbeddedAccounts;
use crate::store::accounts::{self, Accounts};
use crate::store::log::LogStore;
use crate::store::log::embedded::{self, EmbeddedLog, EmbeddedOptions};

use super::BootError;

/// Makes the folder if it is not there, and its name durable: what is synced in a folder that a loss of power takes away is lost.
pub(super) fn make_data_dir(folder: &Path) -> Result<PathBuf, BootError> {
    use std::os::unix::fs::DirBuilderExt;
    let missing = folder.ancestors().take_while(|folder| !folder.exists());
    let missing = missing.count();
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    let usable = made.and_then(|()| {
        let usable = folder.canonicalize()?;
        // Itself too, and its parent although it was there: whoever made it, or something in it, may have been killed before the sync.
        for named in usable.ancestors().take(missing.max(1) + 1) {
            sync_names(named)?;
        }
        Ok(usable)
    });
    usable.map_err(|source| BootError::DataDir {
        folder: folder.display().to_string(),
        source,
    })
}

/// Makes the names in a folder durable. One that may be passed but not read belongs to somebody else, who made it and its names.
fn sync_names(folder: &Path) -> std::io::Result<()> {
    match std::fs::File::open(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
        opened => opened?.sync_all(),
    }
}

/// The options of the embedded log in `folder` (of the log itself) that `config` asks for.
pub fn log_options(config: &Config, folder: PathBuf) -> EmbeddedOptions {
    let storage = &config.storage;
    EmbeddedOptions {
        folder,
        durability: match storage.durability {
            Durability::Always => embedded::Durability::Always,
            Durability::Interval => embedded::Durability::Interval,
            Durability::Os => embedded::Durability::Os,
        },
        flush_interval: storage.flush_interval,
        segment_bytes: storage.segment_bytes,
        journal_bytes: storage.journal_bytes,
        retain_messages: storage.retain_messages,
        retain_age: storage.retain_age,
        retain_bytes: storage.retain_bytes,
        rooms_max: config.limits.rooms,
        tags_max: config.limits.tags,
    }
}

/// Opens the accounts: a connection for each actor that needs them.
pub(super) fn accounts_factory(config: &Config, data_dir: &Path) -> AccountsFactory {
    let options = accounts::embedded::EmbeddedOptions {
        audit_records_max: config.storage.audit_records,
        ..accounts::embedded::EmbeddedOptions::new(data_dir)
    };
    Box::new(move || Ok(Box::new(EmbeddedAccounts::open(&options)?) as Box<dyn Accounts>))
}

pub(super) fn factory(config: &Arc<Config>, data_dir: PathBuf, log: Logger) -> StoreFactory {
    let config = config.clone();
    Box::new(move || match config.storage.backend {
        // The configuration refuses the others, which are to come.
        Backend::Embedded | Backend::Nats => {
            let options = log_options(&config, data_dir.join("log"));
            let store = EmbeddedLog::open(options, log.clone())?;
            Ok(Box::new(store) as Box<dyn LogStore>)
        }
    })
}
