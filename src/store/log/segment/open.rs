//! The start: finding the segments, checking the end that may not have reached the disk, cutting it back to what is whole.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock, RwLock};

use slog::{Logger, error, info, warn};

use super::super::LogError;
use super::super::disk::{File, Folder, Open};
use super::append::{Active, new_segment};
use super::bytes::HEADER_BYTES;
use super::candidates::postings_of;
use super::cut::{cut_back, set_aside, set_orphan_aside};
use super::files::{
    Files, Part, io_error, make_folder, parse_name, part_path, remove, sync_folder,
};
use super::floors::{self, RoomFloors};
use super::index::{ENTRY_BYTES, IndexHeader, RoomHashes};
use super::retain::Floor;
use super::room_retain::RoomsKept;
use super::rooms::RoomsFile;
use super::scan::{Scanned, read_header, scan};
use super::shared::{RoomIndex, Segment, Shared, State};
use super::sync::Unsynced;
use super::view::{Opened, RUN_ENTRIES_MAX};
use super::{JournalIds, Pending, SegmentOptions, SegmentReader, Segments, restore};

/// The segments of a log, oldest first; the last one is active.
pub(super) struct Found {
    pub(super) sealed: Vec<Segment>,
    pub(super) files: Files,
    pub(super) active: Active,
    pub(super) rooms: RoomIndex,
    pub(super) group: u64,
    pub(super) link: [u8; 32],
    /// Sealed ones that may not be on the disk yet.
    pub(super) unsynced: Vec<(u64, Arc<Files>)>,
    /// The newest id that went to quarantine, 0 if none did.
    pub(super) newest_aside: u64,
}

impl Segments {
    /// Opens the segments to write. What lies behind `journal.first` is checked and cut back to its last whole group;
    /// what is cut and cannot come from the journal again goes to `quarantine/`. The owner then appends the
    /// journal's groups again, repeats their removals, and calls `retain` and `publish`.
    pub(crate) fn open_in(
        folder: Folder,
        options: SegmentOptions,
        journal: JournalIds,
        log: &Logger,
    ) -> Result<Self, LogError> {
        make_folder(&folder)?;
        let found = find(&folder, &options, Some(journal), log)?;
        Self::from_found(folder, options, found, false, log)
    }

    /// As [`Segments::open_in`], in the file system.
    #[cfg(test)]
    pub(crate) fn open(
        options: SegmentOptions,
        journal: JournalIds,
        log: &Logger,
    ) -> Result<Self, LogError> {
        Self::open_in(Folder::real(&options.folder), options, journal, log)
    }

    /// Opens the segments to read, beside a running server too: changes nothing and stops at the last whole group.
    pub(crate) fn open_readonly(options: SegmentOptions, log: &Logger) -> Result<Self, LogError> {
        let folder = Folder::real(&options.folder);
        let found = find(&folder, &options, None, log)?;
        Self::from_found(folder, options, found, true, log)
    }

