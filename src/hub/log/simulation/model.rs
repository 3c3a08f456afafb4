//! What is known of every message: what was asked, what was answered, and so what has to be there after anything.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::Bytes;

use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;
use crate::store::log::{Event, EventKind, RoomRetention};

/// Whether a message is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Asked, not answered.
    Waiting,
    /// Answered, or seen, with this id.
    Stored(u64),
    /// Asked and never answered, since the process ended: it is there once or not at all.
    Maybe,
    /// It is not there, and does not come any more unless it is sent again.
    Absent,
}

/// Whether a message was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removal {
    No,
    /// Asked and never answered.
    Maybe,
    Done,
}

/// A message that was sent.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) room: RoomName,
    pub(super) user: UserName,
    pub(super) session: u64,
    pub(super) tag: Option<String>,
    pub(super) body: Bytes,
    pub(super) fate: Fate,
    pub(super) removal: Removal,
    /// It was asked for and refused, and may be carried out all the same.
    pub(super) removal_is_owed: bool,
    pub(super) time: Timestamp,
    /// By the clock that nobody sets.
    pub(super) answered: Duration,
    /// A power cut cannot take it.
    pub(super) sure: bool,
    /// Its tag has to be known.
    pub(super) tag_known: bool,
    /// It was seen to have expired.
    pub(super) expired: bool,
}

/// What the log was told to forget, at the strictest that it ever was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    messages: u64,
    age_micros: u64,
}

impl Limits {
    const NONE: Self = Self {
        messages: u64::MAX,
        age_micros: u64::MAX,
    };

    fn add(&mut self, retention: RoomRetention) {
        if retention.messages > 0 {
            self.messages = self.messages.min(retention.messages);
        }
        if !retention.age.is_zero() {
            self.age_micros = self.age_micros.min(retention.age.as_micros() as u64);
        }
    }
}

/// When all that is served is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Running,
    /// The log was opened; what the process before it left undone is settled.
    Recovered {
        /// The power was cut, which may have taken what was not synced.
        power_cut: bool,
    },
}

/// All messages, by the number that each bears in its body.
pub(super) struct Model {
    pub(super) messages: Vec<Message>,
    /// Who was ever given an id: the number of a message, `None` for a removal.
    pub(super) ids: BTreeMap<u64, Option<usize>>,
    pub(super) limits: Limits,
    pub(super) room_limits: HashMap<RoomName, Limits>,
    /// The latest time that the clock ever told.
    pub(super) latest: Timestamp,
    /// Floors that were seen.
    pub(super) floors: HashMap<RoomName, u64>,
    /// Something fails just now.
    pub(super) is_lenient: bool,
}

/// Says what is wrong, unless it is right.
macro_rules! ensure {
    ($right:expr, $($what:tt)+) => {
        if !$right {
            return Err(format!($($what)+));
        }
    };
}
pub(super) use ensure;

impl Model {
    pub(super) fn new(retention: RoomRetention) -> Self {
        let mut limits = Limits::NONE;
        limits.add(retention);
        Self {
            messages: Vec::new(),
            ids: BTreeMap::new(),
            limits,
            room_limits: HashMap::new(),
            latest: Timestamp::default(),
            floors: HashMap::new(),
            is_lenient: false,
        }
    }

    pub(super) fn keep(&mut self, room: &RoomName, retention: RoomRetention) {
        let limits = self.room_limits.entry(room.clone());
        limits.or_insert(Limits::NONE).add(retention);
    }

    /// The number in a body.
    pub(super) fn number(body: &[u8]) -> Option<usize> {
        let text = body.get(1..9).filter(|_| body[0] == b'~')?;
        std::str::from_utf8(text).ok()?.parse().ok()
    }

