//! Opening: locks, reads the journal, lets the segments check themselves, completes them from the journal, begins anew.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use slog::{Logger, error, info, warn};

use super::super::disk::Folder;
use super::super::ground::Ground;
use super::super::segment::{Expired, JournalIds, SegmentOptions, Segments};
use super::super::stored::{Group, chain_link};
use super::super::{LogError, LogReader};
use super::draft::Draft;
use super::files::{make_folder, refuse_beyond, refused, sync_folder};
use super::ids::{AHEAD, Ids};
use super::journal::Journal;
use super::journal::layout::GROUP_HEADER_BYTES;
use super::journal::scan::HalfScan;
use super::lock::WriterLock;
use super::quarantine::Quarantine;
use super::removal::forget_copies;
use super::renew;
use super::sync::{SyncWork, Syncer};
use super::tags::{Marker, Tagged, Tags};
use super::{Durability, EmbeddedLog, EmbeddedOptions};

pub(super) fn open(
    ground: &Ground,
    folder: Folder,
    options: EmbeddedOptions,
    log: Logger,
) -> Result<EmbeddedLog, LogError> {
    let clock = ground.clock.clone();
    let began = clock.uptime();
    make_folder(&folder)?;
    let lock = WriterLock::take(&folder)?;
    let quarantine = Quarantine::new(&folder);
    let expired = Expired::read(&folder)?;
    let (mut journal, scans) = Journal::open(&folder, options.journal_bytes, &expired)?;
    for (age, scan) in scans.iter().enumerate() {
        let last = scan.groups.last().map_or(0, |group| group.last_id);
        let first = scan.first_id().unwrap_or(0);
        refuse_beyond(
            journal.path(age),
            &[
                scan.newest_turn(),
                scan.first_group(),
                scan.settled(),
                first,
                last,
            ],
        )?;
    }
    let journal_last = last_id(&scans);
    let ids_there = journal_ids(&scans, journal_last, &folder)?;
    if renew::is_marked(&folder) {
        let bytes = renew::all(&folder, ids_there.first)?;
        warn!(log, "a sync failed before the log was opened: what may not have reached the disk is written again"; "bytes" => bytes);
    }
    // Before anything is done because of what is in it: nothing must outlive a power cut that the journal does not.
    journal.sync()?;
    report_cuts(&journal, &scans, &quarantine, &log)?;
    let mut segments =
        Segments::open_in(folder.clone(), segment_options(&options), ids_there, &log)?;
    refuse_beyond(&folder, &numbers(&segments))?;
    let (applied, gap) = apply(&scans, &mut segments, &log)?;
    refuse_beyond(&folder, &numbers(&segments))?;
    // A crash may have come between a removal's commit and the overwriting.
    let removals: Vec<u64> = scans.iter().flat_map(HalfScan::removals).collect();
    forget_copies(&removals, &segments, &mut journal, &quarantine)?;
    segments.redact_all(&removals)?;
    let mut ids = Ids::open(&folder)?;
    let given = segments
        .newest_id()
        .max(segments.newest_aside())
        .max(journal_last)
        .max(given_before(&scans));
    segments.fit_floors(ids.floor().max(given + 1));
    segments.publish();
    match segments.retain(clock.wall()) {
        Err(stopped @ LogError::Stopped { .. }) => return Err(stopped),
        Err(error) => {
            warn!(log, "retention could not be carried out; it is tried again"; "reason" => %error);
        }
        Ok(_) => {}
    }

    let mut tags = Tags::open(&folder, &clock, &quarantine, &log)?;
    let marker = Marker::open(&folder, &quarantine, &log)?;
    let tags_there = journal_tags(&scans);
    let ids_tagged: HashSet<u64> = tags_there.iter().map(|tag| tag.id).collect();
    let tags_lost = tags.forget_lost(ids_there.first, |id| {
        Ok(ids_tagged.contains(&id) || segments.has_had(id)?)
    })?;
    let tags_found = tags.complete(&tags_there)?;
    tags.redact_all(&removals)?;

    let work = SyncWork {
        covers: segments.newest_id(),
        segments: segments.sync_handle(),
        tags: tags.unsynced()?,
    };
    let syncer = Syncer::start(work.run()?, ground)?;
    journal.sync()?;

    let next_id = next_id(&mut ids, given, &options, &log)?;
    let newest = newest_group(&scans, &segments);
    for (age, scan) in scans.iter().enumerate() {
        for cut in &scan.cuts {
            journal.wipe(age, cut.range.clone())?;
        }
        // No removal would look for anything there.
        journal.wipe(age, scan.beginning.clone())?;
    }
    drop(scans);
    // No link leads over a gap, so a start that compares what stands behind it takes that for torn, and the half that could bring it back will
    // be written over. All of it is synced by now.
    let settled = if gap { next_id - 1 } else { 0 };
    journal.begin(newest.number + 1, next_id, newest.link, settled)?;
    sync_folder(&folder)?;

    let reader: Arc<dyn LogReader> = segments.reader();
    info!(log, "the log is open"; "newest_id" => segments.newest_id(), "next_id" => next_id,
        "group" => newest.number, "rooms" => segments.rooms_len(), "tags" => tags.len(),
        "groups_completed" => applied, "removals_repeated" => removals.len(), "tags_completed" => tags_found, "tags_of_lost_messages" => tags_lost,
        "milliseconds" => clock.uptime().saturating_sub(began).as_millis() as u64);
    Ok(EmbeddedLog {
        reader,
        segments,
        journal,
        journal_synced: clock.uptime(),
        clock,
        journal_dirty: false,
        tags,
        marker,
        ids,
        quarantine,
        syncer,
        staged: Vec::new(),
        staged_bytes: GROUP_HEADER_BYTES,
        draft: Draft::new(),
        newest,
        next_id,
        waits: 0,
        unapplied: VecDeque::new(),
        unredacted: Vec::new(),
        stopped: None,
        #[cfg(test)]
        hooks: super::tests::Hooks::default(),
        options,
        folder,
        log,
        _lock: lock,
    })
}

