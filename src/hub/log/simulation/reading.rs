//! Reading the log in every way that there is, and comparing one with the other.

use std::collections::BTreeMap;

use super::model::{Model, ensure};
use crate::edge::wire::names::RoomName;
use crate::edge::wire::timestamp::Timestamp;
use crate::store::log::disk::simulated::Dice;
use crate::store::log::{Event, EventKind, From, LogReader, PageQuery};

/// All that is served, in pages of any size.
pub(super) fn all(reader: &dyn LogReader, dice: &mut Dice) -> Result<Vec<Event>, String> {
    pages(reader, None, dice.one_of(&[3, 50, 1000]))
}

fn pages(
    reader: &dyn LogReader,
    room: Option<&RoomName>,
    events_max: usize,
) -> Result<Vec<Event>, String> {
    let mut events = Vec::new();
    let mut after = 0;
    loop {
        let query = PageQuery {
            room: room.cloned(),
            after,
            before: u64::MAX,
            since: Timestamp::default(),
            newest_first: false,
            with_removals: true,
            events_max,
            bytes_max: 1 << 20,
        };
        let page = reader.page(&query).map_err(|error| error.to_string())?;
        events.extend(page.events);
        ensure!(
            page.scanned_to >= after,
            "a page goes back to {}",
            page.scanned_to
        );
        after = page.scanned_to;
        if !page.more {
            return Ok(events);
        }
    }
}

/// The other ways of reading tell the same as `found`.
pub(super) fn check(
    reader: &dyn LogReader,
    found: &[Event],
    dice: &mut Dice,
    model: &mut Model,
) -> Result<(), String> {
    let mut rooms: BTreeMap<&RoomName, Vec<&Event>> = BTreeMap::new();
    for event in found {
        rooms.entry(&event.room).or_default().push(event);
    }
    for (room, events) in &rooms {
        let newest = reader.room_newest(room);
        let last = events.last().map_or(0, |event| event.id);
        ensure!(
            newest >= last,
            "{room} has {last}, but its newest is {newest}"
        );
        let floor = reader.room_floor(room);
        let before = model.floors.entry((*room).clone()).or_default();
        ensure!(
            floor >= *before || model.is_lenient,
            "the floor of {room} went from {before} to {floor}"
        );
        *before = floor.max(*before);
        let first = events.first().map_or(u64::MAX, |event| event.id);
        ensure!(
            first >= floor,
            "{room} serves {first} below its floor {floor}"
        );
    }
    let Some((room, events)) = (!rooms.is_empty())
        .then(|| dice.index(rooms.len()))
        .and_then(|at| rooms.iter().nth(at))
    else {
        return Ok(());
    };
    let alone = pages(reader, Some(room), dice.one_of(&[2, 100]))?;
    ensure!(
        alone.iter().eq(events.iter().copied()),
        "{room} alone is not what it is among all"
    );
    let is_message = |event: &&&Event| matches!(event.kind, EventKind::Message(_));
    let messages: Vec<&&Event> = events.iter().filter(is_message).collect();
    let count = 1 + dice.index(messages.len() + 2);
    let start = reader.resolve(room, From::Last(count as u64));
    let start = start.map_err(|error| error.to_string())?;
    let wanted = messages.len().saturating_sub(count);
    match messages.get(wanted) {
        Some(first) => ensure!(
            start.after == first.id - 1,
            "the last {count} of {room} begin behind {}, not at {}",
            start.after,
            first.id
        ),
        None => ensure!(
            start.after >= events.last().map_or(0, |event| event.id),
            "nothing of {room} begins behind {}",
            start.after
        ),
    }
    if !found.is_empty() {
        let event = &found[dice.index(found.len())];
        let alone = reader.get(event.id).map_err(|error| error.to_string())?;
        let is_message = matches!(event.kind, EventKind::Message(_));
        let wanted = is_message.then_some(event);
        ensure!(alone.as_ref() == wanted, "{} alone is {alone:?}", event.id);
    }
    Ok(())
}