    /// Marks of messages in any bytes.
    pub(super) fn numbers(bytes: &[u8], mut found: impl FnMut(usize)) {
        for at in memchr::memchr_iter(b'~', bytes) {
            let mark = bytes.get(at..at + 10).filter(|mark| mark[9] == b'~');
            if let Some(number) = mark.and_then(Self::number) {
                found(number);
            }
        }
    }

    /// An id was given to a message, as an answer, a shard or the log says.
    pub(super) fn give(&mut self, id: u64, number: Option<usize>) -> Result<(), String> {
        match self.ids.get(&id) {
            Some(known) => {
                ensure!(
                    *known == number,
                    "id {id} was given to {known:?} and to {number:?}"
                );
            }
            None => {
                self.ids.insert(id, number);
            }
        }
        Ok(())
    }

    /// An event is as it was sent, and is one that may be there.
    pub(super) fn check_event(&mut self, event: &Event) -> Result<(), String> {
        let id = event.id;
        let body = match &event.kind {
            EventKind::Removal(target) => {
                let known = self.ids.get(target).copied().flatten();
                let known = known.and_then(|number| self.messages.get(number));
                ensure!(
                    known.is_some_and(|message| message.removal != Removal::No),
                    "{id} removes {target}, which nobody asked for"
                );
                return self.give(id, None);
            }
            EventKind::Message(body) => body,
        };
        let number = Self::number(body);
        let message = number.and_then(|number| self.messages.get(number));
        let (Some(number), Some(message)) = (number, message) else {
            return Err(format!("{id} is no message that was sent: {event:?}"));
        };
        ensure!(
            message.body == *body
                && message.room == event.room
                && message.user == event.user
                && message.session == event.origin,
            "message {number} is not as it was sent: {event:?}"
        );
        let fits = match message.fate {
            Fate::Stored(stored) => stored == id && message.time == event.time,
            Fate::Waiting | Fate::Maybe => true,
            Fate::Absent => false,
        };
        ensure!(
            fits,
            "message {number} is {:?}, but {event:?}",
            message.fate
        );
        ensure!(
            message.removal != Removal::Done,
            "message {number} was removed, but {event:?}"
        );
        // What a number limits is found again at a start, once the floors can be written.
        ensure!(
            !message.expired || self.is_lenient,
            "message {number} had expired, but {event:?}"
        );
        self.give(id, Some(number))
    }

    /// An event of a log in which bits were flipped is one that was sent; its text may differ in what it says if that is so.
    pub(super) fn check_rotten(&self, event: &Event, text_may_differ: bool) -> Result<(), String> {
        let given = self.ids.get(&event.id);
        let number = match (given, &event.kind) {
            (Some(Some(number)), EventKind::Message(_)) => *number,
            (Some(None), EventKind::Removal(_)) => return Ok(()),
            _ => return Err(format!("{event:?} was never there")),
        };
        let message = &self.messages[number];
        let same = message.time == event.time && message.session == event.origin;
        let text = message.room == event.room && message.user == event.user;
        let EventKind::Message(body) = &event.kind else {
            return Ok(());
        };
        ensure!(
            same && (text_may_differ || text && message.body == *body),
            "message {number} is served as {event:?}"
        );
        Ok(())
    }

    /// Whether a message may have expired by now.
    pub(super) fn may_have_expired(&self, message: &Message, id: u64) -> bool {
        let too_old = |limits: &Limits| {
            let age = self
                .latest
                .as_micros()
                .saturating_sub(message.time.as_micros());
            age >= limits.age_micros
        };
        let is_newer = |number: &Option<usize>| number.is_some();
        let newer = self.ids.range(id + 1..).map(|(_, number)| number);
        if too_old(&self.limits)
            || newer.clone().filter(|number| is_newer(number)).count() as u64
                >= self.limits.messages
        {
            return true;
        }
        let Some(limits) = self.room_limits.get(&message.room) else {
            return false;
        };
        let in_room = |number: &&Option<usize>| {
            number.is_some_and(|number| self.messages[number].room == message.room)
        };
        too_old(limits) || newer.filter(in_room).count() as u64 >= limits.messages
    }