/// What is counted on from.
fn numbers(segments: &Segments) -> [u64; 3] {
    [
        segments.newest_id(),
        segments.newest_aside(),
        segments.newest_group(),
    ]
}

/// The part of the options that the segments take.
pub(crate) fn segment_options(options: &EmbeddedOptions) -> SegmentOptions {
    SegmentOptions {
        folder: options.folder.clone(),
        segment_bytes: options.segment_bytes,
        retain_messages: options.retain_messages,
        retain_age: options.retain_age,
        retain_bytes: options.retain_bytes,
        rooms_max: options.rooms_max,
    }
}

/// Keeps what is cut off the journal and says so.
fn report_cuts(
    journal: &Journal,
    scans: &[HalfScan],
    quarantine: &Quarantine,
    log: &Logger,
) -> Result<(), LogError> {
    for (age, scan) in scans.iter().enumerate() {
        let file = journal.path(age).display().to_string();
        let name = journal.path(age).file_name().unwrap_or_default();
        if scan.header_lost {
            warn!(log, "half of the journal has no whole header, as a crash while starting it leaves it";
                "file" => &file, "groups_found" => scan.groups.len());
        }
        for cut in &scan.cuts {
            let bytes = scan.cut_bytes(cut);
            let is_over = (1..=settled(scans)).contains(&last_id(&scans[age..=age]));
            let damage = cut.damage && !is_over;
            let is_blank = bytes.iter().all(|byte| *byte == 0);
            if is_blank && is_over {
                // The gap, which was told when it was found.
                continue;
            }
            let why = if damage {
                "damaged: whole groups stand behind it; what the segments have of it is served, the rest is in no file but this"
            } else {
                "a write that did not end: nobody was told of it"
            };
            let (at, length) = (cut.range.start as u64, bytes.len());
            let name = format!("{}-turn-{}", name.to_string_lossy(), scan.generation);
            let copy = if is_blank {
                // A start that did not come to its end has a copy of what stood there.
                "none, all of it is zeros".to_owned()
            } else {
                let kept = quarantine.keep(&name, at, why, bytes)?;
                kept.map_or("none, quarantine is full".to_owned(), |path| {
                    path.display().to_string()
                })
            };
            if damage {
                error!(log, "the journal is damaged; messages in the damaged part are lost unless the segments have them";
                    "file" => &file, "at" => at, "bytes" => length, "copy" => copy);
            } else {
                warn!(log, "the journal ends in a group that was not written to its end; it was cut, nobody was told of it";
                    "file" => &file, "at" => at, "bytes" => length, "copy" => copy);
            }
        }
    }
    Ok(())
}