    fn from_found(
        folder: Folder,
        options: SegmentOptions,
        found: Found,
        read_only: bool,
        log: &Logger,
    ) -> Result<Self, LogError> {
        let files = Arc::new(found.files);
        let active = found.active.segment(found.rooms, &files);
        let all = || found.sealed.iter().chain(std::iter::once(&active));
        let mut floor = Floor::below(all());
        let first = all().next().map_or(1, |segment| segment.first_id);
        let expired_time_max = time_max_before(&folder, first)?.unwrap_or(0);
        let (rooms, rebuilt) = restore::rooms(
            &folder,
            &found.sealed,
            &active,
            derived_log(!read_only, log),
        )?;
        let (floors, is_damaged) = floors::open(&folder, log)?;
        let mut rooms_kept = RoomsKept::of(floors.rooms);
        // One that is damaged is replaced.
        rooms_kept.progress = is_damaged;
        floor.known = floors.all;
        if rooms.len() > options.rooms_max {
            warn!(log, "the log holds more rooms than are allowed; no more are made";
                "rooms" => rooms.len(), "allowed" => options.rooms_max);
        }
        let state = State {
            sealed: Arc::new(found.sealed.into_iter().map(Arc::new).collect()),
            active,
            room_names: rooms.keys().cloned().collect(),
            rooms,
            floor: first,
            expired_time_max,
            room_floors: RoomFloors::of(rooms_kept.floors()),
        };
        let shared = Arc::new(Shared::new(folder, log.clone(), state));
        let mut unsynced = Unsynced::default();
        if !read_only {
            // What was found may be in the page cache only: a server that was killed has not synced it.
            for (first_id, files) in &found.unsynced {
                unsynced.touch(*first_id, files);
            }
            unsynced.touch(found.active.first_id, &files);
            unsynced.names = true;
            if rebuilt {
                unsynced.table_due();
            }
        }
        Ok(Self {
            options,
            read_only,
            reader: Arc::new(SegmentReader::new(Arc::clone(&shared))),
            shared,
            files,
            active: found.active,
            newest_group: found.group,
            newest_link: found.link,
            newest_aside: found.newest_aside,
            pending: Pending::default(),
            unsynced,
            floor,
            rooms_kept,
            roll_next: false,
            room_hashes: RoomHashes::default(),
            text_buffer: Vec::new(),
            index_buffer: Vec::new(),
        })
    }
}

/// First ids of the text files in the folder, rising, and those of sidecars without a text.
fn list(folder: &Folder, write: bool) -> Result<(Vec<u64>, Vec<u64>), LogError> {
    let (mut texts, mut others) = (Vec::new(), Vec::new());
    let names = folder.disk().names(folder);
    for name in names.map_err(io_error("read", folder))? {
        match parse_name(name.trim_end_matches(".new")) {
            // A derived file that was being written.
            Some(_) if name.ends_with(".new") && write => {
                remove(folder, &folder.join(&name))?;
            }
            Some(_) if name.ends_with(".new") => {}
            Some((id, Part::Text)) if id > 0 => texts.push(id),
            Some((id, _)) => others.push(id),
            None => {}
        }
    }
    texts.sort_unstable();
    others.sort_unstable();
    others.dedup();
    others.retain(|id| texts.binary_search(id).is_err());
    Ok((texts, others))
}

