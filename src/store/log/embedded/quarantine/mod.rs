//! What recovery cuts off a file, it keeps here: one file each, its first line says why, the bytes follow as they were.
//! The folder is bounded; what no longer fits is cut without a copy, and that is said.

mod places;

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::super::LogError;
use super::super::disk::Folder;
use super::super::stored::REMOVED_FILL;
use super::files::{make_folder, open_file, refused, sync_failed, sync_folder};
use places::{between, contents_of, contents_of_groups, offset_of, pieces, sure_lines};

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

    /// Overwrites every occurrence of removed content, whole or torn.
    pub(super) fn forget(&self, content: &[u8]) -> Result<(), LogError> {
        if content.is_empty() || !self.folder.disk().exists(&self.folder) {
            return Ok(());
        }
        for path in self.files()? {
            let bytes = self.folder.read(&path).map_err(refused("reading", &path))?;
            self.overwrite(&path, pieces(&bytes, offset_of(&path, &bytes), content))?;
        }
        Ok(())
    }

    /// Overwrites the content of removed messages in groups that were cut out of the journal. What cannot be read of these may be any
    /// message's, so all of it goes if one of `lost` is not among what can: no segment has these.
    pub(super) fn forget_groups(
        &self,
        ids: &HashSet<u64>,
        lost: &HashSet<u64>,
    ) -> Result<(), LogError> {
        if ids.is_empty() || !self.folder.disk().exists(&self.folder) {
            return Ok(());
        }
        for path in self.files()? {
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.starts_with("journal-")) {
                let bytes = self.folder.read(&path).map_err(refused("reading", &path))?;
                self.overwrite(&path, contents_of_groups(&bytes.into(), ids, lost))?;
            }
        }
        Ok(())
    }

    /// Overwrites the content of removed messages in lines that were cut off the texts of segments, and wherever what stands in these
    /// lines does: no segment may tell of them, and of a line that shared bytes with another removed one a piece may be overwritten. What is
    /// no line for sure may be any message's, so all of it goes if one of `lost` is not among what is: no segment has these.
    pub(super) fn forget_lines(
        &self,
        ids: &HashSet<u64>,
        lost: &HashSet<u64>,
    ) -> Result<(), LogError> {
        if ids.is_empty() || !self.folder.disk().exists(&self.folder) {
            return Ok(());
        }
        let mut texts = Vec::new();
        for path in self.files()? {
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.contains(".log.")) {
                let bytes = self.folder.read(&path).map_err(refused("reading", &path))?;
                texts.push((path, contents_of(&bytes, ids), bytes));
            }
        }
        let mut lost = lost.clone();
        let sure: Vec<Vec<(u64, Range<usize>)>> = texts
            .iter()
            .map(|(path, _, bytes)| sure_lines(bytes, offset_of(path, bytes)))
            .collect();
        for (id, _) in sure.iter().flatten() {
            lost.remove(id);
        }
        if !lost.is_empty() {
            for ((_, places, bytes), sure) in texts.iter_mut().zip(&sure) {
                places.extend(between(0, sure.iter().map(|(_, line)| line), bytes.len()));
            }
        }
        // The lines themselves come last: they are where the content is known from.
        for (_, places, bytes) in &texts {
            let whole = places
                .iter()
                .filter(|place| bytes.get(place.end) == Some(&b'\n'));
            for place in whole {
                self.forget(&bytes[place.clone()])?;
            }
        }
        for (path, places, _) in texts {
            self.overwrite(&path, places)?;
        }
        Ok(())
    }

    /// Overwrites these places of a copy.
    fn overwrite(&self, path: &Path, places: Vec<Range<usize>>) -> Result<(), LogError> {
        if places.is_empty() {
            return Ok(());
        }
        let file = open_file(&self.folder, path)?;
        for place in places {
            let fill = vec![REMOVED_FILL; place.len()];
            file.write_all_at(&fill, place.start as u64)
                .map_err(refused("overwriting removed content in", path))?;
        }
        file.sync_data().map_err(sync_failed(path))
    }

    fn files(&self) -> Result<Vec<PathBuf>, LogError> {
        let names = self.folder.disk().names(&self.folder);
        let names = names.map_err(refused("reading", &self.folder))?;
        Ok(names.iter().map(|name| self.folder.join(name)).collect())
    }
}
