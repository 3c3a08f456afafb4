//! The cursor against a model: a log, a tail that is told of it later, trimmed, emptied and rebuilt, removals, and a connection that
//! takes as many bytes as it likes. Whatever the order of these, the connection has received every line behind its start once, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::*;
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;
use crate::hub::rules::block::text_blocks;
use crate::hub::rules::tail_budget::TailBudget;
use crate::store::log::{Event, EventKind};

/// The room's log: what a read of it would serve.
#[derive(Default)]
struct Log {
    events: Vec<Event>,
    newest: u64,
}

impl Log {
    fn append(&mut self, id: u64, kind: EventKind) -> Event {
        let user = UserName::parse("u").unwrap();
        let room = RoomName::lobby();
        let event = Event {
            id,
            time: Timestamp::default(),
            room,
            user,
            kind,
            origin: 0,
            nonce: 0,
        };
        self.events.push(event.clone());
        self.newest = id;
        event
    }

    fn page(&self, after: u64, events_max: usize) -> (Vec<&Event>, u64) {
        let found: Vec<_> = self
            .events
            .iter()
            .filter(|e| e.id > after)
            .take(events_max)
            .collect();
        let scanned_to = if found.len() == events_max {
            found[events_max - 1].id
        } else {
            self.newest
        };
        (found, scanned_to)
    }
}

/// One reader and its connection.
struct Reader {
    cursor: Cursor,
    stash: Vec<u8>,
    received: Vec<u8>,
}

impl Reader {
    /// Goes on until `room` bytes were taken or there is nothing to do. Returns whether it is caught up.
    fn run(&mut self, log: &Log, tail: &Tail, mut room: usize, page_events: usize) -> bool {
        loop {
            if !self.stash.is_empty() {
                let taken = room.min(self.stash.len());
                self.received.extend(self.stash.drain(..taken));
                room -= taken;
                if !self.stash.is_empty() {
                    return false;
                }
            }
            match self.cursor.next(tail) {
                Next::Wait => return true,
                Next::Write => {
                    let mut slices = Slices::new();
                    let total = self.cursor.gather(tail, 100, &mut slices);
                    assert!(total > 0);
                    let all: Vec<u8> = slices.iter().flat_map(|s| s.iter().copied()).collect();
                    let taken = room.min(total);
                    self.received.extend(&all[..taken]);
                    room -= taken;
                    self.stash = self.cursor.advance(tail, taken).unwrap_or_default();
                    if taken < total {
                        return false;
                    }
                }
                Next::ReadLog { after } => {
                    let (events, scanned_to) = log.page(after, page_events);
                    assert!(scanned_to > after, "no progress behind {after}");
                    let Some(page) = text_blocks(events.into_iter()).into_iter().next() else {
                        self.cursor.skip_to(scanned_to);
                        continue;
                    };
                    let taken = room.min(page.bytes().len());
                    self.received.extend(&page.bytes()[..taken]);
                    room -= taken;
                    self.stash = self
                        .cursor
                        .advance_page(&page, scanned_to, taken)
                        .unwrap_or_default();
                    if taken < page.bytes().len() {
                        return false;
                    }
                }
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// A group of so many messages, with ids that skip by so much.
    Append { count: u8, skip: u8, body_bytes: u8 },
    /// The message at this position (from the newest) is removed.
    Remove { back: u8 },
    /// The tail is told of so many groups that the log has.
    Tell { groups: u8 },
    /// A group is lost on its way to the tail, which is emptied for that.
    Lose,
    /// The room's actor starts anew.
    Restart,
    /// A block is told again.
    Repeat,
    /// The connection takes so many bytes.
    Run { room: u16, page_events: u8 },
    /// The client comes back on a new connection, behind the last whole line it got.
    Reconnect,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u8..6, 1u8..4, 0u8..40).prop_map(|(count, skip, body_bytes)| Step::Append { count, skip, body_bytes }),
        1 => (0u8..10).prop_map(|back| Step::Remove { back }),
        5 => (1u8..4).prop_map(|groups| Step::Tell { groups }),
        1 => Just(Step::Lose),
        1 => Just(Step::Restart),
        1 => Just(Step::Repeat),
        5 => (0u16..300, 1u8..5).prop_map(|(room, page_events)| Step::Run { room, page_events }),
        1 => Just(Step::Reconnect),
    ]
}

/// Ids of the MSG lines, and the ids named by GONE lines, in `bytes` up to the last newline.
fn lines(bytes: &[u8]) -> (Vec<u64>, Vec<u64>) {
    let (mut messages, mut gone) = (Vec::new(), Vec::new());
    for line in std::str::from_utf8(bytes).unwrap().split_inclusive('\n') {
        let Some(line) = line.strip_suffix('\n') else {
            break;
        };
        let fields: Vec<_> = line.split(';').collect();
        let id = fields[2].parse().unwrap();
        if fields[0] == "MSG" {
            messages.push(id)
        } else {
            gone.push(id)
        }
    }
    (messages, gone)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        // Beside this file, where whoever reads it finds what was found.
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]
    #[test]
    fn every_line_once_and_in_order(
        steps in proptest::collection::vec(step(), 1..60),
        tail_bytes in prop_oneof![Just(0usize), Just(200), Just(600), Just(100_000)],
        tails_bytes in prop_oneof![Just(0usize), Just(300), Just(100_000)],
        start in 0u64..8,
    ) {
        // An `after` beyond the log's end is refused before there is a cursor.
        let mut log = Log { events: vec![], newest: 8 };
        let budget = Arc::new(TailBudget::new(tails_bytes));
        let mut tail = Tail::new(8, tail_bytes, &budget);
        let mut last_blocks = Vec::new();
        // Groups in the log that the tail has not heard of: the id that each removes (or 0), and its blocks.
        let mut untold: VecDeque<(u64, Vec<Block>)> = VecDeque::new();
        let mut reader = Reader { cursor: Cursor::behind(start), stash: vec![], received: vec![] };
        let (mut all, mut removed) = (Vec::new(), Vec::new());
        let mut heard = Vec::new();
        for step in steps {
            match step {
                Step::Append { count, skip, body_bytes } => {
                    let mut group = Vec::new();
                    for _ in 0..count {
                        let id = log.newest + u64::from(skip);
                        all.push(id);
                        let body = Bytes::from(vec![b'm'; usize::from(body_bytes)]);
                        group.push(log.append(id, EventKind::Message(body)));
                    }
                    untold.push_back((0, text_blocks(group.iter())));
                }
                Step::Remove { back } => {
                    let live: Vec<u64> = all.iter().copied().filter(|id| !removed.contains(id)).collect();
                    let Some(target) = live.iter().rev().nth(usize::from(back)).copied() else { continue };
                    removed.push(target);
                    log.events.retain(|event| event.id != target);
                    let event = log.append(log.newest + 1, EventKind::Removal(target));
                    untold.push_back((target, text_blocks([event].iter())));
                }
                Step::Tell { groups } => for _ in 0..groups {
                    let Some((removed_id, blocks)) = untold.pop_front() else { break };
                    tail.drop_through(removed_id);
                    for block in &blocks {
                        prop_assert!(tail.push(Arc::new(block.clone())));
                    }
                    last_blocks = blocks;
                },
                Step::Lose => if let Some((removed_id, blocks)) = untold.pop_front() {
                    tail.drop_through(removed_id);
                    tail.reset(blocks.last().map_or(0, Block::last_id));
                    last_blocks = blocks;
                },
                Step::Restart => {
                    tail = Tail::new(log.newest, tail_bytes, &budget);
                    untold.clear();
                    reader.cursor.detach();
                }
                Step::Repeat => for block in &last_blocks {
                    prop_assert!(!tail.push(Arc::new(block.clone())));
                },
                Step::Run { room, page_events } => {
                    reader.run(&log, &tail, usize::from(room), usize::from(page_events));
                }
                Step::Reconnect => {
                    // What a client knows: the id of the last whole MSG line.
                    let (messages, _) = lines(&reader.received);
                    let last = messages.last().copied().or(heard.last().copied()).unwrap_or(start);
                    heard.extend(messages);
                    reader = Reader { cursor: Cursor::behind(last), stash: vec![], received: vec![] };
                }
            }
            prop_assert!(tail.bytes() <= tail_bytes.max(1000));
            prop_assert!(tail.bytes() <= 2 * tails_bytes + 1);
            prop_assert_eq!(budget.bytes(), tail.bytes());
        }
        for (removed_id, blocks) in untold {
            tail.drop_through(removed_id);
            for block in blocks {
                prop_assert!(tail.push(Arc::new(block)));
            }
        }
        prop_assert!(reader.run(&log, &tail, usize::MAX, 3), "not caught up with everything taken");
        prop_assert!(reader.stash.is_empty());
        let (messages, gone) = lines(&reader.received);
        heard.extend(messages);
        prop_assert!(heard.is_sorted_by(|a, b| a < b), "order or doubles: {heard:?}");
        let missed: Vec<_> = all.iter()
            .filter(|id| **id > start && !heard.contains(id) && !removed.contains(id)).collect();
        prop_assert!(missed.is_empty(), "missed {missed:?} of {all:?}");
        prop_assert!(heard.iter().all(|id| *id > start && all.contains(id)));
        prop_assert!(gone.iter().all(|id| removed.contains(id)));
    }
}

