//! Makes a backup in a folder. In: where the server's data and configuration are. Out: copies, and last of all the manifest.
//!
//! The accounts come behind the log: of no message in the backup it is unknown there who may read it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::edge::wire::timestamp::Timestamp;
use crate::store::accounts::embedded as accounts;
use crate::store::log::embedded::copy as log_copy;

use super::files::{copy, create, list, make_folder, measure, sync, sync_all};
use super::manifest::{
    ACCOUNTS, CONFIG, CONFIG_FILES, DATA, FileEntry, LOG, Manifest, NAME, check_path, is_other,
};
use super::{BackupError, archive, check, failed, refused};

/// Files in the data folder that are neither log nor accounts.
const OTHERS_MAX: usize = 1000;

/// Where from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The data folder.
    pub(crate) data: PathBuf,
    /// The configuration folder, if there is one.
    pub(crate) config: Option<PathBuf>,
}

/// What was made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) manifest: Manifest,
    /// What was left out, a line each.
    pub(crate) notes: Vec<String>,
}

/// Makes a backup in `to`, an empty folder of the caller's own.
pub(crate) fn make(origin: &Origin, to: &Path) -> Result<Made, BackupError> {
    let mut notes = Vec::new();
    log_copy::copy(&origin.data.join(LOG), &to.join(LOG))?;
    let has_accounts = accounts::copy(&origin.data, &to.join(ACCOUNTS))?;
    if !has_accounts {
        notes.push("there are no accounts".to_owned());
    }
    copy_others(&origin.data, &to.join(DATA), &mut notes)?;
    copy_config(origin.config.as_deref(), &to.join(CONFIG), &mut notes)?;
    let audit = check::log(&to.join(LOG))?;
    if audit.lost > 0 {
        notes.push(format!(
            "{} records of the log are lost, marked by `gencomm log repair`, here as there",
            audit.lost
        ));
    }
    let mut files = Vec::new();
    for path in list(to)? {
        check_path(&path)?;
        let (bytes, hash) = measure(&to.join(&path))?;
        let blake3 = hash.to_hex().to_string();
        files.push(FileEntry {
            path,
            bytes,
            blake3,
        });
    }
    sync_all(to)?;
    let manifest = Manifest::new(Timestamp::now().to_string(), audit.head(), files);
    let (temporary, path) = (to.join(".manifest"), to.join(NAME));
    let mut file = create(&temporary)?;
    file.write_all(manifest.to_text()?.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed("writing", &path))?;
    fs::rename(&temporary, &path).map_err(failed("writing", &path))?;
    sync(to)?;
    let absolute = std::path::absolute(to).map_err(failed("reading", to))?;
    absolute.parent().map_or(Ok(()), sync)?;
    Ok(Made { manifest, notes })
}

fn copy_config(from: Option<&Path>, to: &Path, notes: &mut Vec<String>) -> Result<(), BackupError> {
    let mut found = 0;
    for name in CONFIG_FILES {
        let Some(path) = from
            .map(|folder| folder.join(name))
            .filter(|path| path.exists())
        else {
            continue;
        };
        make_folder(to)?;
        let mut file = File::open(&path).map_err(failed("opening", &path))?;
        copy(&mut file, &to.join(name))?;
        found += 1;
    }
    if found == 0 {
        notes.push(
            "there is no configuration file; name its folder with --config DIR if there should be"
                .to_owned(),
        );
    }
    Ok(())
}

/// Refuses a name before anything is copied for it that a manifest or a stream could not have.
fn can_be_named(inner: &Path, original: &Path) -> Result<(), BackupError> {
    let path = Path::new(DATA).join(inner);
    let is_known = path.to_str().is_some_and(|path| check_path(path).is_ok());
    if is_known && archive::can_name(&path) {
        return Ok(());
    }
    refused(format!(
        "{:?} cannot be in a backup: its name is too long, too deep in folders, or holds signs that are none; rename it, or move it elsewhere",
        original
    ))
}

/// Certificates, keys, whatever lies there.
fn copy_others(from: &Path, to: &Path, notes: &mut Vec<String>) -> Result<(), BackupError> {
    let (mut todo, mut count) = (vec![PathBuf::new()], 0);
    while let Some(below) = todo.pop() {
        let path = from.join(&below);
        for entry in fs::read_dir(&path).map_err(failed("reading", &path))? {
            let entry = entry.map_err(failed("reading", &path))?;
            let name = entry.file_name();
            let is_ours = below.as_os_str().is_empty() && !name.to_str().is_some_and(is_other);
            let kind = entry.file_type().map_err(failed("reading", &path))?;
            let inner = below.join(&name);
            if is_ours {
                continue;
            } else if kind.is_dir() {
                todo.push(inner);
            } else if kind.is_file() {
                can_be_named(&inner, &entry.path())?;
                let target = to.join(&inner);
                target.parent().map_or(Ok(()), make_folder)?;
                let mut file =
                    File::open(entry.path()).map_err(failed("opening", &entry.path()))?;
                copy(&mut file, &target)?;
                count += 1;
            } else {
                notes.push(format!(
                    "{} is neither a file nor a folder, and is left out",
                    entry.path().display()
                ));
            }
            if count > OTHERS_MAX {
                return refused(format!(
                    "{} holds more than {OTHERS_MAX} files that are not the server's; move them elsewhere",
                    from.display()
                ));
            }
        }
    }
    Ok(())
}
