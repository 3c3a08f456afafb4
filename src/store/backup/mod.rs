//! Backups: everything that a server keeps, as of a moment, in a folder or in one stream; and the way back.
//!
//! In: a data folder that a server may be using, and the files of its configuration. Out: copies, and a manifest of them
//! ([`manifest`]). [`mod@make`] copies, [`check`] compares, [`archive`] is the stream, [`mod@restore`] puts back. What a backup holds and why it is
//! consistent: `docs/storage.md`.

mod archive;
mod check;
mod files;
mod make;
mod manifest;
mod restore;
#[cfg(test)]
mod tests;

pub(crate) use archive::write as write_archive;
pub(crate) use check::folder as check_folder;
pub(crate) use files::Temporary;
pub(crate) use make::{Made, Origin, make};
pub(crate) use manifest::Manifest;
pub(crate) use restore::{Source, restore, unpack};

use std::io;
use std::path::Path;

use super::accounts::AccountsError;
use super::log::LogError;

/// Why there is no backup, or none to restore.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// The system refused something.
    #[error("{action} {file}: {source}")]
    Io {
        action: &'static str,
        file: String,
        source: io::Error,
    },
    /// About the log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// About the accounts.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// What was given cannot be used; why, and what to do.
    #[error("{0}")]
    Refused(String),
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> BackupError + 'a {
    move |source| BackupError::Io {
        action,
        file: path.display().to_string(),
        source,
    }
}

fn refused<T>(text: impl Into<String>) -> Result<T, BackupError> {
    Err(BackupError::Refused(text.into()))
}
