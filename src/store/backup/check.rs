//! Whether a backup is whole. In: its folder. Out: what was compared, or the first thing that is wrong. Changes nothing.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::store::accounts::embedded as accounts;
use crate::store::log::inspect;

use super::files::{compare, list, measure};
use super::manifest::{ACCOUNTS, BYTES_MAX, LOG, Manifest, NAME};
use super::{BackupError, failed, refused};

/// What was read.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) manifest: Manifest,
    /// Records of the log, removals included.
    pub(crate) records: u64,
}

/// How far a log goes.
pub(super) struct LogHead {
    pub(super) records: u64,
    /// Of these, records that `repair` marked as lost.
    pub(super) lost: u64,
    newest: u64,
    group: u64,
    link: String,
}

impl LogHead {
    /// Newest id, newest group, link in hexadecimal.
    pub(super) fn head(&self) -> (u64, u64, String) {
        (self.newest, self.group, self.link.clone())
    }
}

/// Checks every file of the backup in `folder`, then the log and the accounts in themselves.
pub(crate) fn folder(folder: &Path) -> Result<Checked, BackupError> {
    let manifest = read_manifest(folder)?;
    let mut expected: Vec<&str> = manifest.files.iter().map(|file| &*file.path).collect();
    expected.push(NAME);
    expected.sort_unstable();
    let found = list(folder)?;
    if let Some(extra) = found
        .iter()
        .find(|path| expected.binary_search(&path.as_str()).is_err())
    {
        return refused(format!(
            "{} is not in {NAME}; this backup was changed",
            folder.join(extra).display()
        ));
    }
    for file in &manifest.files {
        if found.binary_search(&file.path).is_err() {
            return refused(format!(
                "{} is missing; this backup is not whole",
                file.path
            ));
        }
        compare(file, measure(&folder.join(&file.path))?)?;
    }
    contents(folder, manifest)
}

/// The log and the accounts, once every file is known to be what the manifest says.
pub(super) fn contents(folder: &Path, manifest: Manifest) -> Result<Checked, BackupError> {
    let head = log(&folder.join(LOG))?;
    if head.head() != (manifest.newest_id, manifest.group, manifest.link.clone()) {
        return refused(format!(
            "the log ends at id {} in group {}, and {NAME} says id {} in group {}",
            head.newest, head.group, manifest.newest_id, manifest.group
        ));
    }
    if manifest.files.iter().any(|file| file.path == ACCOUNTS) {
        accounts::check(&folder.join(ACCOUNTS))?;
    }
    Ok(Checked {
        manifest,
        records: head.records,
    })
}

pub(super) fn read_manifest(folder: &Path) -> Result<Manifest, BackupError> {
    let path = folder.join(NAME);
    let mut text = Vec::new();
    match File::open(&path) {
        Ok(file) => {
            file.take(BYTES_MAX)
                .read_to_end(&mut text)
                .map_err(failed("reading", &path))?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return refused(format!(
                "{} has no {NAME}: it is no backup, or one that was not made to its end",
                folder.display()
            ));
        }
        Err(error) => return Err(failed("opening", &path)(error)),
    }
    Manifest::parse(&text)
}

/// Reads all of a log that nobody writes.
pub(super) fn log(folder: &Path) -> Result<LogHead, BackupError> {
    let (audit, _) = inspect::audit(folder, false, &[], |_, _| {})?;
    if let Some(fault) = audit.faults.first() {
        return refused(format!(
            "the log has {} faults, the first in {} at byte {}: {}; `gencomm log verify` tells all of the original's",
            audit.faults_count,
            fault.file.display(),
            fault.offset,
            fault.what
        ));
    }
    let link = audit
        .link
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(LogHead {
        records: audit.records,
        lost: audit.lost_count,
        newest: audit.ids.1,
        group: audit.group,
        link,
    })
}
