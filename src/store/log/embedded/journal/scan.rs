//! Reading a half of the journal back: which groups in it are whole, what was torn, what is damaged. Nothing is changed here.

use std::ops::Range;

use bytes::Bytes;
use memchr::memmem;

use super::super::super::event::{Event, EventKind};
use super::super::super::stored::Group;
use super::layout::{
    FILE_HEADER_BYTES, FileHeader, FoundGroup, GROUP_MAGIC, blank, claimed_bytes,
    claimed_generation, read_group,
};
use crate::edge::wire::names::RoomName;
use crate::edge::wire::timestamp::Timestamp;
use crate::store::log::TagMark;

/// One whole group of a half.
#[derive(Debug)]
pub(in super::super) struct FoundMeta {
    pub(super) offset: usize,
    pub(super) end: usize,
    pub(in super::super) first_id: u64,
    pub(in super::super) last_id: u64,
    doubtful: Vec<(u64, RoomName)>,
    removals: Vec<u64>,
    tags: Vec<(TagMark, u64, Timestamp)>,
}

/// A stretch that is no whole group.
#[derive(Debug, Clone)]
pub(in super::super) struct Cut {
    pub(in super::super) range: Range<usize>,
    /// Whole groups stand behind it, so this is damage and not a write that never ended.
    pub(in super::super) damage: bool,
}

/// What one half holds.
#[derive(Debug, Default)]
pub(in super::super) struct HalfScan {
    pub(super) bytes: Bytes,
    /// 0 if nothing can be read.
    pub(in super::super) generation: u64,
    header: Option<FileHeader>,
    /// Bytes stand where the header should be, but no header.
    pub(in super::super) header_lost: bool,
    pub(in super::super) groups: Vec<FoundMeta>,
    pub(in super::super) cuts: Vec<Cut>,
    /// Where the header is lost: what stands before the first group, which is no group but may hold content.
    pub(in super::super) beginning: Range<usize>,
    /// Offset and generation of whole groups of a turn that the header knows nothing of: they reached the disk, the header of their turn did not.
    /// Their turn never was, so they do not count, and must not in a turn to come.
    pub(super) unbegun: Vec<(usize, u64)>,
}

impl HalfScan {
    pub(super) fn read(bytes: Bytes) -> Self {
        let header = FileHeader::read(&bytes);
        // Where only the header is lost, the groups still tell the generation; leftovers have a lower one.
        let generation = match &header {
            Some(header) => header.generation,
            None => whole_groups(&bytes, 0)
                .map(|(_, found)| found.generation)
                .max()
                .unwrap_or(0),
        };
        let head = &bytes[..FILE_HEADER_BYTES.min(bytes.len())];
        let mut scan = Self {
            header_lost: header.is_none() && head.iter().any(|byte| *byte != 0),
            generation,
            header,
            ..Self::default()
        };
        if generation > 0 {
            scan.walk(&bytes);
            scan.unbegun = groups_of_later_turns(&bytes, generation);
        }
        scan.bytes = bytes;
        scan
    }

    fn walk(&mut self, bytes: &Bytes) {
        let mut at = FILE_HEADER_BYTES;
        if self.header.is_none() {
            // Starting the half may have been torn up to here, which is no damage.
            at = self.next_group(bytes, at).unwrap_or(at);
            self.beginning = FILE_HEADER_BYTES..at;
        }
        loop {
            if let Some(found) = self.group_at(bytes, at) {
                self.note(at, &found);
                at = found.end;
                continue;
            }
            if let Some(next) = self.next_group(bytes, at) {
                self.cut(at..next, true);
                at = next;
                continue;
            }
            let head = bytes.get(at..).unwrap_or_default();
            if claimed_generation(head) == Some(self.generation) {
                self.cut(at..(at + claimed_bytes(head)).min(bytes.len()), false);
            }
            return;
        }
    }

    fn group_at(&self, bytes: &Bytes, at: usize) -> Option<FoundGroup> {
        read_group(bytes, at).filter(|found| found.generation == self.generation)
    }

    /// The next whole group of this turn at or behind `at`.
    fn next_group(&self, bytes: &Bytes, at: usize) -> Option<usize> {
        whole_groups(bytes, at)
            .find(|(_, found)| found.generation == self.generation)
            .map(|(place, _)| place)
    }

    fn note(&mut self, offset: usize, found: &FoundGroup) {
        let (mut removals, mut tags) = (Vec::new(), Vec::new());
        for record in &found.group.records {
            if let EventKind::Removal(target) = record.event.kind {
                removals.push(target);
            }
            if let Some(mark) = record.tag {
                tags.push((mark, record.event.id, record.event.time));
            }
        }
        let doubtful = found.group.records.iter().map(|record| &record.event);
        let doubtful = doubtful.filter(|event| found.doubtful.contains(&event.id));
        let id_of = |event: Option<&Event>| event.map_or(0, |event| event.id);
        self.groups.push(FoundMeta {
            offset,
            end: found.end,
            first_id: id_of(found.group.records.first().map(|record| &record.event)),
            last_id: id_of(found.group.records.last().map(|record| &record.event)),
            doubtful: doubtful
                .map(|event| (event.id, event.room.clone()))
                .collect(),
            removals,
            tags,
        });
    }

