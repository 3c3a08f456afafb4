//! Appending committed groups: three writes, one a file, and a new segment when the active one is full.

use std::sync::{Arc, PoisonError};

use slog::warn;

use super::super::disk::{File, Folder};
use super::super::stored::{Group, StoredRecord};
use super::super::{EventKind, LogError};
use super::bytes::HEADER_BYTES;
use super::chain::{ChainHeader, LINK_BYTES, Link};
use super::files::{Files, Part, io_error, part_path};
use super::index::{ENTRY_BYTES, Entry, IndexHeader, Place, entry_at};
use super::shared::{RoomIndex, Segment};
use super::{Segments, text};

/// Offsets in a text are 32 bits: a segment and one group more always fit.
pub(super) const SEGMENT_BYTES_MAX: u64 = (2 << 30) - 1;

/// The writer's own figures about the active segment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Active {
    pub(super) first_id: u64,
    pub(super) last_id: u64,
    pub(super) count: u32,
    pub(super) messages: u32,
    pub(super) links: u32,
    pub(super) text_bytes: u64,
    /// Microseconds.
    pub(super) time_max: u64,
    /// Time of its first record, in microseconds.
    pub(super) first_time: u64,
}

impl Active {
    /// An empty segment that follows on what there is.
    pub(super) fn empty(first_id: u64, time_max: u64) -> Self {
        Self {
            first_id,
            last_id: first_id - 1,
            time_max,
            ..Self::default()
        }
    }

    /// The segment as readers are to know it.
    pub(super) fn segment(&self, rooms: RoomIndex, files: &Arc<Files>) -> Segment {
        Segment {
            first_id: self.first_id,
            last_id: self.last_id,
            count: self.count,
            messages: self.messages,
            text_bytes: self.text_bytes,
            time_max: self.time_max,
            rooms,
            files: Some(Arc::clone(files)),
        }
    }
}

impl Segments {
    /// Appends what of `group` is not there yet: recovery repeats groups. Readers see it after [`Segments::publish`].
    /// After an error nothing of the group is there, and the next append may succeed.
    pub(crate) fn append(&mut self, group: &Group) -> Result<(), LogError> {
        self.refuse_read_only()?;
        let known = self.newest_id();
        let new = group.records.partition_point(|r| r.event.id <= known);
        let records = &group.records[new..];
        let Some(first) = records.first() else {
            return Ok(());
        };
        let text_bytes: u64 = records.iter().map(line_bytes_max).sum();
        if text_bytes > SEGMENT_BYTES_MAX {
            let refused = std::io::Error::from(std::io::ErrorKind::InvalidInput);
            let what = "append a group of over 2 GiB to";
            return Err(io_error(what, &self.options.folder)(refused));
        }
        let full = self.active.text_bytes + text_bytes > self.segment_bytes_max();
        if self.active.count > 0 && (full || self.roll_next) {
            self.roll(first.event.id)?;
        }
        self.roll_next = false;

        let mut next = self.active;
        let staged = self.pending.postings.len();
        self.text_buffer.clear();
        self.index_buffer.clear();
        for record in records {
            self.stage(record, group.number, &mut next);
        }
        next.links += 1;
        let link = Link {
            group: group.number,
            last_id: next.last_id,
            count: records.len() as u32,
            link: group.link,
        };
        if let Err(error) = self.write_group(&link) {
            self.pending.postings.truncate(staged);
            self.restore_lengths();
            return Err(error);
        }
        for record in records {
            let event = &record.event;
            match self.pending.rooms.get_mut(&event.room) {
                Some(newest) => *newest = event.id,
                None => {
                    self.pending.rooms.insert(event.room.clone(), event.id);
                }
            }
            self.rooms_kept.appended(record);
        }
        self.floor.appended(
            u64::from(next.messages - self.active.messages),
            kept_bytes(next.text_bytes, next.count)
                - kept_bytes(self.active.text_bytes, self.active.count),
        );
        self.active = next;
        self.newest_group = group.number;
        self.newest_link = group.link;
        self.unsynced.touch(next.first_id, &self.files);
        self.roll_next = self.holds_enough();
        Ok(())
    }

    /// Lets readers see everything appended. The owner calls it once the removals of the group are carried out.
    pub(crate) fn publish(&mut self) {
        let mut state = self.shared.write();
        if let RoomIndex::Memory(postings) = &state.active.rooms {
            let mut postings = postings.write().unwrap_or_else(PoisonError::into_inner);
            for (room, entry) in self.pending.postings.drain(..) {
                postings.entry(room).or_default().push(entry);
            }
        }
        let active = self.active.segment(state.active.rooms.clone(), &self.files);
        state.active = active;
        state.note_rooms(self.pending.rooms.drain());
    }

