//! Reading everything again and comparing it: entries, lines, hashes, room links, the chain, the derived files.
//!
//! In: a log's folder, as it is on the disk. Out: an [`Audit`]. Nothing is changed and no lock is taken, so it works beside a
//! running server, where it ends at the last whole group.

mod ahead;
mod derived;
mod entry;
mod record;
mod report;
mod walk;

pub(crate) use report::{Audit, Check, Fault};

use std::path::Path;

use hashbrown::HashMap;

use super::super::LogError;
use super::files::{Part, io_error, parse_name};
use super::shared::Segment;
use crate::edge::wire::names::RoomName;

/// Second looks at a place that a running server may have been changing.
const SECOND_LOOKS_MAX: u32 = 50;

/// What goes from one segment to the next.
struct Carried {
    /// Newest id of every room met.
    rooms: HashMap<RoomName, u64>,
    /// Lowest and highest id that may stand in entries that cannot be read: no room is known of these.
    lost: Option<(u64, u64)>,
    last_id: u64,
    /// First id of the log: what is below has expired.
    first_id: u64,
    time_max: u64,
    /// `None` before the first segment and behind one that cannot be read.
    chain: Option<(u64, [u8; 32])>,
    /// Segments gone through, to look removed records up.
    segments: Vec<Segment>,
    second_looks: u32,
    server_runs: bool,
}

/// Checks all segments in `folder`. `progress` is told the bytes of index read so far and those to read in all.
pub(crate) fn audit(
    folder: &Path,
    server_runs: bool,
    mut progress: impl FnMut(u64, u64),
) -> Result<Audit, LogError> {
    let firsts = text_files(folder)?;
    let mut audit = Audit {
        segments: firsts.len() as u64,
        ..Audit::default()
    };
    let index_bytes = |first| {
        let path = super::files::part_path(folder, first, Part::Index);
        std::fs::metadata(path).map_or(0, |data| data.len())
    };
    let total = firsts.iter().map(|first| index_bytes(*first)).sum();
    let mut carried = Carried {
        rooms: HashMap::new(),
        lost: None,
        last_id: 0,
        first_id: firsts.first().copied().unwrap_or(1),
        time_max: 0,
        chain: None,
        segments: Vec::new(),
        second_looks: SECOND_LOOKS_MAX,
        server_runs,
    };
    let mut done = 0;
    for (n, first) in firsts.iter().enumerate() {
        let last = n + 1 == firsts.len();
        walk::segment(folder, *first, last, &mut audit, &mut carried, |bytes| {
            progress(done + bytes, total);
        })?;
        done += index_bytes(*first);
        progress(done, total);
    }
    derived::room_table(folder, &mut audit, &carried);
    derived::floors(folder, &mut audit);
    audit.ids.1 = carried.last_id;
    if let Some((group, link)) = carried.chain {
        (audit.group, audit.link) = (group, link);
    }
    Ok(audit)
}

/// First ids of the text files, rising.
pub(super) fn text_files(folder: &Path) -> Result<Vec<u64>, LogError> {
    let mut firsts = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io_error("read", folder))? {
        let name = entry.map_err(io_error("read", folder))?.file_name();
        if let Some((id, Part::Text)) = name.to_str().and_then(parse_name) {
            firsts.push(id);
        }
    }
    firsts.sort_unstable();
    Ok(firsts)
}
