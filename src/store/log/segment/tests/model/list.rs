//! The log as a plain list.

use super::super::super::super::{Event, EventKind, PageQuery, RoomRetention, Start};
use super::chances::ROOMS;

/// The log as a list.
#[derive(Default)]
pub(super) struct Model {
    /// Event, and whether its content was removed.
    pub(super) events: Vec<(Event, bool)>,
    pub(super) floor: u64,
    pub(super) room_floors: [u64; 3],
}

impl Model {
    pub(super) fn newest(&self) -> u64 {
        self.events.last().map_or(0, |(event, _)| event.id)
    }

    pub(super) fn newest_time(&self) -> u64 {
        self.events
            .last()
            .map_or(1_000_000, |(e, _)| e.time.as_micros())
    }

    pub(super) fn kept(&self) -> impl DoubleEndedIterator<Item = &(Event, bool)> {
        self.events
            .iter()
            .filter(|(event, _)| event.id >= self.floor_of(event.room.as_str()))
    }

    pub(super) fn floor_of(&self, room: &str) -> u64 {
        let n = ROOMS.iter().position(|name| *name == room).unwrap();
        self.floor.max(self.room_floors[n])
    }

    /// Passes the oldest events of a room while there are too many messages or they are too old. What the whole log has passed keeps
    /// nothing behind it, however young it is.
    pub(super) fn expire(&mut self, n: usize, retention: RoomRetention, now: u64) {
        let age = retention.age.as_micros() as u64;
        let cutoff = if age == 0 { 0 } else { now.saturating_sub(age) };
        let in_room = |e: &&(Event, bool)| e.0.room.as_str() == ROOMS[n];
        let is_message = |e: &Event| matches!(e.kind, EventKind::Message(_));
        let events: Vec<_> = self.events.iter().filter(in_room).collect();
        let above = events.iter().filter(|e| e.0.id >= self.room_floors[n]);
        let mut messages = above.clone().filter(|e| is_message(&e.0)).count() as u64;
        let mut floor = self.room_floors[n];
        for (event, _) in above {
            let over = retention.messages > 0 && messages > retention.messages;
            let passed = cutoff > 0 && event.id < self.floor;
            if !over && !passed && event.time.as_micros() >= cutoff {
                floor = floor.max(event.id);
                break;
            }
            messages -= u64::from(is_message(event));
            floor = event.id + 1;
        }
        self.room_floors[n] = floor;
    }

    pub(super) fn page(&self, query: &PageQuery) -> Vec<Event> {
        let matching = self.kept().filter(|(event, removed)| {
            let kind = match event.kind {
                EventKind::Message(_) => !removed,
                EventKind::Removal(_) => query.with_removals,
            };
            kind && query.room.as_ref().is_none_or(|room| *room == event.room)
                && event.id > query.after
                && event.id < query.before
                && event.time >= query.since
        });
        let mut matching: Vec<Event> = matching.map(|(event, _)| event.clone()).collect();
        if query.newest_first {
            matching.reverse();
        }
        let mut bytes = 0;
        let mut page: Vec<Event> = Vec::new();
        for event in matching {
            if let EventKind::Message(body) = &event.kind {
                bytes += body.len();
            }
            if page.len() >= query.events_max || (bytes > query.bytes_max && !page.is_empty()) {
                break;
            }
            page.push(event);
            if bytes > query.bytes_max {
                break;
            }
        }
        if query.newest_first {
            page.reverse();
        }
        page
    }

    pub(super) fn in_room(&self, room: &str) -> Vec<&(Event, bool)> {
        self.kept()
            .filter(|(e, _)| e.room.as_str() == room)
            .collect()
    }

    pub(super) fn room_expired(&self, room: &str, after: u64) -> bool {
        self.events
            .iter()
            .any(|(e, _)| e.room.as_str() == room && e.id < self.floor_of(room) && e.id > after)
    }

    /// What a gap points to: the room's first id kept, or the log's.
    pub(super) fn first_kept(&self, room: &str) -> u64 {
        let kept = self.in_room(room);
        kept.first().map_or(self.floor_of(room), |(e, _)| e.id)
    }

    fn messages(&self, room: &str) -> Vec<u64> {
        let live = |(event, removed): &&(Event, bool)| {
            matches!(event.kind, EventKind::Message(_)) && !removed
        };
        let kept = self.in_room(room).into_iter();
        kept.filter(live).map(|(event, _)| event.id).collect()
    }

    pub(super) fn newest_start(&self, room: &str, before: u64, count: u64) -> Option<u64> {
        let mut messages = self.messages(room);
        messages.retain(|id| *id < before);
        let from = messages.len().saturating_sub(count as usize);
        messages.get(from).map(|id| id - 1)
    }

    pub(super) fn last(&self, room: &str, count: u64) -> Start {
        let messages = self.messages(room);
        let from = messages.len().saturating_sub(count as usize);
        let short = (messages.len() as u64) < count && self.room_expired(room, 0);
        Start {
            after: messages.get(from).map_or(self.newest(), |id| id - 1),
            gap: short.then(|| self.first_kept(room)),
        }
    }
}
