//! What the journal of a folder holds, read without changing it; beside a running server its end may be half written.

use std::path::Path;

use super::super::super::LogError;
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
}

/// Reads both halves.
pub(crate) fn state(folder: &Path) -> Result<[HalfState; 2], LogError> {
    Ok([half(folder, "journal-0")?, half(folder, "journal-1")?])
}

fn half(folder: &Path, name: &'static str) -> Result<HalfState, LogError> {
    let path = folder.join(name);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(refused("reading", &path)(error)),
    };
    let file_bytes = bytes.len() as u64;
    let scan = HalfScan::read(bytes.into());
    let cut = |damage| {
        let cuts = scan.cuts.iter().filter(|cut| cut.damage == damage);
        cuts.map(|cut| cut.range.len()).sum()
    };
    let ids = scan.groups.first().zip(scan.groups.last());
    Ok(HalfState {
        name,
        file_bytes,
        generation: scan.generation,
        groups: scan.groups.len(),
        ids: ids.map(|(first, last)| (first.first_id, last.last_id)),
        first_id: scan.first_id(),
        torn_bytes: cut(false),
        damaged_bytes: cut(true),
    })
}
