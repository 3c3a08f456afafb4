//! What has to hold after a mutation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::super::super::super::inspect::{Audit, Fate, audit, repair};
use super::super::super::super::segment::room_hash;
use super::super::super::super::{Event, LogError, LogReader, LogStore, PageQuery};
use super::super::super::EmbeddedLog;
use super::super::support::{say, silent};
use super::mutate::Mutation;
use super::rig::{Kind, Record, Rig, everything, options, retain};

/// How a mutation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// Found; the start or the repair made it good, nothing is lost.
    MadeGood,
    /// Found; records are lost, marked or reported, with a copy in quarantine.
    SetAside,
    /// Found; records are lost with the bytes that were cut off or deleted, so that nothing is left to copy.
    Lost,
    /// Not found, and without effect: nothing depends on these bytes, or the start makes them anew.
    NoEffect,
    /// Not found: the end of the journal, newer than every kept head.
    BehindHead,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MadeGood => "found, made good, nothing lost",
            Self::SetAside => "found, lost records named, copy in quarantine",
            Self::Lost => "found, lost records named, nothing left to copy",
            Self::NoEffect => "without effect",
            Self::BehindHead => "end of the journal cut, newer than the newest head",
        })
    }
}

macro_rules! demand {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+));
        }
    };
}

pub(super) fn judge(rig: &Rig, mutation: &Mutation) -> Result<Verdict, String> {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("log");
    rig.lay_out(&folder);
    mutation.apply(&folder);
    let may_go = may_go(rig, mutation);

    let found = checked(rig, &folder)?;
    let is_found = found.faults_count > 0
        || found.notes != rig.notes
        || found
            .heads
            .iter()
            .any(|(_, fate)| !matches!(fate, Fate::OnChain(_)));

    let opened = catch_unwind(AssertUnwindSafe(|| {
        EmbeddedLog::open(options(&folder), silent())
    }));
    let opened = opened.map_err(|_| "opening panicked".to_owned())?;
    let mut log = match opened {
        Ok(log) => log,
        Err(error) => {
            demand!(is_found, "refused ({error}) and not found");
            return Err(format!("refused to start: {error}"));
        }
    };
    retain(&mut log, &rig.rooms[1]).map_err(|error| format!("retention: {error}"))?;
    let first = lost_and_right(rig, mutation, &log, &may_go, &[])?;
    let said = say(&mut log, "goes on");
    demand!(said > rig.newest, "id {said} was given twice");
    log.close().map_err(|error| format!("closing: {error}"))?;
    drop(log);

    // What `gencomm log repair` does.
    let repaired = catch_unwind(AssertUnwindSafe(|| repair(&options(&folder), &silent())));
    let repaired = repaired.map_err(|_| "the repair panicked".to_owned())?;
    let repaired = repaired.map_err(|error| format!("the repair failed: {error}"))?;
    let after = checked(rig, &folder)?;
    let bad: BTreeSet<u64> = repaired
        .lost
        .iter()
        .copied()
        .filter(|id| rig.served.contains_key(id) && !may_go.contains(id))
        .collect();
    demand!(bad.is_empty(), "the repair lost {bad:?}");
    let log = EmbeddedLog::open(options(&folder), silent());
    let log = log.map_err(|error| format!("opening again: {error}"))?;
    let lost = lost_and_right(rig, mutation, &log, &may_go, &repaired.lost)?;
    demand!(
        first.is_subset(&lost) || lost.is_subset(&first),
        "lost {first:?}, then {lost:?}"
    );
    drop(log);
    let last = checked(rig, &folder)?;
    demand!(
        last.faults_count <= after.faults_count,
        "starting again made faults: {:#?}",
        last.faults
    );
    let contradicted = |audit: &Audit| {
        let mut fates = audit.heads.iter().map(|(_, fate)| fate);
        fates.any(|fate| !matches!(fate, Fate::OnChain(_)))
    };
    let silent_again = last.faults_count == 0 && last.lost_count == 0 && !contradicted(&last);
    // Messages that were removed, whose removal is lost, are lost too: nobody can tell any more why they are gone.
    if lost.is_empty() && repaired.lost.is_empty() {
        demand!(
            silent_again,
            "nothing is lost, and still: {:#?} {:?}",
            last.faults,
            last.heads
        );
        return Ok(if is_found {
            Verdict::MadeGood
        } else {
            Verdict::NoEffect
        });
    }
    if lost.iter().all(|id| *id > rig.segments_newest) {
        // Newer than what any head could be printed of.
        return Ok(match (is_found, quarantine(&folder)) {
            (false, _) => Verdict::BehindHead,
            (true, true) => Verdict::SetAside,
            (true, false) => Verdict::Lost,
        });
    }
    demand!(is_found, "{lost:?} are lost and nobody says so");
    demand!(
        !silent_again,
        "{lost:?} are lost, and after the repair nobody says so"
    );
    if quarantine(&folder) {
        return Ok(Verdict::SetAside);
    }
    let shorter = mutation
        .bytes
        .as_ref()
        .is_none_or(|new| new.len() < rig.files[&mutation.file].len());
    demand!(
        shorter,
        "{lost:?} are lost, and no copy is in quarantine: {repaired:?}"
    );
    Ok(Verdict::Lost)
}

