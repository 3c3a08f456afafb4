//! The ledger beside what the server has.

use std::collections::{BTreeMap, HashSet};

use super::super::Server;
use super::ledger::{Fate, Ledger};
use super::past;
use super::people::Person;
use super::reader::Heard;

type Rooms = [(Person, String)];

/// What the server has of these rooms behind `from`: id, room and body.
fn read(server: &Server, rooms: &Rooms, from: u64) -> BTreeMap<u64, (String, String)> {
    let mut all = BTreeMap::new();
    for (who, room) in rooms {
        let mut client = who.enter(server.address()).expect("the checker logs in");
        for (id, body) in past::room(&mut client, room, from) {
            let before = all.insert(id, (room.clone(), body));
            assert!(before.is_none(), "{id} is in {room} and in {before:?}");
        }
    }
    all
}

/// Everything that was answered with OK is there, once, under its id; nothing else but what is still to be answered.
pub(super) fn stored(server: &Server, ledger: &Ledger, rooms: &Rooms, from: u64) {
    let stored = read(server, rooms, from);
    let known = ledger.known();
    let mut failures = Vec::new();
    for (id, kept) in known.kept.range(from + 1..) {
        let found = stored.get(id);
        let is_right = found.is_some_and(|(room, body)| *room == kept.room && *body == kept.body);
        match kept.fate {
            Fate::Kept if found.is_none() => failures.push(format!("LOST: {id} {kept:?}")),
            Fate::Removed if found.is_some() => failures.push(format!("BACK: {id} {kept:?}")),
            _ if found.is_some() && !is_right => {
                failures.push(format!("CHANGED: {id} {kept:?} is {found:?}"));
            }
            _ => {}
        }
    }
    let mut seen = HashSet::new();
    for (id, message) in &stored {
        if known.kept.contains_key(id) {
            continue;
        }
        // Stored, and the answer was never heard; or stored twice, or never sent.
        if !known.unanswered.contains(message) || !seen.insert(message) {
            failures.push(format!("TWICE OR NEVER SENT: {id} {message:?}"));
        }
    }
    drop(known);
    failures
        .into_iter()
        .for_each(|failure| ledger.fail(failure));
    if let Some(newest) = stored.keys().next_back() {
        ledger.saw(*newest);
    }
}

/// What was answered with OK before this round began is there; of this round the unsynced end may be missing, or a part of it. Forgets
/// what is lost; returns how many.
pub(super) fn unsynced(server: &Server, ledger: &Ledger, rooms: &Rooms) -> usize {
    let stored = read(server, rooms, 0);
    let mut known = ledger.known();
    let (before, newest_before) = (known.kept.len(), known.newest_before);
    let mut failures = Vec::new();
    known.kept.retain(|id, kept| match stored.get(id) {
        Some((room, body)) => {
            if kept.room != *room || kept.body != *body {
                failures.push(format!("CHANGED: {id} {kept:?} is {room} {body:?}"));
            }
            true
        }
        None => {
            if *id <= newest_before {
                failures.push(format!("LOST: {id} {kept:?}, which a start had found"));
            }
            false
        }
    });
    let lost = before - known.kept.len();
    drop(known);
    failures
        .into_iter()
        .for_each(|failure| ledger.fail(failure));
    if let Some(newest) = stored.keys().next_back() {
        ledger.saw(*newest);
    }
    lost
}

/// A reader has heard every message of its room once; each was heard in order, which the reader has seen to.
pub(super) fn heard(ledger: &Ledger, heard: &Heard, end: &str) {
    let Heard {
        room,
        who,
        messages,
    } = heard;
    let known = ledger.known();
    let mut failures = Vec::new();
    for (id, kept) in known.kept.iter().filter(|(_, kept)| kept.room == *room) {
        match (kept.fate, messages.get(id)) {
            (Fate::Kept, None) => failures.push(format!("{who} never heard {id} {kept:?}")),
            (Fate::Removed, Some(_)) => {
                failures.push(format!("{who} never heard that {id} {kept:?} is gone"));
            }
            (_, Some(body)) if *body != kept.body => {
                failures.push(format!("{who} heard {id} as {body:?}: {kept:?}"));
            }
            _ => {}
        }
    }
    for (id, body) in messages {
        let is_known = known.kept.contains_key(id) || body == end;
        if !is_known {
            failures.push(format!(
                "{who} heard {id} {body:?}, which nobody was told of"
            ));
        }
    }
    drop(known);
    failures
        .into_iter()
        .for_each(|failure| ledger.fail(failure));
}
