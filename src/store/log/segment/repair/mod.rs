//! Making a damaged log readable and checkable again without pretending: what is damaged is set aside and marked as lost, what can be
//! computed from the rest is written anew, and everything else is left as it is for `verify` to complain of.
//!
//! In: the folder of a log that nobody writes to, after recovery. Out: a [`Repaired`]. Every copy is on the disk before what it was
//! copied from is changed, so it can be cut short anywhere and repeated.

mod chain;
mod index;

use std::path::{Path, PathBuf};

use super::super::LogError;
use super::super::disk::Folder;
use super::audit::{Asked, Audit, NO_REASON, audit, text_files};
use super::bytes::HEADER_BYTES;
use super::chain::ChainHeader;
use super::files::io_error;
use super::files::{Part, parse_name, part_path, quarantine, remove, replace, sync_folder};
use super::index::{ENTRY_BYTES, Entry, entry_at};

/// Rounds of looking for messages that are overwritten without a reason; an audit keeps so many faults at a time.
const ROUNDS_MAX: usize = 10_000;

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Repaired {
    /// Records that are marked as lost from now on.
    pub(crate) lost: Vec<u64>,
    /// Files written anew from others, or deleted to be made anew.
    pub(crate) renewed: Vec<PathBuf>,
    /// Copies of what was damaged.
    pub(crate) aside: Vec<PathBuf>,
}

/// Where the log stands before a segment.
#[derive(Debug, Clone, Copy, Default)]
struct Before {
    last_id: u64,
    time_max: u64,
    /// Group and link, if they are known.
    chain: Option<(u64, [u8; 32])>,
}

/// A segment at hand.
struct Here<'a> {
    folder: &'a Folder,
    first_id: u64,
    /// First id of the next segment, `u64::MAX` if this is the last one.
    next_first: u64,
    /// What the next segment says about the chain before it.
    next_chain: Option<ChainHeader>,
}

impl Here<'_> {
    fn path(&self, part: Part) -> PathBuf {
        part_path(self.folder, self.first_id, part)
    }
}

/// Repairs what can be repaired in `folder`. The caller holds the lock, and recovery has been there.
pub(crate) fn repair(folder: &Folder) -> Result<Repaired, LogError> {
    let mut done = Repaired::default();
    let firsts = segments(folder)?;
    let mut before = Before::default();
    for (n, first_id) in firsts.iter().enumerate() {
        let next_first = firsts.get(n + 1).copied();
        let here = Here {
            folder,
            first_id: *first_id,
            next_first: next_first.unwrap_or(u64::MAX),
            next_chain: next_first.and_then(|next| chain::header(folder, next)),
        };
        let links = chain::links(&here);
        let entries = index::repair(&here, &before, &links, &mut done)?;
        before = chain::repair(&here, before, &entries, links, &mut done)?;
    }
    mark_unexplained(folder, &mut done)?;
    renew_derived(folder, &mut done)?;
    sync_folder(folder)?;
    done.lost.sort_unstable();
    Ok(done)
}

/// First ids of all segments of which there is a text or an index.
fn segments(folder: &Path) -> Result<Vec<u64>, LogError> {
    let mut firsts = text_files(folder)?;
    for entry in std::fs::read_dir(folder).map_err(io_error("read", folder))? {
        let name = entry.map_err(io_error("read", folder))?.file_name();
        if let Some((id, Part::Index)) = name.to_str().and_then(parse_name) {
            firsts.push(id);
        }
    }
    firsts.sort_unstable();
    firsts.dedup();
    Ok(firsts)
}

/// Bytes of a file; none if it is missing.
fn read(path: &Path) -> Result<Vec<u8>, LogError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(io_error("read", path)(error)),
    }
}

/// Copies what is damaged; durable when this returns.
fn set_aside(
    here: &Here<'_>,
    part: Part,
    at: u64,
    bytes: &[u8],
    why: &str,
    done: &mut Repaired,
) -> Result<(), LogError> {
    if bytes.is_empty() {
        return Ok(());
    }
    let copy = quarantine(here.folder, &here.path(part), at, bytes, why)?;
    done.aside.push(copy);
    Ok(())
}

/// Replaces a file if it is not so already.
fn renew(
    folder: &Folder,
    path: PathBuf,
    old: &[u8],
    new: &[u8],
    done: &mut Repaired,
) -> Result<bool, LogError> {
    if old == new {
        return Ok(false);
    }
    replace(folder, &path, new)?;
    done.renewed.push(path);
    Ok(true)
}

/// Whole blocks of a sidecar behind its header, those that `is_whole` refuses as one piece, and where that begins.
fn damaged_blocks(bytes: &[u8], size: usize, is_whole: impl Fn(&[u8]) -> bool) -> (u64, Vec<u8>) {
    let mut at = None;
    let mut out = Vec::new();
    let body = bytes.get(HEADER_BYTES..).unwrap_or_default();
    for (n, block) in body.chunks(size).enumerate() {
        if !is_whole(block) {
            at.get_or_insert((HEADER_BYTES + n * size) as u64);
            out.extend_from_slice(block);
        }
    }
    (at.unwrap_or(0), out)
}

/// Marks messages as lost whose content was overwritten and nobody knows why.
fn mark_unexplained(folder: &Folder, done: &mut Repaired) -> Result<(), LogError> {
    for _ in 0..ROUNDS_MAX {
        let found: Audit = audit(folder, &Asked::default(), |_, _| {})?;
        let mut marked = false;
        for fault in found.faults.iter().filter(|fault| fault.what == NO_REASON) {
            let Some(id) = fault.id else { continue };
            let mut bytes = read(&fault.file)?;
            let at = fault.offset as usize;
            let block = bytes.get_mut(at..at + ENTRY_BYTES);
            if let Some(block) = block
                && let Some(entry) = Entry::decode(block)
            {
                block.copy_from_slice(&entry.lost().encode());
                replace(folder, &fault.file, &bytes)?;
                done.lost.push(id);
                marked = true;
            }
        }
        if !marked {
            break;
        }
    }
    Ok(())
}

/// Deletes derived files that are not what they should be; the next start makes them. A room table that can be read stays: it alone knows
/// rooms of which no line is left, and the newest record of a room if that is lost.
fn renew_derived(folder: &Folder, done: &mut Repaired) -> Result<(), LogError> {
    let found = audit(folder, &Asked::default(), |_, _| {})?;
    let mut paths: Vec<&PathBuf> = found
        .faults
        .iter()
        .filter(|fault| fault.check.is_derived())
        .map(|fault| &fault.file)
        .collect();
    paths.dedup();
    for path in paths {
        if remove(folder, path)? {
            done.renewed.push(path.clone());
        }
    }
    Ok(())
}

/// Where entry `n` stands, as an index into the bytes of the file.
fn place(n: usize) -> usize {
    entry_at(u32::try_from(n).unwrap_or(u32::MAX)) as usize
}
