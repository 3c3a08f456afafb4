//! What the journal of a folder holds, read without changing it; beside a running server its end may be half written.

use std::path::Path;

use std::collections::HashSet;

use super::super::super::disk::Folder;
use super::super::super::segment::Expired;
use super::super::super::segment::audit::JournalGroup;
use super::super::super::{EventKind, LogError};
use super::super::files::refused;
use super::scan::HalfScan;

/// One half.
#[derive(Debug, Clone, Default)]
pub(crate) struct HalfState {
    /// `journal-0` or `journal-1`.
    pub(crate) name: &'static str,
    /// Length of the file, 0 if there is none.
    pub(crate) file_bytes: u64,
    /// Rises whenever a half is started; 0 if nothing in it can be read.
    pub(crate) generation: u64,
    /// Whole groups.
    pub(crate) groups: usize,
    /// Lowest and highest id of these, if there are any.
    pub(crate) ids: Option<(u64, u64)>,
    /// The lowest id that this half was started for.
    pub(crate) first_id: Option<u64>,
    /// Bytes of a group whose writing did not end.
    pub(crate) torn_bytes: usize,
    /// Bytes that are damaged: whole groups stand behind them.
    pub(crate) damaged_bytes: usize,
    /// The file is there, and something stands in it, but it does not begin as a half does.
    pub(crate) header_lost: bool,
}

/// Reads both halves.
pub(crate) fn state(folder: &Path) -> Result<[HalfState; 2], LogError> {
    Ok(states(&read(folder)?))
}

/// Reads both halves, and all of their groups in the order of their numbers.
pub(crate) fn groups(folder: &Path) -> Result<([HalfState; 2], Vec<JournalGroup>), LogError> {
    let scans = read(folder)?;
    let mut groups: Vec<JournalGroup> = scans
        .iter()
        .flat_map(|(_, _, scan)| scan.groups.iter().filter_map(|meta| scan.group(meta)))
        .map(|group| JournalGroup {
            number: group.number,
            last_id: group.records.last().map_or(0, |record| record.event.id),
            link: group.link,
            hashes: group.records.iter().map(|record| record.hash).collect(),
            removes: group
                .records
                .iter()
                .filter_map(|record| match record.event.kind {
                    EventKind::Removal(target) => Some(target),
                    EventKind::Message(_) => None,
                })
                .collect(),
        })
        .collect();
    groups.sort_by_key(|group| group.number);
    Ok((states(&scans), groups))
}

type Half = (&'static str, u64, HalfScan);

/// As recovery reads them: content that does not fit its hash is no damage where a removal or retention explains it.
fn read(folder: &Path) -> Result<[Half; 2], LogError> {
    let mut halves = [half(folder, "journal-0")?, half(folder, "journal-1")?];
    let scans = || halves.iter().map(|(_, _, scan)| scan);
    let removed: HashSet<u64> = scans().flat_map(HalfScan::removals).collect();
    let expired = Expired::read(&Folder::real(folder))?;
    for (_, _, scan) in &mut halves {
        scan.settle(|room, id| removed.contains(&id) || expired.holds(room, id));
    }
    Ok(halves)
}

fn half(folder: &Path, name: &'static str) -> Result<Half, LogError> {
    let path = folder.join(name);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(refused("reading", &path)(error)),
    };
    Ok((name, bytes.len() as u64, HalfScan::read(bytes.into())))
}

fn states(halves: &[Half; 2]) -> [HalfState; 2] {
    halves.each_ref().map(|(name, file_bytes, scan)| {
        let cut = |damage| {
            let cuts = scan.cuts.iter().filter(|cut| cut.damage == damage);
            cuts.map(|cut| cut.range.len()).sum()
        };
        let ids = scan.groups.first().zip(scan.groups.last());
        HalfState {
            name,
            file_bytes: *file_bytes,
            generation: scan.generation,
            groups: scan.groups.len(),
            ids: ids.map(|(first, last)| (first.first_id, last.last_id)),
            first_id: scan.first_id(),
            torn_bytes: cut(false),
            damaged_bytes: cut(true),
            header_lost: scan.header_lost || !scan.has_header() && scan.generation > 0,
        }
    })
}