    /// `found` is all that is served, in its order.
    pub(super) fn check_all(&mut self, found: &[Event], when: When) -> Result<(), String> {
        let lost = when == When::Recovered { power_cut: true };
        let mut last = 0;
        let messages = found.iter().filter_map(Self::number_of);
        let mut newer = messages.count() as u64;
        let mut there = vec![None; self.messages.len()];
        for event in found {
            ensure!(event.id > last, "{} is served behind {last}", event.id);
            last = event.id;
            let number = Self::number_of(event);
            newer -= u64::from(number.is_some());
            if let Some(number) = number
                && lost
                && newer < self.limits.messages
                && self.limits.messages < u64::MAX
                && let Some(message) = self.messages.get_mut(number)
            {
                // What a number limits is written nowhere: those that were lost do not count any more, and it comes back.
                message.expired = false;
            }
            self.check_event(event)?;
            match (&event.kind, Self::number_of(event)) {
                (EventKind::Message(_), Some(number)) => {
                    let twice = there[number].replace((event.id, event.time));
                    ensure!(twice.is_none(), "message {number} is there twice");
                }
                (EventKind::Removal(target), _) => {
                    let number = self.ids.get(target).copied().flatten();
                    if let Some(number) = number {
                        self.messages[number].removal = Removal::Done;
                    }
                }
                _ => {}
            }
        }
        for (number, there) in there.iter().enumerate() {
            let message = &self.messages[number];
            let is_waiting = message.fate == Fate::Waiting;
            match (*there, message.fate) {
                (Some((id, time)), _) => {
                    let message = &mut self.messages[number];
                    ensure!(
                        message.removal != Removal::Done,
                        "the removal of {number} is there, and so is {number}"
                    );
                    if when != When::Running {
                        message.removal = Removal::No;
                        message.removal_is_owed = false;
                    }
                    if lost && !message.sure {
                        // It was written by chance; its tag stood elsewhere.
                        message.tag_known = false;
                    }
                    if !is_waiting {
                        (message.fate, message.time) = (Fate::Stored(id), time);
                    }
                }
                (None, Fate::Stored(id)) => {
                    let expired = self.may_have_expired(message, id);
                    let may_be_gone = message.removal != Removal::No || expired;
                    let may_be_lost = lost && !message.sure;
                    ensure!(
                        may_be_gone || may_be_lost,
                        "message {number} with id {id} is gone; it is {message:?}"
                    );
                    let message = &mut self.messages[number];
                    if lost && expired {
                        // Behind a gap nothing tells what retention had deleted from what the power cut took.
                        message.tag_known = false;
                    }
                    if may_be_lost && !expired {
                        message.fate = Fate::Absent;
                        message.tag_known = false;
                    } else if message.removal != Removal::Done {
                        message.expired = true;
                    }
                }
                (None, Fate::Maybe) => self.messages[number].fate = Fate::Absent,
                (None, Fate::Waiting | Fate::Absent) => {}
            }
        }
        Ok(())
    }

    fn number_of(event: &Event) -> Option<usize> {
        match &event.kind {
            EventKind::Message(body) => Self::number(body),
            EventKind::Removal(_) => None,
        }
    }

    /// The process has ended: what was not answered may have been done or not.
    pub(super) fn end_life(&mut self) {
        for message in &mut self.messages {
            if message.fate == Fate::Waiting {
                message.fate = Fate::Maybe;
            }
        }
    }

    /// All that is stored now outlives a power cut.
    pub(super) fn all_sure(&mut self, answered_before: Duration) {
        for message in &mut self.messages {
            if matches!(message.fate, Fate::Stored(_)) && message.answered <= answered_before {
                message.sure = true;
            }
        }
    }

    pub(super) fn forget_tags(&mut self) {
        for message in &mut self.messages {
            message.tag_known = false;
        }
    }
}