/// `verify`, with the heads that were kept.
fn checked(rig: &Rig, folder: &Path) -> Result<Audit, String> {
    let audit = catch_unwind(AssertUnwindSafe(|| {
        audit(folder, false, &rig.heads, |_, _| {})
    }));
    let audit = audit.map_err(|_| "verify panicked".to_owned())?;
    audit
        .map(|(audit, _)| audit)
        .map_err(|error| format!("verify: {error}"))
}

/// Whether something was set aside, with a note that says what to do.
fn quarantine(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder.join("quarantine")) else {
        return false;
    };
    let notes = fs::read_to_string(folder.join("quarantine/notes")).unwrap_or_default();
    entries.flatten().any(|entry| {
        let name = entry.file_name().into_string().unwrap();
        let noted = notes
            .lines()
            .any(|line| line.starts_with(&name) && line.contains("backup"));
        noted || name.starts_with("journal") || name.starts_with("tags")
    })
}

/// Reads everything in every way; returns what is not served that was. What is served is as it was.
fn lost_and_right(
    rig: &Rig,
    mutation: &Mutation,
    log: &EmbeddedLog,
    may_go: &BTreeSet<u64>,
    marked: &[u64],
) -> Result<BTreeSet<u64>, String> {
    let reader = log.reader();
    let mut by_room = BTreeMap::new();
    for room in &rig.rooms {
        let (events, holes) = pages(&*reader, everything(Some(room)))?;
        // Whoever catches up is told of every hole that has something behind it.
        let wanted = rig.served.values().filter(|event| event.room == *room);
        for lost in wanted.filter(|event| !events.contains_key(&event.id)) {
            // As for what retention has taken, `read_on` tells of what is below the floor; of what no segment ever had, nobody can.
            if lost.id < reader.room_floor(room) || lost.id > rig.segments_newest {
                continue;
            }
            let mut behind = events.keys().filter(|id| **id > lost.id);
            if let Some(next) = behind.next() {
                let told = holes.iter().any(|hole| *hole > lost.id && hole <= next);
                demand!(
                    told,
                    "{} of {room} is lost, {next} follows, holes {holes:?}",
                    lost.id
                );
            }
        }
        for hole in &holes {
            let before = rig
                .records
                .iter()
                .filter(|r| r.room == room_hash(room.as_str()));
            let near = before.rev().find(|record| record.id < *hole);
            let real = near
                .is_none_or(|near| may_go.contains(&near.id) || marked.contains(&near.id))
                || *hole > rig.segments_newest;
            demand!(
                real,
                "a hole before {hole} of {room}, where nothing is missing"
            );
        }
        by_room.extend(events);
    }
    let (all, _) = pages(&*reader, everything(None))?;
    let mut lost = BTreeSet::new();
    for (id, was) in &rig.served {
        let got = match reader.get(*id) {
            Err(LogError::Damaged { .. }) | Ok(None) => None,
            Ok(event) => event,
            Err(error) => return Err(format!("reading {id}: {error}")),
        };
        let found = [by_room.get(id), all.get(id), got.as_ref()];
        for event in found.into_iter().flatten() {
            // Content and sender stand in the text alone, and reads do not compare it with its hash.
            let text_changed = event.kind != was.kind || event.user != was.user;
            let right = Event {
                kind: was.kind.clone(),
                user: was.user.clone(),
                nonce: was.nonce,
                ..event.clone()
            } == *was;
            let unchecked = text_changed && mutation.class == ".log" && may_go.contains(id);
            demand!(
                right && (!text_changed || unchecked),
                "{event:?} is served for {was:?}"
            );
        }
        if found[1].is_none() || found[0].is_none() {
            lost.insert(*id);
        }
    }
    let strange = all
        .keys()
        .chain(by_room.keys())
        .find(|id| **id <= rig.newest && !rig.served.contains_key(id));
    demand!(strange.is_none(), "{strange:?} is served again");
    let unexpected: Vec<_> = lost.iter().filter(|id| !may_go.contains(id)).collect();
    demand!(unexpected.is_empty(), "{unexpected:?} are not served");
    Ok(lost)
}