/// Appends what the segments lack. Returns the number of groups, and whether some are missing before one of them.
fn apply(
    scans: &[HalfScan],
    segments: &mut Segments,
    log: &Logger,
) -> Result<(u64, bool), LogError> {
    let (mut applied, mut gap) = (0, false);
    for scan in scans {
        for meta in &scan.groups {
            if meta.last_id <= segments.newest_id() {
                continue;
            }
            let Some(group) = scan.group(meta) else {
                continue;
            };
            let number = segments.newest_group();
            let hashes = group.records.iter().map(|record| record.hash);
            let follows = group.number == number + 1
                && chain_link(&segments.newest_link(), group.number, hashes) == group.link;
            let half_there = group.number == number;
            if !follows && !half_there {
                error!(log, "groups are missing between segments and journal: messages were lost, the chain has a gap";
                    "segments_to_group" => number, "journal_from_group" => group.number,
                    "newest_id" => segments.newest_id(), "first_id" => meta.first_id);
                gap = true;
            }
            segments.append(&group)?;
            applied += 1;
        }
    }
    Ok((applied, gap))
}

fn journal_tags(scans: &[HalfScan]) -> Vec<Tagged> {
    let found = scans.iter().flat_map(HalfScan::tags);
    found
        .map(|(mark, id, time)| Tagged {
            mark: *mark,
            id: *id,
            time: *time,
        })
        .collect()
}

/// Ids that the segments cannot be trusted with yet. A journal that says nothing was just made, after everything was synced.
fn journal_ids(scans: &[HalfScan], last: u64, folder: &Folder) -> Result<JournalIds, LogError> {
    let settled = settled(scans);
    let halves = scans.iter();
    let begun = halves.filter_map(|half| Some((half.first_id()?, half.first_group())));
    let (first, first_group) = match begun.clone().min() {
        // A half whose header was to be overwritten tells what it held before, had a gap that is known, or has lost its beginning.
        Some(_) if settled > 0 => {
            let begins = begun.filter(|(first, _)| *first == settled + 1).max();
            (settled + 1, begins.map_or(0, |(_, group)| group))
        }
        Some(first) => first,
        None if has_segments(folder)? => (u64::MAX, 0),
        None => (1, 0),
    };
    Ok(JournalIds {
        first,
        last: if last == 0 { first - 1 } else { last },
        first_group,
        is_whole: !scans.iter().any(HalfScan::is_damaged),
    })
}

fn has_segments(folder: &Folder) -> Result<bool, LogError> {
    let names = folder.disk().names(folder);
    let names = names.map_err(refused("reading", folder))?;
    Ok(names.iter().any(|name| name.ends_with(".log")))
}

/// Up to this id nothing in the segments needs the journal.
fn settled(scans: &[HalfScan]) -> u64 {
    scans.iter().map(HalfScan::settled).max().unwrap_or(0)
}

fn last_id(scans: &[HalfScan]) -> u64 {
    let groups = scans.iter().flat_map(|scan| &scan.groups);
    groups.map(|group| group.last_id).max().unwrap_or(0)
}

/// Every id below the first one of a half was given before that half was started, even if no file holds it any more.
fn given_before(scans: &[HalfScan]) -> u64 {
    let first = scans.iter().filter_map(HalfScan::first_id).max();
    first.map_or(0, |first| first.saturating_sub(1))
}

fn next_id(
    ids: &mut Ids,
    newest: u64,
    options: &EmbeddedOptions,
    log: &Logger,
) -> Result<u64, LogError> {
    let mut next = ids.floor().max(newest + 1);
    if ids.damaged {
        next += AHEAD;
        error!(log, "the file of reserved ids is damaged; ids are left out so that none is given twice"; "next_id" => next);
    }
    if options.durability != Durability::Always {
        ids.reserve(next + AHEAD)?;
    } else if next > newest + 1 {
        ids.reserve(next)?;
    }
    Ok(next)
}

/// The newest group with its records if the journal has it, else its number and link alone.
fn newest_group(scans: &[HalfScan], segments: &Segments) -> Group {
    let mut found = scans.iter().flat_map(|scan| {
        let last = scan.groups.last();
        last.and_then(|meta| scan.group(meta))
    });
    let number = segments.newest_group();
    let mut group = found
        .rfind(|group| group.number == number)
        .unwrap_or(Group {
            number,
            link: segments.newest_link(),
            records: Vec::new(),
        });
    for record in &mut group.records {
        // Else one record would keep the whole half in memory.
        if let super::super::EventKind::Message(body) = &mut record.event.kind {
            *body = bytes::Bytes::copy_from_slice(body);
        }
    }
    group
}