fn find(
    folder: &Folder,
    options: &SegmentOptions,
    journal: Option<JournalIds>,
    log: &Logger,
) -> Result<Found, LogError> {
    let write = journal.is_some();
    let (mut ids, without_text) = list(folder, write)?;
    let checked_from = journal.map_or(u64::MAX, |journal| journal.first);
    let mut newest_aside = 0;
    if let Some(journal) = journal {
        for id in without_text {
            let aside = orphan(folder, options, id, &ids, journal, log)?;
            newest_aside = newest_aside.max(aside);
        }
    }
    // From the segment that holds the first unchecked id on, one after the other.
    let mut at = ids
        .partition_point(|id| *id <= checked_from)
        .saturating_sub(1);
    let mut scans: Vec<Scanned> = Vec::new();
    while let Some(&id) = ids.get(at + scans.len()) {
        let scanned = scan(folder, id, checked_from, write, log)?;
        let follows = |s: &Scanned| {
            scans.last().is_none_or(|before| {
                let ids_rise = before.active.last_id < s.active.first_id;
                ids_rise
                    && before.group == s.chain.group_before
                    && before.link == s.chain.link_before
            })
        };
        match scanned {
            Some(scanned) if follows(&scanned) => {
                let ends_here = scanned.cut.is_some() && write;
                scans.push(scanned);
                if ends_here {
                    break;
                }
            }
            _ if scans.is_empty() && at > 0 => {
                // Nothing of the last segment can be read: the one before it ends the log.
                at -= 1;
            }
            _ => break,
        }
        if scans.is_empty() {
            let aside = drop_behind(folder, &mut ids, at + 1, journal, log)?;
            newest_aside = newest_aside.max(aside);
        }
    }
    let kept = at + scans.len();
    if kept < ids.len() {
        let aside = drop_behind(folder, &mut ids, kept, journal, log)?;
        newest_aside = newest_aside.max(aside);
    }
    let mut sealed = Vec::with_capacity(ids.len());
    for (n, id) in ids[..at.min(ids.len())].iter().enumerate() {
        match summary(folder, *id, derived_log(write, log))? {
            Some(mut segment) => {
                let behind = ids.get(n + 1).map_or(u64::MAX, |next| next - 1);
                segment.last_id = segment.last_id.min(behind);
                sealed.push(segment);
            }
            None => error!(log, "a segment cannot be read; it is left out and stays where it is";
                "file" => %part_path(folder, *id, Part::Text).display(),
                "why" => "its .idx is missing or damaged"),
        }
    }
    let Some(last) = scans.pop() else {
        let Some(journal) = journal else {
            let none = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(io_error("find a segment in", folder)(none));
        };
        let first_id = match journal.first {
            // No journal either: behind what was set aside.
            u64::MAX => newest_aside + 1,
            first => first.max(1),
        };
        let (active, files) = new_segment(folder, first_id, 0, 0, &[0; 32])?;
        return Ok(Found {
            sealed,
            files,
            active,
            rooms: RoomIndex::empty(),
            group: 0,
            link: [0; 32],
            unsynced: Vec::new(),
            newest_aside,
        });
    };
    let mut unsynced = Vec::new();
    for scanned in scans {
        let (files, active) = (Arc::new(scanned.files), scanned.active);
        let mut segment = active.segment(in_memory(scanned.postings), &files);
        segment.files = None;
        unsynced.push((active.first_id, files));
        sealed.push(segment);
    }
    if let Some(journal) = journal {
        if let Some(aside) = cut_back(folder, &last, journal, log)? {
            newest_aside = newest_aside.max(aside);
        }
        // It is written again, so what was derived from it when it was sealed does not hold.
        let rooms = part_path(folder, last.active.first_id, Part::Rooms);
        remove(folder, &rooms)?;
    }
    info!(log, "segments opened"; "segments" => ids.len(), "newest_id" => last.active.last_id);
    Ok(Found {
        sealed,
        files: last.files,
        active: last.active,
        rooms: in_memory(last.postings),
        group: last.group,
        link: last.link,
        unsynced,
        newest_aside,
    })
}

/// Where to say that a derived file is missing. Whoever only reads says nothing: beside a running server it is not written yet.
fn derived_log(write: bool, log: &Logger) -> &Logger {
    static NOWHERE: LazyLock<Logger> = LazyLock::new(|| Logger::root(slog::Discard, slog::o!()));
    if write { log } else { &NOWHERE }
}

fn in_memory(postings: super::rooms::Postings) -> RoomIndex {
    RoomIndex::Memory(Arc::new(RwLock::new(postings)))
}

/// Sidecars without a text: debris of a deletion or a creation that a crash cut short, which is cleared away; else the text is missing.
/// Returns the newest id that went to quarantine.
fn orphan(
    folder: &Folder,
    options: &SegmentOptions,
    id: u64,
    texts: &[u64],
    journal: JournalIds,
    log: &Logger,
) -> Result<u64, LogError> {
    let oldest = texts.first().is_some_and(|first| id < *first);
    if oldest && options.expires() {
        for part in Part::ALL {
            remove(folder, &part_path(folder, id, part))?;
        }
        return Ok(0);
    }
    let in_the_middle = texts.last().is_some_and(|last| id < *last);
    if in_the_middle && id < journal.first {
        error!(log, "the text of a segment is missing; its messages are not served: copy it back from a backup, or run `gencomm log repair`";
            "file" => %part_path(folder, id, Part::Text).display());
        return Ok(0);
    }
    set_orphan_aside(folder, id, journal, log)
}

/// Takes the segments from `from` on out of the log, the newest one first and each for good before the next: where the power goes in between,
/// what is left goes on from the segment before it, as it did. Returns the newest id that went to quarantine.
fn drop_behind(
    folder: &Folder,
    ids: &mut Vec<u64>,
    from: usize,
    journal: Option<JournalIds>,
    log: &Logger,
) -> Result<u64, LogError> {
    let Some(journal) = journal else {
        ids.truncate(from);
        return Ok(0);
    };
    let mut newest = 0;
    for id in ids.drain(from..).rev() {
        newest = newest.max(set_aside(folder, id, journal, log)?);
        sync_folder(folder)?;
    }
    Ok(newest)
}

