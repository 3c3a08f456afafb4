//! How much disk each kind of file takes, and how many send-once tags are kept.

use std::path::Path;

use serde::Serialize;

use super::super::LogError;

/// Bytes of a tag file's header and of each tag in it.
const TAG_HEADER_BYTES: u64 = 24;
const TAG_BYTES: u64 = 40;

/// Bytes by kind of file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Sizes {
    /// Text segments.
    pub(crate) text: u64,
    /// `.idx`
    pub(crate) index: u64,
    /// `.chain`
    pub(crate) chain: u64,
    /// `.rooms` and `rooms.table`
    pub(crate) rooms: u64,
    /// Both halves.
    pub(crate) journal: u64,
    /// The folder `tags/`.
    pub(crate) tags: u64,
    /// The folder `quarantine/`.
    pub(crate) quarantine: u64,
    /// Everything else.
    pub(crate) other: u64,
    /// Send-once tags in the files; those that are too old wait for their file's deletion.
    #[serde(skip)]
    pub(crate) tags_count: u64,
    /// Files in `quarantine/`.
    #[serde(skip)]
    pub(crate) quarantine_files: u64,
}

impl Sizes {
    /// All of it.
    pub(crate) fn total(&self) -> u64 {
        self.text
            + self.index
            + self.chain
            + self.rooms
            + self.journal
            + self.tags
            + self.quarantine
            + self.other
    }
}

/// Adds up the files of a log's folder.
pub(crate) fn sizes(folder: &Path) -> Result<Sizes, LogError> {
    let mut sizes = Sizes::default();
    each(folder, &mut |name, bytes| {
        let kind = match name.rsplit_once('.') {
            Some((_, "log")) => &mut sizes.text,
            Some((_, "idx")) => &mut sizes.index,
            Some((_, "chain")) => &mut sizes.chain,
            Some((_, "rooms")) => &mut sizes.rooms,
            _ if name == "rooms.table" => &mut sizes.rooms,
            _ if name.starts_with("journal-") => &mut sizes.journal,
            _ => &mut sizes.other,
        };
        *kind += bytes;
    })?;
    each(&folder.join("tags"), &mut |name, bytes| {
        sizes.tags += bytes;
        if name.ends_with(".tags") {
            sizes.tags_count += bytes.saturating_sub(TAG_HEADER_BYTES) / TAG_BYTES;
        }
    })?;
    each(&folder.join("quarantine"), &mut |_, bytes| {
        sizes.quarantine += bytes;
        sizes.quarantine_files += 1;
    })?;
    Ok(sizes)
}

/// The files of a folder, if it is there. One that goes meanwhile is left out.
fn each(folder: &Path, take: &mut dyn FnMut(&str, u64)) -> Result<(), LogError> {
    let refused = |source| LogError::Io {
        action: "read",
        file: folder.display().to_string(),
        source,
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(error)),
    };
    for entry in entries {
        let entry = entry.map_err(refused)?;
        if let Ok(data) = entry.metadata()
            && data.is_file()
        {
            take(&entry.file_name().to_string_lossy(), data.len());
        }
    }
    Ok(())
}