    /// Seals the active segment and begins another, whose first id will be `first_id` or above.
    pub(super) fn roll(&mut self, first_id: u64) -> Result<(), LogError> {
        self.publish();
        let (active, files) = new_segment(
            &self.shared.folder,
            first_id,
            self.active.time_max,
            self.newest_group,
            &self.newest_link,
        )?;
        let files = Arc::new(files);
        let segment = active.segment(RoomIndex::empty(), &files);
        let mut state = self.shared.write();
        let mut sealed = std::mem::replace(&mut state.active, segment);
        sealed.files = None;
        self.unsynced.table_due();
        Arc::make_mut(&mut state.sealed).push(Arc::new(sealed));
        drop(state);
        self.unsynced.touch(first_id, &files);
        self.unsynced.names = true;
        self.active = active;
        self.files = files;
        self.roll_next = false;
        Ok(())
    }

    /// The active segment with what readers do not see yet.
    pub(super) fn active_segment(&self) -> Segment {
        self.active.segment(RoomIndex::empty(), &self.files)
    }

    pub(super) fn refuse_read_only(&self) -> Result<(), LogError> {
        if self.read_only {
            let refused = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
            return Err(io_error("write to", &self.options.folder)(refused));
        }
        Ok(())
    }

    fn stage(&mut self, record: &StoredRecord, group: u64, next: &mut Active) {
        let event = &record.event;
        let time = event.time.as_micros();
        let (line_bytes, content_bytes) = text::write_line(record, &mut self.text_buffer);
        let room = self.room_hashes.of(&event.room);
        next.time_max = next.time_max.max(time);
        let entry = Entry::new(
            record,
            Place {
                time_max: next.time_max,
                room_hash: room,
                offset: next.text_bytes as u32,
                line_bytes: line_bytes as u32,
                content_bytes: content_bytes as u32,
                group,
            },
        );
        self.index_buffer.extend_from_slice(&entry.encode());
        self.pending.postings.push((room, next.count));
        if next.count == 0 {
            next.first_time = time;
        }
        next.count += 1;
        next.messages += u32::from(matches!(event.kind, EventKind::Message(_)));
        next.text_bytes += line_bytes as u64;
        next.last_id = event.id;
    }

    /// Text, index, chain, in this order: what has a link has the rest.
    fn write_group(&self, link: &Link) -> Result<(), LogError> {
        let active = &self.active;
        let write = |file: &File, part, bytes: &[u8], at| {
            let path = part_path(&self.options.folder, active.first_id, part);
            file.write_all_at(bytes, at)
                .map_err(|error| io_error("append to", &path)(error))
        };
        write(
            &self.files.text,
            Part::Text,
            &self.text_buffer,
            active.text_bytes,
        )?;
        write(
            &self.files.index,
            Part::Index,
            &self.index_buffer,
            entry_at(active.count),
        )?;
        write(
            &self.files.chain,
            Part::Chain,
            &link.encode(),
            link_at(active.links),
        )
    }

    /// After a failed write. Should this fail too, no harm is done: writes go to places, not to the end, and
    /// the start cuts off what has no link.
    fn restore_lengths(&self) {
        let active = &self.active;
        let results = [
            self.files.text.set_len(active.text_bytes),
            self.files.index.set_len(entry_at(active.count)),
            self.files.chain.set_len(link_at(active.links)),
        ];
        for error in results.into_iter().filter_map(Result::err) {
            warn!(self.shared.log, "a failed append could not be cut off again";
                "segment" => active.first_id, "error" => %error);
        }
    }

    fn segment_bytes_max(&self) -> u64 {
        self.options.segment_bytes.clamp(1, SEGMENT_BYTES_MAX)
    }
}

/// Creates the files of an empty segment, headers written.
pub(super) fn new_segment(
    folder: &Folder,
    first_id: u64,
    time_max: u64,
    group_before: u64,
    link_before: &[u8; 32],
) -> Result<(Active, Files), LogError> {
    let files = Files::create(folder, first_id)?;
    let index = IndexHeader {
        first_id,
        time_max_before: time_max,
    };
    let chain = ChainHeader {
        first_id,
        group_before,
        link_before: *link_before,
    };
    let heads = [
        (&files.index, Part::Index, index.encode()),
        (&files.chain, Part::Chain, chain.encode()),
    ];
    for (file, part, head) in heads {
        let path = part_path(folder, first_id, part);
        file.write_all_at(&head, 0)
            .map_err(io_error("write", &path))?;
    }
    Ok((Active::empty(first_id, time_max), files))
}

/// Where link `n` begins in the file.
pub(super) fn link_at(n: u32) -> u64 {
    HEADER_BYTES as u64 + u64::from(n) * LINK_BYTES as u64
}

/// What counts against `retain_bytes`: lines and index entries.
pub(super) fn kept_bytes(text_bytes: u64, entries: u32) -> u64 {
    text_bytes + u64::from(entries) * ENTRY_BYTES as u64
}

/// No line of the record is longer than this.
fn line_bytes_max(record: &StoredRecord) -> u64 {
    /// Id, time, names and separators at their longest.
    const HEAD_BYTES_MAX: u64 = 20 + 21 + 32 + 64 + 6;
    HEAD_BYTES_MAX + record.content().len() as u64
}