/// A sealed segment from its derived file, or from its index if that is missing; `None` if there is no index.
fn summary(folder: &Folder, first_id: u64, log: &Logger) -> Result<Option<Segment>, LogError> {
    let length = |part| {
        let path = part_path(folder, first_id, part);
        match open_if_there(folder, &path)? {
            Some(file) => file.length().map_err(io_error("read", &path)),
            None => Ok(0),
        }
    };
    let records = length(Part::Index)?.saturating_sub(HEADER_BYTES as u64) / ENTRY_BYTES as u64;
    let mut segment = Segment {
        first_id,
        last_id: first_id.saturating_sub(1),
        count: u32::try_from(records).unwrap_or(u32::MAX),
        messages: 0,
        text_bytes: length(Part::Text)?,
        time_max: 0,
        rooms: RoomIndex::empty(),
        files: None,
    };
    let Some(time_max) = time_max_before(folder, first_id)? else {
        return Ok(None);
    };
    segment.time_max = time_max;
    let figures = RoomsFile::open(folder, first_id)?.map(|rooms| rooms.figures);
    match figures {
        Some(figures) if figures.records <= segment.count => {
            if figures.records < segment.count {
                warn!(log, "a segment's index is longer than it was; what is behind is not read"; "segment" => first_id);
            }
            segment.count = figures.records;
            segment.last_id = figures.last_id;
            segment.messages = figures.messages;
            segment.time_max = figures.time_max;
            segment.rooms = RoomIndex::File(Arc::new(AtomicBool::new(false)));
            return Ok(Some(segment));
        }
        Some(figures) => error!(
            log, "a segment's index is cut off; what is behind is not served: copy the file back from a backup";
            "file" => %part_path(folder, first_id, Part::Index).display(),
            "records" => segment.count, "expected" => figures.records),
        _ => {
            warn!(log, "a segment's room postings are missing or damaged; built again from its index";
            "segment" => first_id)
        }
    }
    // What their ids are at most is not known yet.
    segment.last_id = u64::MAX / 2;
    figures_from_index(folder, &mut segment)?;
    Ok(Some(segment))
}

fn figures_from_index(folder: &Folder, segment: &mut Segment) -> Result<(), LogError> {
    let copy = segment.clone();
    (segment.last_id, segment.count) = (segment.first_id.saturating_sub(1), 0);
    let Some(opened) = Opened::open(folder, &copy)? else {
        return Ok(());
    };
    let mut from = 0;
    while from < copy.count {
        let to = copy.count.min(from + RUN_ENTRIES_MAX);
        let run = opened.run(from, to)?;
        for (n, entry) in (from..to).filter_map(|n| Some((n, run.entry(n)?))) {
            // What stands behind the last one that can be read is nobody's.
            segment.count = n + 1;
            segment.last_id = segment.last_id.max(entry.id);
            segment.messages += u32::from(entry.is_message());
            segment.time_max = segment.time_max.max(entry.time_max);
        }
        from = to;
    }
    segment.rooms = in_memory(postings_of(&opened)?);
    Ok(())
}

/// Highest time before a segment, from the header of its index.
fn time_max_before(folder: &Folder, first_id: u64) -> Result<Option<u64>, LogError> {
    let path = part_path(folder, first_id, Part::Index);
    let Some(file) = open_if_there(folder, &path)? else {
        return Ok(None);
    };
    let header = read_header(&file, &path)?;
    let header = header.as_ref().and_then(IndexHeader::decode);
    let fits = header.filter(|header| header.first_id == first_id);
    Ok(fits.map(|header| header.time_max_before))
}

fn open_if_there(folder: &Folder, path: &Path) -> Result<Option<File>, LogError> {
    match folder.open(path, Open::Read) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("open", path)(error)),
    }
}
