//! Random histories: whatever was appended, removed, expired, synced or reopened, every query answers as a plain
//! list would.

use proptest::prelude::*;

use std::time::Duration;

use super::super::super::{
    Event, EventKind, From, LogReader, Page, PageQuery, RoomRetention, Start,
};
use super::super::{SegmentOptions, Segments};
use super::support::*;
use crate::edge::wire::timestamp::Timestamp;

const ROOMS: [&str; 3] = ["lobby", "dev", "quiet"];

#[derive(Debug, Clone)]
enum Step {
    /// Events of one group: room, body length, time step (the clock may step back), ids left out before it.
    Append(Vec<(usize, usize, i64, u64)>),
    /// Remove the message at this place in the list.
    Remove(prop::sample::Index),
    Sync,
    Retain,
    /// Give a room a retention: messages, age in milliseconds; or none.
    Limit(usize, u64, u64),
    /// Overwrite a batch of what has expired in rooms.
    Overwrite,
    /// Reopen, after a clean stop or not, with nothing known to be synced or everything.
    Reopen(bool, bool),
}

#[derive(Debug, Clone)]
struct Ask {
    room: Option<usize>,
    after: prop::sample::Index,
    before: Option<prop::sample::Index>,
    since: Option<prop::sample::Index>,
    newest_first: bool,
    with_removals: bool,
    events_max: usize,
    bytes_max: usize,
    last: u64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let room = prop_oneof![6 => Just(0usize), 3 => Just(1), 1 => Just(2)];
    let gap = prop_oneof![9 => Just(0u64), 1 => 1u64..70_000];
    let event = (room, 1usize..60, -3000i64..5000, gap);
    let step = prop_oneof![
        12 => prop::collection::vec(event, 1..6).prop_map(Step::Append),
        3 => any::<prop::sample::Index>().prop_map(Step::Remove),
        2 => Just(Step::Sync),
        3 => Just(Step::Retain),
        2 => (0usize..3, limit(12), limit(60_000)).prop_map(|(r, n, age)| Step::Limit(r, n, age)),
        1 => Just(Step::Overwrite),
        1 => any::<(bool, bool)>().prop_map(|(clean, synced)| Step::Reopen(clean, synced)),
    ];
    prop::collection::vec(step, 1..60)
}

fn limit(max: u64) -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1..max]
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let ask = (
        prop::option::of(0usize..3),
        any::<prop::sample::Index>(),
        prop::option::of(any::<prop::sample::Index>()),
        prop::option::of(any::<prop::sample::Index>()),
        any::<(bool, bool)>(),
        prop_oneof![1usize..8, Just(100_000)],
        prop_oneof![0usize..200, Just(usize::MAX)],
        0u64..12,
    );
    let ask = ask.prop_map(
        |(
            room,
            after,
            before,
            since,
            (newest_first, with_removals),
            events_max,
            bytes_max,
            last,
        )| Ask {
            room,
            after,
            before,
            since,
            newest_first,
            with_removals,
            events_max,
            bytes_max,
            last,
        },
    );
    prop::collection::vec(ask, 12)
}

/// The log as a list.
#[derive(Default)]
struct Model {
    /// Event, and whether its content was removed.
    events: Vec<(Event, bool)>,
    floor: u64,
    room_floors: [u64; 3],
}

impl Model {
    fn newest(&self) -> u64 {
        self.events.last().map_or(0, |(event, _)| event.id)
    }

    fn newest_time(&self) -> u64 {
        self.events
            .last()
            .map_or(1_000_000, |(e, _)| e.time.as_micros())
    }

    fn kept(&self) -> impl DoubleEndedIterator<Item = &(Event, bool)> {
        self.events
            .iter()
            .filter(|(event, _)| event.id >= self.floor_of(event.room.as_str()))
    }

    fn floor_of(&self, room: &str) -> u64 {
        let n = ROOMS.iter().position(|name| *name == room).unwrap();
        self.floor.max(self.room_floors[n])
    }

    /// Passes the oldest events of a room while there are too many messages or they are too old. What is in no file any more keeps
    /// nothing behind it, though it were not too old itself: the clock may have stepped back.
    fn expire(&mut self, n: usize, retention: RoomRetention, now: u64, first_there: u64) {
        let age = retention.age.as_micros() as u64;
        let cutoff = if age == 0 { 0 } else { now.saturating_sub(age) };
        let in_room = |e: &&(Event, bool)| e.0.room.as_str() == ROOMS[n];
        let is_message = |e: &Event| matches!(e.kind, EventKind::Message(_));
        let events: Vec<_> = self.events.iter().filter(in_room).collect();
        let lowest = self.room_floors[n].max(first_there);
        let above = events.iter().filter(|e| e.0.id >= lowest);
        let mut messages = above.clone().filter(|e| is_message(&e.0)).count() as u64;
        let mut floor = self.room_floors[n];
        for (event, _) in above {
            let over = retention.messages > 0 && messages > retention.messages;
            if !over && event.time.as_micros() >= cutoff {
                floor = floor.max(event.id);
                break;
            }
            messages -= u64::from(is_message(event));
            floor = event.id + 1;
        }
        self.room_floors[n] = floor;
    }

