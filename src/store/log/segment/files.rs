//! The files of one segment and the small acts on them that must be the same everywhere: naming, creating, replacing a
//! derived file so that a crash leaves the old or the new one, syncing the folder, setting cut bytes aside.

use std::io;
use std::path::{Path, PathBuf};

use super::super::LogError;
use super::super::disk::{File, Folder, Open};

/// Which file of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Text,
    Index,
    Chain,
    Rooms,
}

impl Part {
    pub(super) const ALL: [Self; 4] = [Self::Text, Self::Index, Self::Chain, Self::Rooms];

    fn extension(self) -> &'static str {
        match self {
            Self::Text => "log",
            Self::Index => "idx",
            Self::Chain => "chain",
            Self::Rooms => "rooms",
        }
    }
}

/// The open files of a segment that is written, or checked at start.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) text: File,
    pub(super) index: File,
    pub(super) chain: File,
}

impl Files {
    /// Makes the files of a new segment. The text file comes last: it is the one by which segments are found.
    pub(super) fn create(folder: &Folder, first_id: u64) -> Result<Self, LogError> {
        let make = |part| {
            let path = part_path(folder, first_id, part);
            let file = folder.open(&path, Open::Empty);
            file.map_err(|error| io_error("create", &path)(error))
        };
        let (index, chain) = (make(Part::Index)?, make(Part::Chain)?);
        Ok(Self {
            text: make(Part::Text)?,
            index,
            chain,
        })
    }

    /// Opens the three files of an existing segment.
    pub(super) fn open(folder: &Folder, first_id: u64, write: bool) -> Result<Self, LogError> {
        let how = if write { Open::Write } else { Open::Read };
        let open = |part| {
            let path = part_path(folder, first_id, part);
            let file = folder.open(&path, how);
            file.map_err(|error| io_error("open", &path)(error))
        };
        Ok(Self {
            text: open(Part::Text)?,
            index: open(Part::Index)?,
            chain: open(Part::Chain)?,
        })
    }
}

/// Where a part of the segment that begins with `first_id` lies.
pub(super) fn part_path(folder: &Path, first_id: u64, part: Part) -> PathBuf {
    folder.join(format!("{first_id:020}.{}", part.extension()))
}

/// The segment and part that a file name stands for, if it is one.
pub(super) fn parse_name(name: &str) -> Option<(u64, Part)> {
    let (digits, extension) = name.split_once('.')?;
    if digits.len() != 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = Part::ALL
        .into_iter()
        .find(|part| part.extension() == extension)?;
    Some((digits.parse().ok()?, part))
}

/// Turns what the system said about `path` into an error that names both.
pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LogError {
    let file = path.display().to_string();
    move |source| LogError::Io {
        action,
        file,
        source,
    }
}

/// A failed sync ends the log.
pub(super) fn sync_error(path: &Path) -> impl FnOnce(io::Error) -> LogError {
    let file = path.display().to_string();
    move |error| LogError::Stopped {
        file,
        reason: error.to_string(),
    }
}

/// Makes the folder, its owner's alone.
pub(super) fn make_folder(folder: &Folder) -> Result<(), LogError> {
    let made = folder.disk().make_folder(folder);
    made.map_err(io_error("create", folder))
}

/// Makes the names in the folder durable.
pub(super) fn sync_folder(folder: &Folder) -> Result<(), LogError> {
    let file = folder.disk().open_folder(folder);
    file.and_then(|file| file.sync_all())
        .map_err(sync_error(folder))
}

/// Replaces `path` in one step: a crash leaves what was there or all of `bytes`. The caller syncs the folder.
pub(super) fn replace(folder: &Folder, path: &Path, bytes: &[u8]) -> Result<(), LogError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let temporary = PathBuf::from(name);
    let file = folder.open(&temporary, Open::Empty);
    let file = file.map_err(io_error("create", &temporary))?;
    file.write_all_at(bytes, 0)
        .map_err(io_error("write", &temporary))?;
    file.sync_data().map_err(sync_error(&temporary))?;
    let renamed = folder.disk().rename(&temporary, path);
    renamed.map_err(io_error("replace", path))
}

/// Removes a file that may already be gone; says whether it was there.
pub(super) fn remove(folder: &Folder, path: &Path) -> Result<bool, LogError> {
    match folder.disk().remove(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io_error("delete", path)(error)),
    }
}

/// What to do, at the end of every note in `quarantine/`.
const ADVICE: &str = "to have it back, stop the server and copy the segment's .log, .idx and .chain from a backup; delete this copy when \
                      nobody needs it any more";

/// Sets bytes cut off a file aside: `quarantine/{file}.{offset}.{n}` holds them, a line in `quarantine/notes` says why.
pub(super) fn quarantine(
    folder: &Folder,
    file: &Path,
    offset: u64,
    bytes: &[u8],
    why: &str,
) -> Result<PathBuf, LogError> {
    let quarantine = folder.inner("quarantine");
    make_folder(&quarantine)?;
    // Its own name: what was cut is gone from its file next.
    sync_folder(folder)?;
    let name = file
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut turn = 0u32;
    let (path, kept) = loop {
        let path = quarantine.join(format!("{name}.{offset}.{turn}"));
        match quarantine.open(&path, Open::New) {
            Ok(file) => break (path, file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => turn += 1,
            Err(error) => return Err(io_error("create", &path)(error)),
        }
    };
    kept.write_all_at(bytes, 0)
        .map_err(io_error("write", &path))?;
    kept.sync_data().map_err(sync_error(&path))?;
    let notes = quarantine.join("notes");
    let line = format!(
        "{name}.{offset}.{turn}: {} bytes of {name} at {offset}: {why}; {ADVICE}\n",
        bytes.len()
    );
    let note = quarantine.open(&notes, Open::Create);
    let note = note.map_err(io_error("open", &notes))?;
    note.length()
        .and_then(|end| note.write_all_at(line.as_bytes(), end))
        .map_err(io_error("write", &notes))?;
    note.sync_data().map_err(sync_error(&notes))?;
    sync_folder(&quarantine)?;
    Ok(path)
}
