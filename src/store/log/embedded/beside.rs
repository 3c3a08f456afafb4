//! The files beside the segments, looked at without changing them: journal, reserved ids, send-once tags.
//!
//! In: a log's folder that nobody writes to. Out: faults and notes of an audit. What is wrong here, the next start mends or makes anew.

use std::path::Path;

use super::super::LogError;
use super::super::disk::Folder;
use super::super::segment::audit::{Audit, Check};
use super::files::refused;
use super::journal::state::HalfState;
use super::tags::file_damaged_at;

/// Adds what is wrong with the files beside the segments.
pub(crate) fn look(
    folder: &Path,
    halves: &[HalfState; 2],
    audit: &mut Audit,
) -> Result<(), LogError> {
    if super::renew::is_marked(&Folder::real(folder)) {
        audit.note(format!(
            "{}: the log stopped for a failed sync, so the disk may lack what is read here; the next start writes it again",
            folder.join(super::renew::MARK).display()
        ));
    }
    journal(folder, halves, audit);
    ids(folder, audit)?;
    tags(folder, audit)
}

fn journal(folder: &Path, halves: &[HalfState; 2], audit: &mut Audit) {
    let longest = halves.iter().map(|half| half.file_bytes).max().unwrap_or(0);
    for half in halves {
        let path = folder.join(half.name);
        audit.checked(Check::Journal);
        let why = if half.damaged_bytes > 0 {
            format!("{} bytes of groups are damaged", half.damaged_bytes)
        } else if half.header_lost {
            "its header is not whole".to_owned()
        } else if half.file_bytes < longest {
            "the file is shorter than the other half, or missing".to_owned()
        } else {
            if half.torn_bytes > 0 {
                audit.note(format!(
                    "{}: it ends in {} bytes of a group whose writing did not end, as a kill or power cut leaves it, or damage of the newest one",
                    path.display(),
                    half.torn_bytes
                ));
            }
            continue;
        };
        audit.fault(Check::Journal, &path, 0, None, why);
    }
}

fn ids(folder: &Path, audit: &mut Audit) -> Result<(), LogError> {
    let path = folder.join("ids");
    let Some(bytes) = read(&path)? else {
        audit.fault(Check::Ids, &path, 0, None, "the file is missing");
        return Ok(());
    };
    audit.checked(Check::Ids);
    if bytes.len() > super::ids::FILE_BYTES {
        audit.note(format!(
            "{}: bytes behind the two slots, which nobody reads",
            path.display()
        ));
    }
    if let Some(at) = super::ids::damaged_at(&bytes) {
        let why = "neither a slot nor an unused one";
        audit.fault(Check::Ids, &path, at as u64, None, why);
    }
    Ok(())
}

fn tags(folder: &Path, audit: &mut Audit) -> Result<(), LogError> {
    let tags = folder.join("tags");
    let entries = match std::fs::read_dir(&tags) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused("reading", &tags)(error)),
    };
    let key = tags.join("key");
    let known = read(&key)?.map(|bytes| bytes.len());
    if known != Some(16) {
        audit.fault(
            Check::Tags,
            &key,
            0,
            None,
            "the key is missing or not of 16 bytes",
        );
    }
    for entry in entries {
        let path = entry.map_err(refused("reading", &tags))?.path();
        if path.extension().is_none_or(|extension| extension != "tags") {
            continue;
        }
        let Some(bytes) = read(&path)? else { continue };
        audit.checked(Check::Tags);
        if let Some(at) = file_damaged_at(&bytes) {
            audit.note(format!(
                "{}: at byte {at} it holds what is no whole tag: a message sent again under it may be stored twice, unless the journal still has \
                 it; the file goes by itself within a quarter of an hour",
                path.display()
            ));
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, LogError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused("reading", path)(error)),
    }
}