type Read = (BTreeMap<u64, Event>, Vec<u64>);

/// Everything that pages give, and the holes they tell of.
fn pages(reader: &dyn LogReader, mut query: PageQuery) -> Result<Read, String> {
    let (mut events, mut holes) = (BTreeMap::new(), Vec::new());
    loop {
        let page = catch_unwind(AssertUnwindSafe(|| reader.page(&query)));
        let page = page.map_err(|_| "a page panicked".to_owned())?;
        let page = page.map_err(|error| format!("a page: {error}"))?;
        let ids = page.events.iter().map(|event| event.id);
        demand!(ids.is_sorted_by(|a, b| a < b), "a page out of order");
        events.extend(page.events.into_iter().map(|event| (event.id, event)));
        holes.extend(page.holes);
        if !page.more {
            return Ok((events, holes));
        }
        demand!(
            page.scanned_to > query.after,
            "a page that does not move on"
        );
        query.after = page.scanned_to;
    }
}

/// Ids that the mutation may cost: those whose bytes it touched, and those that cannot be told from them.
fn may_go(rig: &Rig, mutation: &Mutation) -> BTreeSet<u64> {
    let old = &rig.files[&mutation.file];
    let new = mutation.bytes.as_deref().unwrap_or_default();
    let is_same = |at: u64| old.get(at as usize) == new.get(at as usize);
    let touched = |(from, to): (u64, u64)| !(from..to).all(is_same);
    let first = (0..old.len() as u64)
        .find(|at| !is_same(*at))
        .unwrap_or(old.len() as u64);
    let segment: Option<u64> = mutation
        .file
        .file_stem()
        .and_then(|stem| stem.to_str()?.parse().ok());
    let newest_segment = rig.records.iter().map(|record| record.segment).max();
    // Segments that the start compares with the journal, from the one with its first id on.
    let compared = rig
        .records
        .iter()
        .filter(|r| r.id <= rig.journal_first)
        .map(|r| r.segment)
        .max();
    let mut ids = BTreeSet::new();
    let here = rig
        .records
        .iter()
        .filter(|record| Some(record.segment) == segment);
    let span_of = |record: &Record| match mutation.class {
        ".log" => record.text,
        _ => record.entry,
    };
    // An end is cut back to a whole group.
    let first_group = here
        .clone()
        .find(|record| span_of(record).1 > first)
        .map_or(u64::MAX, |record| record.group);
    match mutation.class {
        ".log" | ".idx" | ".chain" => {
            for record in here {
                let span = span_of(record);
                // A file that is gone, or that does not begin as it should, takes all with it.
                let header = mutation.class != ".log" && first < 64 || mutation.bytes.is_none();
                let end_cut = segment >= compared && segment <= newest_segment && {
                    // What is behind the damage and before the journal is cut off with it.
                    mutation.class == ".chain" || record.group >= first_group
                };
                let own = mutation.class != ".chain" && touched(span);
                if record.id < rig.journal_first
                    && (own || header && mutation.class != ".chain" || end_cut)
                {
                    ids.insert(record.id);
                }
            }
        }
        "journal-0" | "journal-1" if rig.kind == Kind::Behind => {
            ids.extend(rig.segments_newest + 1..=rig.newest);
        }
        _ => {}
    }
    ids
}
