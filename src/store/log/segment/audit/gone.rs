//! Whether what is overwritten was overwritten with a reason: a removal, which stands in the chain, or the retention of its room.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashMap;

use super::super::super::LogError;
use super::super::super::disk::{File, Folder};
use super::super::files::{Files, Part};
use super::super::floors::{self, RoomFloors};
use super::super::index::{Entry, entry_at};
use super::super::shared::{RoomIndex, Segment};
use super::super::view::{Opened, RUN_ENTRIES_MAX};
use super::{Audit, Check, text_files};
use crate::store::log::EventKind;

/// Overwritten messages for which no reason was met yet; beyond that, it is not asked.
pub(in super::super) const WAITING_MAX: usize = 1_000_000;

/// Overwritten messages on the look-out for a reason.
pub(super) struct Gone {
    floors: Option<Arc<RoomFloors>>,
    waiting: HashMap<u64, Waiting>,
    overflowed: bool,
}

struct Waiting {
    room_hash: u64,
    segment: u64,
    number: u32,
}

impl Gone {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            floors: read_floors(folder),
            waiting: HashMap::new(),
            overflowed: false,
        }
    }

    /// An overwritten message. Returns whether its room's retention is the reason.
    pub(super) fn met(&mut self, segment: u64, number: u32, entry: &Entry) -> bool {
        if self.floors.as_ref().is_some_and(|all| all.expired(entry)) {
            return true;
        }
        if self.waiting.len() >= WAITING_MAX {
            self.overflowed = true;
        } else {
            let room_hash = entry.room_hash;
            self.waiting.insert(
                entry.id,
                Waiting {
                    room_hash,
                    segment,
                    number,
                },
            );
        }
        false
    }

    /// A removal of this message.
    pub(super) fn removed(&mut self, target: u64) {
        self.waiting.remove(&target);
    }

    /// Says for what no reason was found. `read_to` is how far the last segment was read; `may_explain` is the highest id that
    /// could not be read, which may have been a removal.
    pub(super) fn end(
        mut self,
        folder: &Path,
        server_runs: bool,
        read_to: (u64, u32),
        may_explain: u64,
        audit: &mut Audit,
    ) -> Result<(), LogError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        if server_runs {
            // What happened since: a removal is in the chain before anything is overwritten.
            self.floors = read_floors(folder);
            self.look_behind(folder, read_to)?;
        }
        let floors = self.floors.take();
        let mut left: Vec<_> = self
            .waiting
            .into_iter()
            .filter(|(id, at)| {
                let expired = floors
                    .as_ref()
                    .is_some_and(|all| all.is_below(at.room_hash, *id));
                !expired && *id > may_explain
            })
            .collect();
        left.sort_unstable_by_key(|(id, _)| *id);
        for (id, at) in left {
            let path: PathBuf = super::super::files::part_path(folder, at.segment, Part::Index);
            audit.fault(
                Check::Removals,
                &path,
                entry_at(at.number),
                Some(id),
                NO_REASON,
            );
        }
        if self.overflowed {
            audit.note(format!(
                "more than {WAITING_MAX} messages are overwritten; for some it was not asked why"
            ));
        }
        Ok(())
    }

    fn look_behind(&mut self, folder: &Path, read_to: (u64, u32)) -> Result<(), LogError> {
        for first_id in text_files(folder)? {
            if first_id < read_to.0 {
                continue;
            }
            // One that is being begun holds nothing yet.
            let folder = &Folder::real(folder);
            let Ok(files) = Files::open(folder, first_id, false) else {
                continue;
            };
            let length = |file: &File| file.length().unwrap_or(0);
            let count =
                length(&files.index).saturating_sub(entry_at(0)) / (entry_at(1) - entry_at(0));
            let segment = Segment {
                first_id,
                last_id: u64::MAX,
                count: u32::try_from(count).unwrap_or(u32::MAX),
                messages: 0,
                text_bytes: length(&files.text),
                time_max: 0,
                rooms: RoomIndex::empty(),
                files: Some(Arc::new(files)),
            };
            let Some(opened) = Opened::open(folder, &segment)? else {
                continue;
            };
            let mut from = if first_id == read_to.0 { read_to.1 } else { 0 };
            while from < segment.count {
                let to = segment.count.min(from + RUN_ENTRIES_MAX);
                let run = opened.run(from, to)?;
                for entry in (from..to).filter_map(|n| run.entry(n)) {
                    if !entry.is_message()
                        && let Ok(record) = opened.record(&entry)
                        && let EventKind::Removal(target) = record.event.kind
                    {
                        self.removed(target);
                    }
                }
                from = to;
            }
        }
        Ok(())
    }
}

/// What is said of a message that is overwritten without a reason.
pub(crate) const NO_REASON: &str = "the content is overwritten, but no removal names this message and it has not expired in its room";

fn read_floors(folder: &Path) -> Option<Arc<RoomFloors>> {
    // One that cannot be read explains nothing; that it cannot be read is a fault of its own.
    let floors = floors::read(&Folder::real(folder));
    let floors = floors
        .ok()
        .and_then(|found| found.floors.ok())
        .unwrap_or_default();
    RoomFloors::of(floors.rooms.iter().map(|(room, floor)| (room, *floor)))
}
