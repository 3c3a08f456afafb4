//! Random histories: whatever was appended, removed, expired, synced or reopened, every query answers as a plain
//! list would.

mod chances;
mod list;

use std::time::Duration;

use proptest::prelude::*;

use super::super::super::{
    Event, EventKind, From, LogReader, Page, PageQuery, RoomRetention, Start,
};
use super::super::{SegmentOptions, Segments};
use super::support::*;
use crate::edge::wire::timestamp::Timestamp;
use chances::{Ask, ROOMS, Step, asks, steps};
use list::Model;

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
                self.segments().set_room_retentions(&rooms, now).unwrap();
                self.model.expire(n, setting, self.now);
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
        let floor = self.segments().retain(now).unwrap();
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
        for n in 0..ROOMS.len() {
            self.model.expire(n, self.limits[n], self.now);
        }
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

fn line_bytes(event: &Event) -> u64 {
    let user = match event.kind {
        EventKind::Message(_) => "alice",
        EventKind::Removal(_) => ".gone",
    };
    let room = if event.room.is_lobby() {
        String::new()
    } else {
        format!("#{}", event.room)
    };
    let content = match &event.kind {
        EventKind::Message(body) => body.len(),
        EventKind::Removal(target) => target.to_string().len(),
    };
    let head = format!("{};{};{user}{room};", event.id, event.time);
    (head.len() + content + 1) as u64
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
