//! Reading everything again and comparing it: entries, lines, hashes, room links, the chain, the derived files.
//!
//! In: a log's folder, as it is on the disk. Out: an [`Audit`]. Nothing is changed and no lock is taken, so it works beside a
//! running server, where it ends at the last whole group.

mod ahead;
mod derived;
mod entry;
mod gone;
mod head;
mod heads;
pub(super) mod record;
mod report;
mod walk;

pub(crate) use gone::NO_REASON;
pub(super) use gone::WAITING_MAX;
pub(crate) use head::{Head, newest_head};
pub(crate) use heads::{Fate, Since};
pub(crate) use report::{Audit, Check, Fault};

use std::path::Path;

use hashbrown::HashMap;

use super::super::LogError;
use super::super::disk::Folder;
use super::super::stored::chain_link;
use super::files::{Part, io_error, parse_name};
use super::shared::Segment;
use crate::edge::wire::names::RoomName;
use gone::Gone;
use heads::Heads;

/// A group that the journal holds; the segments may lack it still.
#[derive(Debug, Clone)]
pub(crate) struct JournalGroup {
    /// Its number.
    pub(crate) number: u64,
    /// Its last record.
    pub(crate) last_id: u64,
    /// The chain up to and including it.
    pub(crate) link: [u8; 32],
    /// Of its records.
    pub(crate) hashes: Vec<[u8; 32]>,
    /// Ids that it removes.
    pub(crate) removes: Vec<u64>,
}

/// What an audit is told beside the folder.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked<'a> {
    /// A server writes the log meanwhile.
    pub(crate) server_runs: bool,
    /// Heads that should lie on the chain.
    pub(crate) heads: &'a [Head],
    /// What the journal holds, in the order of its numbers.
    pub(crate) journal: &'a [JournalGroup],
}

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
    /// Behind this group every link was computed again.
    proven: Since,
    heads: Heads,
    gone: Gone,
    /// How far the last segment was read: its first id, and a number of entries.
    read_to: (u64, u32),
    /// Segments gone through, to look removed records up.
    segments: Vec<Segment>,
    second_looks: u32,
    server_runs: bool,
}

/// Checks all segments in `folder`. `progress` is told the bytes of index read so far and those to read in all.
pub(crate) fn audit(
    folder: &Path,
    asked: &Asked<'_>,
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
        proven: Since::default(),
        heads: Heads::new(asked.heads),
        gone: Gone::new(folder),
        read_to: (0, 0),
        segments: Vec::new(),
        second_looks: SECOND_LOOKS_MAX,
        server_runs: asked.server_runs,
    };
    for id in without_text(folder)? {
        let path = super::files::part_path(folder, id, Part::Text);
        let why = "the text of this segment is missing, its sidecars are there";
        audit.fault(Check::Segments, &path, 0, None, why);
    }
    let mut done = 0;
    for (n, first) in firsts.iter().enumerate() {
        let last = n + 1 == firsts.len();
        walk::segment(
            &Folder::real(folder),
            *first,
            last,
            &mut audit,
            &mut carried,
            |bytes| {
                progress(done + bytes, total);
            },
        )?;
        done += index_bytes(*first);
        progress(done, total);
    }
    derived::room_table(folder, &mut audit, &carried);
    derived::floors(folder, &mut audit);
    audit.ids.1 = carried.last_id;
    if let Some((group, link)) = carried.chain {
        (audit.group, audit.link) = (group, link);
    }
    for target in asked.journal.iter().flat_map(|group| &group.removes) {
        carried.gone.removed(*target);
    }
    let newest = carried.go_on(asked.journal);
    let may_explain = carried.lost.map_or(0, |(_, high)| high);
    let Carried {
        gone,
        heads,
        read_to,
        ..
    } = carried;
    gone.end(folder, asked.server_runs, read_to, may_explain, &mut audit)?;
    audit.heads = heads.fates(newest);
    Ok(audit)
}

impl Carried {
    /// Follows the chain into the journal, for heads that the segments do not reach. Returns where it ends.
    fn go_on(&mut self, journal: &[JournalGroup]) -> Since {
        let (group, mut link) = self.chain.unwrap_or_default();
        let mut newest = Since {
            group,
            id: self.last_id,
        };
        for next in journal {
            let hashes = next.hashes.iter().copied();
            if next.number == newest.group + 1
                && chain_link(&link, next.number, hashes) == next.link
            {
                link = next.link;
                newest = Since {
                    group: next.number,
                    id: next.last_id,
                };
                self.heads
                    .group(next.number, next.last_id, &link, self.proven);
            }
        }
        newest
    }
}

/// First ids of segments whose sidecars are there and whose text is not. Retention deletes the text first, but does not take the time in
/// which somebody would look.
pub(super) fn without_text(folder: &Path) -> Result<Vec<u64>, LogError> {
    let firsts = text_files(folder)?;
    let mut alone = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io_error("read", folder))? {
        let name = entry.map_err(io_error("read", folder))?.file_name();
        if let Some((id, Part::Index | Part::Chain)) = name.to_str().and_then(parse_name)
            && firsts.binary_search(&id).is_err()
        {
            alone.push(id);
        }
    }
    alone.sort_unstable();
    alone.dedup();
    // Begun, or deleted, in this moment.
    let is_there = |id: &u64, part| super::files::part_path(folder, *id, part).exists();
    alone.retain(|id| !is_there(id, Part::Text) && is_there(id, Part::Index));
    Ok(alone)
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