    fn cut(&mut self, range: Range<usize>, damage: bool) {
        self.cuts.push(Cut { range, damage });
    }

    /// Decides about groups with content that does not fit its hash: overwriting that was interrupted explains it, else the
    /// group is not whole.
    pub(super) fn settle(&mut self, overwritten: impl Fn(&RoomName, u64) -> bool) {
        let last = self.groups.last().map_or(0, |group| group.offset);
        let groups = std::mem::take(&mut self.groups);
        for group in groups {
            let explained = group
                .doubtful
                .iter()
                .all(|(id, room)| overwritten(room, *id));
            if explained {
                self.groups.push(group);
            } else {
                let damage = group.offset < last;
                self.cut(group.offset..group.end, damage);
            }
        }
    }

    /// Whether the half begins as it should.
    pub(super) fn has_header(&self) -> bool {
        self.header.is_some()
    }

    /// Ids that the whole groups remove. A group that was cut removes nothing and leaves no tag: it was never answered.
    pub(in super::super) fn removals(&self) -> impl Iterator<Item = u64> + '_ {
        let removals = self.groups.iter().flat_map(|group| &group.removals);
        removals.copied()
    }

    /// Tags of the whole groups.
    pub(in super::super) fn tags(&self) -> impl Iterator<Item = &(TagMark, u64, Timestamp)> {
        self.groups.iter().flat_map(|group| &group.tags)
    }

    /// The lowest id this half ever held in this turn.
    pub(in super::super) fn first_id(&self) -> Option<u64> {
        let first = self.groups.first().map(|group| group.first_id);
        self.header.as_ref().map(|header| header.first_id).or(first)
    }

    /// Up to this id all was synced in segments and sidecars when this half was begun; 0 if it is not known.
    pub(in super::super) fn settled(&self) -> u64 {
        self.header.as_ref().map_or(0, |header| header.settled)
    }

    /// The highest generation of which anything whole lies in the half.
    pub(in super::super) fn newest_turn(&self) -> u64 {
        let unbegun = self.unbegun.iter().map(|(_, generation)| *generation);
        unbegun.max().unwrap_or(0).max(self.generation)
    }

    /// Number of the first group of this turn; 0 if it is not known.
    pub(in super::super) fn first_group(&self) -> u64 {
        self.header.as_ref().map_or(0, |header| header.first_group)
    }

    /// Whether a group of it is lost that may have been answered.
    pub(in super::super) fn is_damaged(&self) -> bool {
        self.cuts.iter().any(|cut| cut.damage)
    }

    /// Behind the last whole group.
    pub(super) fn end(&self) -> usize {
        self.groups
            .last()
            .map_or(FILE_HEADER_BYTES, |group| group.end)
    }

    /// The bytes of a cut.
    pub(in super::super) fn cut_bytes(&self, cut: &Cut) -> &[u8] {
        &self.bytes[cut.range.clone()]
    }

    /// Reads a group again, whole; what interrupted overwriting left of a content is blanked.
    pub(in super::super) fn group(&self, meta: &FoundMeta) -> Option<Group> {
        let mut group = read_group(&self.bytes, meta.offset)?.group;
        for record in &mut group.records {
            let id = record.event.id;
            if meta.doubtful.iter().any(|(doubtful, _)| *doubtful == id) {
                blank(record);
            }
        }
        Some(group)
    }
}

/// Every place at or behind `from` where a whole group of any turn stands. Stored bodies hold no zero byte, so none can
/// pass for a group.
fn whole_groups(bytes: &Bytes, from: usize) -> impl Iterator<Item = (usize, FoundGroup)> {
    let tail = bytes.get(from..).unwrap_or_default();
    memmem::find_iter(tail, &GROUP_MAGIC)
        .map(move |found| from + found)
        .filter(|place| place % 8 == 0)
        .filter_map(|place| Some((place, read_group(bytes, place)?)))
}

/// Offset and generation of every whole group of a later turn than `generation`.
fn groups_of_later_turns(bytes: &Bytes, generation: u64) -> Vec<(usize, u64)> {
    memmem::find_iter(bytes, &GROUP_MAGIC)
        .filter(|place| place % 8 == 0)
        // Most of what is left over is of earlier turns: it need not be read.
        .filter(|place| claimed_generation(&bytes[*place..]).is_some_and(|turn| turn > generation))
        .filter_map(|place| Some((place, read_group(bytes, place)?.generation)))
        .collect()
}
