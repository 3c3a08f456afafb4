//! What recovery cuts off a file, it keeps here: one file each, its first line says why, the bytes follow as they were.
//! The folder is bounded; what no longer fits is cut without a copy, and that is said.

use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use memchr::memmem;

use super::super::LogError;
use super::super::stored::REMOVED_FILL;
use super::files::{make_folder, open_file, refused, sync_failed, sync_folder};

/// Files kept; each is at most one half of the journal or one segment.
const FILES_MAX: usize = 100;

/// The folder `quarantine/`, made when first needed.
pub(super) struct Quarantine {
    folder: PathBuf,
}

impl Quarantine {
    pub(super) fn new(log_folder: &Path) -> Self {
        Self {
            folder: log_folder.join("quarantine"),
        }
    }

    /// Keeps `bytes`, cut at `offset` of `file`. The same cut made again overwrites its own copy.
    /// Returns the copy's path, `None` if the folder is full.
    pub(super) fn keep(
        &self,
        file: &str,
        offset: u64,
        why: &str,
        bytes: &[u8],
    ) -> Result<Option<PathBuf>, LogError> {
        make_folder(&self.folder)?;
        let path = self.folder.join(format!("{file}-at-{offset}"));
        if !path.exists() && self.files()?.len() >= FILES_MAX {
            return Ok(None);
        }
        let mut copy = open_file(&path)?;
        copy.set_len(0).map_err(refused("writing", &path))?;
        writeln!(copy, "{} bytes of {file} at {offset}: {why}", bytes.len())
            .and_then(|()| copy.write_all(bytes))
            .map_err(refused("writing", &path))?;
        copy.sync_all().map_err(sync_failed(&path))?;
        // What was cut is overwritten next: the copy must not be lost by its name.
        sync_folder(&self.folder)?;
        Ok(Some(path))
    }

    /// Overwrites every occurrence of removed content.
    pub(super) fn forget(&self, content: &[u8]) -> Result<(), LogError> {
        if content.is_empty() || !self.folder.exists() {
            return Ok(());
        }
        let fill = vec![REMOVED_FILL; content.len()];
        for path in self.files()? {
            let bytes = fs::read(&path).map_err(refused("reading", &path))?;
            let mut found = memmem::find_iter(&bytes, content).peekable();
            if found.peek().is_none() {
                continue;
            }
            let file = open_file(&path)?;
            for at in found {
                file.write_all_at(&fill, at as u64)
                    .map_err(refused("writing", &path))?;
            }
            file.sync_data().map_err(sync_failed(&path))?;
        }
        Ok(())
    }

    fn files(&self) -> Result<Vec<PathBuf>, LogError> {
        let entries = fs::read_dir(&self.folder).map_err(refused("reading", &self.folder))?;
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        paths
            .collect::<Result<_, _>>()
            .map_err(refused("reading", &self.folder))
    }
}