    fn page(&self, query: &PageQuery) -> Vec<Event> {
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

    fn in_room(&self, room: &str) -> Vec<&(Event, bool)> {
        self.kept()
            .filter(|(e, _)| e.room.as_str() == room)
            .collect()
    }

    fn room_expired(&self, room: &str, after: u64) -> bool {
        self.events
            .iter()
            .any(|(e, _)| e.room.as_str() == room && e.id < self.floor_of(room) && e.id > after)
    }

    /// What a gap points to: the room's first id kept, or the log's.
    fn first_kept(&self, room: &str) -> u64 {
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

    fn newest_start(&self, room: &str, before: u64, count: u64) -> Option<u64> {
        let mut messages = self.messages(room);
        messages.retain(|id| *id < before);
        let from = messages.len().saturating_sub(count as usize);
        messages.get(from).map(|id| id - 1)
    }

    fn last(&self, room: &str, count: u64) -> Start {
        let messages = self.messages(room);
        let from = messages.len().saturating_sub(count as usize);
        let short = (messages.len() as u64) < count && self.room_expired(room, 0);
        Start {
            after: messages.get(from).map_or(self.newest(), |id| id - 1),
            gap: short.then(|| self.first_kept(room)),
        }
    }
}

struct World {
    folder: tempfile::TempDir,
    options: SegmentOptions,
    segments: Option<Segments>,
    model: Model,
    limits: [RoomRetention; 3],
    now: u64,
}

impl World {
    fn new(retain_messages: u64, retain_bytes: u64, segment_bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SegmentOptions {
            segment_bytes,
            retain_messages,
            retain_bytes,
            ..options(folder.path())
        };
        let segments = Segments::open(options.clone(), NO_JOURNAL, &log()).unwrap();
        let model = Model {
            floor: 1,
            ..Model::default()
        };
        Self {
            folder,
            options,
            segments: Some(segments),
            model,
            limits: Default::default(),
            now: 0,
        }
    }

    fn segments(&mut self) -> &mut Segments {
        self.segments.as_mut().unwrap()
    }

    /// The first id of which there is a file.
    fn first_there(&mut self) -> u64 {
        let segments = self.segments();
        let sealed = segments.shared.read().sealed.first().map(|s| s.first_id);
        sealed.unwrap_or_else(|| segments.active_segment().first_id)
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Append(events) => {
                let (mut id, mut time) = (self.model.newest(), self.model.newest_time());
                let events: Vec<Event> = events
                    .into_iter()
                    .map(|(to, length, step, gap)| {
                        id += 1 + gap;
                        time = time.saturating_add_signed(step * 1000).max(1);
                        message(id, time, ROOMS[to], &"x".repeat(length))
                    })
                    .collect();
                append(self.segments(), events.clone());
                self.model
                    .events
                    .extend(events.into_iter().map(|e| (e, false)));
            }
            Step::Remove(place) => self.remove(place),
            Step::Sync => {
                if let Some(job) = self.segments().sync_handle() {
                    job.run().unwrap();
                }
            }
            Step::Retain => self.retain(),
            Step::Limit(n, messages, age) => {
                let age = Duration::from_millis(age);
                self.limits[n] = RoomRetention { age, messages };
                self.now = self.now.max(self.model.newest_time());
                let (now, setting) = (Timestamp::from_micros(self.now), self.limits[n]);
                let rooms = [(room(ROOMS[n]), setting)];
                let first_there = self.first_there();
                self.segments().set_room_retentions(&rooms, now).unwrap();
                self.model.expire(n, setting, self.now, first_there);
            }
            Step::Overwrite => {
                let segments = self.segments();
                if let Some(batch) = segments.next_expired().unwrap() {
                    segments.overwrite_expired(&batch).unwrap();
                }
            }
            Step::Reopen(clean, synced) => {
                if clean {
                    self.segments().close().unwrap();
                }
                self.segments = None;
                let journal = if synced { ALL_SYNCED } else { NO_JOURNAL };
                let opened = Segments::open(self.options.clone(), journal, &log()).unwrap();
                self.segments = Some(opened);
                self.limits = Default::default();
                self.retain();
                assert!(!self.folder.path().join("quarantine").exists());
            }
        }
    }

    fn remove(&mut self, place: prop::sample::Index) {
        if self.model.events.is_empty() {
            return;
        }
        let at = place.index(self.model.events.len());
        let (target, removed) = self.model.events[at].clone();
        let live = matches!(target.kind, EventKind::Message(_)) && !removed;
        let live = live && target.id >= self.model.floor_of(target.room.as_str());
        if !live {
            assert!(!self.segments().redact(target.id).unwrap());
            return;
        }
        let (id, time) = (self.model.newest() + 1, self.model.newest_time());
        let event = removal(id, time, target.room.as_str(), target.id);
        let segments = self.segments();
        let group = group(segments, vec![event.clone()]);
        segments.append(&group).unwrap();
        assert!(segments.redact(target.id).unwrap());
        segments.publish();
        self.model.events.push((event, false));
        self.model.events[at].1 = true;
    }

    fn retain(&mut self) {
        // A second is gone since the last look, else rooms are not looked at.
        self.now = (self.now + 1_000_000).max(self.model.newest_time());
        let now = Timestamp::from_micros(self.now);
        let first_there = self.first_there();
        let floor = self.segments().retain(now).unwrap();
        for n in 0..ROOMS.len() {
            self.model.expire(n, self.limits[n], self.now, first_there);
        }
        let (mut messages, mut bytes) = (0, 0);
        let mut expected = self.model.newest() + 1;
        for (event, _) in self.model.events.iter().rev() {
            messages += u64::from(matches!(event.kind, EventKind::Message(_)));
            bytes += line_bytes(event) + 128;
            let over = |limit, value| limit > 0 && value > limit;
            if over(self.options.retain_messages, messages)
                || over(self.options.retain_bytes, bytes)
            {
                break;
            }
            expected = event.id;
        }
        if self.options.retain_messages == 0 && self.options.retain_bytes == 0 {
            expected = 1;
        }
        // Without anything to expire the floor may stand anywhere below the oldest event.
        let oldest = self.model.events.first().map_or(1, |(event, _)| event.id);
        assert!(
            floor == expected || (floor <= oldest && expected <= oldest),
            "{floor} {expected}"
        );
        self.model.floor = self.model.floor.max(floor);
    }

    fn ask(&mut self, ask: &Ask) {
        let newest = self.model.newest();
        let pick = |place: &prop::sample::Index| -> (u64, u64) {
            match self.model.events.len() {
                0 => (0, 0),
                len => {
                    let event = &self.model.events[place.index(len)].0;
                    (event.id, event.time.as_micros())
                }
            }
        };
        let query = PageQuery {
            room: ask.room.map(|n| room(ROOMS[n])),
            after: pick(&ask.after).0 / 2,
            before: ask.before.as_ref().map_or(u64::MAX, |place| pick(place).0),
            since: Timestamp::from_micros(ask.since.as_ref().map_or(0, |place| pick(place).1)),
            newest_first: ask.newest_first,
            with_removals: ask.with_removals,
            events_max: ask.events_max,
            bytes_max: ask.bytes_max,
        };
        let reader = self.segments.as_ref().unwrap().reader();
        let page = reader.page(&query).unwrap();
        assert_eq!(page.events, self.model.page(&query), "{query:?}");
        self.check_rest(&query, &page, newest);
        let name = ROOMS[ask.room.unwrap_or(0)];
        let start = reader.resolve(&room(name), From::Last(ask.last)).unwrap();
        assert_eq!(start, self.model.last(name, ask.last));
        let start = reader.newest_start(&room(name), query.before, ask.last);
        let expected = self.model.newest_start(name, query.before, ask.last);
        assert_eq!(start.unwrap(), expected);
        let start = reader
            .resolve(&room(name), From::After(query.after))
            .unwrap();
        let gap = self.model.room_expired(name, query.after);
        let gap = gap.then(|| self.model.first_kept(name));
        assert_eq!(
            start,
            Start {
                after: query.after,
                gap
            }
        );
        let start = reader
            .resolve(&room(name), From::Since(query.since))
            .unwrap();
        let kept = self.model.in_room(name);
        let first = kept.iter().find(|(event, _)| event.time >= query.since);
        assert_eq!(start.after, first.map_or(newest, |(event, _)| event.id - 1));
        let (id, _) = pick(&ask.after);
        let got = reader.get(id).unwrap();
        let expected = self.model.kept().find(|(event, _)| event.id == id);
        let expected =
            expected.filter(|(e, gone)| !gone && matches!(e.kind, EventKind::Message(_)));
        assert_eq!(got.as_ref(), expected.map(|(event, _)| event));
    }

    /// What a page says about what lies behind it.
    fn check_rest(&self, query: &PageQuery, page: &Page, newest: u64) {
        assert!(page.scanned_to <= newest);
        if query.newest_first {
            return;
        }
        let all = PageQuery {
            events_max: usize::MAX,
            bytes_max: usize::MAX,
            ..query.clone()
        };
        let matching = self.model.page(&all);
        let up_to: Vec<_> = matching
            .iter()
            .filter(|e| e.id <= page.scanned_to)
            .cloned()
            .collect();
        assert_eq!(
            page.events, up_to,
            "everything up to scanned_to was returned"
        );
        assert!(page.more || matching.len() == page.events.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn pages_are_as_of_a_plain_list(
        steps in steps(),
        asks in asks(),
        retain_messages in prop_oneof![Just(0u64), 3u64..40],
        retain_bytes in prop_oneof![3 => Just(0u64), 1 => 500u64..8000],
        segment_bytes in 300u64..2000,
    ) {
        let mut world = World::new(retain_messages, retain_bytes, segment_bytes);
        for (n, step) in steps.into_iter().enumerate() {
            world.step(step);
            world.ask(&asks[n % asks.len()]);
        }
        for ask in &asks {
            world.ask(ask);
        }
    }
}