fn unlimited() -> Arc<TailBudget> {
    Arc::new(TailBudget::new(usize::MAX))
}

#[test]
fn removed_content_never_leaves_the_tail_again() {
    let mut log = Log::default();
    let mut tail = Tail::new(0, 100_000, &unlimited());
    for id in 1..=3 {
        let event = log.append(id, EventKind::Message(Bytes::from_static(b"secret")));
        tail.push(Arc::new(text_blocks([event].iter()).remove(0)));
    }
    log.events.retain(|e| e.id != 2);
    let removal = log.append(4, EventKind::Removal(2));
    tail.drop_through(2);
    tail.push(Arc::new(text_blocks([removal].iter()).remove(0)));
    let mut reader = Reader {
        cursor: Cursor::behind(0),
        stash: vec![],
        received: vec![],
    };
    assert!(reader.run(&log, &tail, usize::MAX, 10));
    assert_eq!(lines(&reader.received), (vec![1, 3], vec![2]));
}

#[test]
fn a_reader_that_is_ahead_of_the_tail_skips_what_it_has() {
    let mut log = Log::default();
    let group: Vec<Event> = (1..=6)
        .map(|id| log.append(id, EventKind::Message(Bytes::from_static(b"m"))))
        .collect();
    let mut tail = Tail::new(0, 100_000, &unlimited());
    let mut reader = Reader {
        cursor: Cursor::behind(4),
        stash: vec![],
        received: vec![],
    };
    assert!(reader.run(&log, &tail, usize::MAX, 10));
    assert!(reader.received.is_empty());
    tail.push(Arc::new(text_blocks(group.iter()).remove(0)));
    assert!(reader.run(&log, &tail, usize::MAX, 10));
    assert_eq!(lines(&reader.received).0, vec![5, 6]);
}
