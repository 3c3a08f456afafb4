//! What recovery cuts off a file, it keeps here: one file each, its first line says why, the bytes follow as they were.
//! The folder is bounded; what no longer fits is cut without a copy, and that is said.

use std::path::PathBuf;

use memchr::memmem;

use super::super::LogError;
use super::super::disk::Folder;
use super::super::stored::REMOVED_FILL;
use super::files::{make_folder, open_file, refused, sync_failed, sync_folder};

/// Files kept; each is at most one half of the journal or one segment.
const FILES_MAX: usize = 100;

/// The folder `quarantine/`, made when first needed.
pub(super) struct Quarantine {
    folder: Folder,
}

impl Quarantine {
    pub(super) fn new(log_folder: &Folder) -> Self {
        Self {
            folder: log_folder.inner("quarantine"),
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
        if !self.folder.disk().exists(&path) && self.files()?.len() >= FILES_MAX {
            return Ok(None);
        }
        let copy = open_file(&self.folder, &path)?;
        let line = format!("{} bytes of {file} at {offset}: {why}\n", bytes.len());
        copy.set_len(0)
            .and_then(|()| copy.write_all_at(line.as_bytes(), 0))
            .and_then(|()| copy.write_all_at(bytes, line.len() as u64))
            .map_err(refused("writing", &path))?;
        copy.sync_all().map_err(sync_failed(&path))?;
        // What was cut is overwritten next: the copy must not be lost by its name.
        sync_folder(&self.folder)?;
        Ok(Some(path))
    }

    /// Overwrites every occurrence of removed content.
    pub(super) fn forget(&self, content: &[u8]) -> Result<(), LogError> {
        if content.is_empty() || !self.folder.disk().exists(&self.folder) {
            return Ok(());
        }
        let fill = vec![REMOVED_FILL; content.len()];
        for path in self.files()? {
            let bytes = self.folder.read(&path).map_err(refused("reading", &path))?;
            let mut found = memmem::find_iter(&bytes, content).peekable();
            if found.peek().is_none() {
                continue;
            }
            let file = open_file(&self.folder, &path)?;
            for at in found {
                file.write_all_at(&fill, at as u64)
                    .map_err(refused("writing", &path))?;
            }
            file.sync_data().map_err(sync_failed(&path))?;
        }
        Ok(())
    }

    fn files(&self) -> Result<Vec<PathBuf>, LogError> {
        let names = self.folder.disk().names(&self.folder);
        let names = names.map_err(refused("reading", &self.folder))?;
        Ok(names.iter().map(|name| self.folder.join(name)).collect())
    }
}
