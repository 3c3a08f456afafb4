//! A backup as one stream, a tar file of plain files: the manifest first, then what it names.
//!
//! What comes in is believed in nothing: only entries that the manifest names, each once, each a plain file of the size that it says. So
//! nothing is written outside the folder, and no more than was announced.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use tar::{Archive, Builder, EntryType, Header};

use super::files::{compare, copy, make_folder};
use super::manifest::{BYTES_MAX, FileEntry, Manifest, NAME};
use super::{BackupError, failed, refused};

/// Writes the backup in `folder`, which has this manifest, to `out`.
pub(crate) fn write(
    folder: &Path,
    manifest: &Manifest,
    out: impl Write,
) -> Result<(), BackupError> {
    let target = Path::new("the stream");
    let seconds = manifest.made_at.split('.').next();
    let made_at = seconds.and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut builder = Builder::new(out);
    let names = std::iter::once(NAME).chain(manifest.files.iter().map(|file| &*file.path));
    for name in names {
        let path = folder.join(name);
        let file = File::open(&path).map_err(failed("opening", &path))?;
        let bytes = file.metadata().map_err(failed("reading", &path))?.len();
        let mut header = Header::new_ustar();
        header.set_path(name).map_err(failed("naming", &path))?;
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o600);
        header.set_mtime(made_at);
        header.set_size(bytes);
        header.set_cksum();
        builder
            .append(&header, file.take(bytes))
            .map_err(failed("writing", target))?;
    }
    let mut out = builder.into_inner().map_err(failed("writing", target))?;
    out.flush().map_err(failed("writing", target))
}

/// Whether a file in a stream can have this path.
pub(super) fn can_name(path: &Path) -> bool {
    Header::new_ustar().set_path(path).is_ok()
}

/// Reads a stream into `folder`, which is empty and the caller's own.
pub(super) fn read(input: impl Read, folder: &Path) -> Result<Manifest, BackupError> {
    let mut archive = Archive::new(input);
    // Raw: long names and other extensions come as entries, and are refused as such.
    let mut entries = archive.entries().map_err(broken)?.raw(true);
    let Some(first) = entries.next() else {
        return refused("the stream is empty: it is no backup");
    };
    let mut first = first.map_err(broken)?;
    if named(&first)? != NAME || first.header().entry_type() != EntryType::Regular {
        return refused(format!(
            "the stream does not begin with {NAME}: it is no backup"
        ));
    }
    if first.size() > BYTES_MAX {
        return refused(format!(
            "{NAME} claims {} bytes; at most {BYTES_MAX}",
            first.size()
        ));
    }
    let (size, mut text) = (first.size(), Vec::new());
    first.read_to_end(&mut text).map_err(broken)?;
    if text.len() as u64 != size {
        return truncated();
    }
    let manifest = Manifest::parse(&text)?;
    has_room(folder, manifest.bytes())?;
    copy(&mut &text[..], &folder.join(NAME))?;
    let mut missing: BTreeMap<&str, &FileEntry> = manifest
        .files
        .iter()
        .map(|file| (&*file.path, file))
        .collect();
    for entry in entries {
        let mut entry = entry.map_err(broken)?;
        let name = named(&entry)?;
        if entry.header().entry_type() != EntryType::Regular {
            return refused(format!(
                "\"{}\" in the stream is no plain file: this is no backup, or somebody has changed it",
                name.escape_debug()
            ));
        }
        let Some(expected) = missing.remove(&*name) else {
            return refused(format!(
                "\"{}\" comes twice in the stream, or is not in its {NAME}: somebody has changed it",
                name.escape_debug()
            ));
        };
        if entry.size() != expected.bytes {
            return refused(format!(
                "{name} claims {} bytes in the stream, and {NAME} says {}: somebody has changed it",
                entry.size(),
                expected.bytes
            ));
        }
        // The path is the manifest's, which was checked.
        let path = folder.join(&expected.path);
        path.parent().map_or(Ok(()), make_folder)?;
        let written = copy(&mut entry, &path)?;
        if written.0 < expected.bytes {
            return truncated();
        }
        compare(expected, written)?;
    }
    match missing.keys().next() {
        None => Ok(manifest),
        Some(name) => refused(format!(
            "the stream ends before {name}: it was cut, or was not written to its end"
        )),
    }
}

fn named(entry: &tar::Entry<'_, impl Read>) -> Result<String, BackupError> {
    match String::from_utf8(entry.path_bytes().into_owned()) {
        Ok(name) => Ok(name),
        Err(_) => refused("a name in the stream is no text: this is no backup"),
    }
}

fn broken(error: std::io::Error) -> BackupError {
    BackupError::Refused(format!("the stream is no whole backup: {error}"))
}

fn truncated<T>() -> Result<T, BackupError> {
    refused("the stream ends within a file: it was cut, or was not written to its end")
}

/// Before a byte is written: who claims more than there is room for fills nobody's disk.
pub(super) fn has_room(folder: &Path, bytes: u64) -> Result<(), BackupError> {
    let free =
        rustix::fs::statvfs(folder).map_err(|error| failed("looking at", folder)(error.into()))?;
    let free = free.f_bavail.saturating_mul(free.f_frsize);
    if bytes <= free {
        return Ok(());
    }
    refused(format!(
        "{} MiB are needed and {} MiB free where {} is; make room",
        bytes.div_ceil(1 << 20),
        free >> 20,
        folder.display()
    ))
}
