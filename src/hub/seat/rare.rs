//! What is left at a seat seldom: rooms that let the client in or put it out, answers to what it asked of others, lines for it alone. An
//! idle client has no memory for any of it.

use std::sync::Arc;

use crate::edge::wire::names::RoomName;
use crate::hub::auth::LogInResult;
use crate::hub::registry::ChangeAnswer;
use crate::hub::room::{JoinRefused, JoinedRoom};

use super::Seat;

/// What is left at a seat seldom; an idle client has none of it.
#[derive(Default)]
pub(super) struct Rare {
    joined: Vec<JoinedRoom>,
    refused: Vec<JoinRefused>,
    /// Rooms that the client is put out of, and why. Each room stands here once.
    outs: Vec<(RoomName, Arc<str>)>,
    /// The newest TOPIC line of each room that got one.
    topics: Vec<(RoomName, Arc<[u8]>)>,
    change: Option<ChangeAnswer>,
    log_in: Option<LogInResult>,
    notes: Vec<u8>,
}

impl Rare {
    fn is_empty(&self) -> bool {
        self.joined.is_empty()
            && self.refused.is_empty()
            && self.outs.is_empty()
            && self.topics.is_empty()
            && self.change.is_none()
            && self.log_in.is_none()
            && self.notes.is_empty()
    }
}

/// Presence lines that may wait for a client, in bytes; more are dropped, since they tell of a moment that has passed.
const NOTES_BYTES_MAX: usize = 16 * 1024;

impl Seat {
    /// Whether any of this is there.
    pub fn has_rare(&self) -> bool {
        let rare = self.rare.take();
        let has = rare.is_some();
        self.rare.set(rare);
        has
    }

    /// A room let the client in.
    pub fn leave_joined(&self, joined: JoinedRoom) {
        self.with_rare(|rare| rare.joined.push(joined));
        self.wake();
    }

    /// Takes the rooms that let the client in.
    pub fn take_joined(&self) -> Vec<JoinedRoom> {
        self.take_rare(|rare| std::mem::take(&mut rare.joined))
            .unwrap_or_default()
    }

    /// A room did not let the client in.
    pub fn leave_refused(&self, refused: JoinRefused) {
        self.with_rare(|rare| rare.refused.push(refused));
        self.wake();
    }

    /// Takes the rooms that did not let the client in.
    pub fn take_refused(&self) -> Vec<JoinRefused> {
        self.take_rare(|rare| std::mem::take(&mut rare.refused))
            .unwrap_or_default()
    }

    /// Orders the client out of a room, whether it is in it or about to read of it.
    pub fn order_out(&self, room: &RoomName, reason: &Arc<str>) {
        self.with_rare(|rare| put(&mut rare.outs, room, reason.clone()));
        self.wake();
    }

    /// Takes the rooms that the client is put out of, and why.
    pub fn take_outs(&self) -> Vec<(RoomName, Arc<str>)> {
        self.take_rare(|rare| std::mem::take(&mut rare.outs))
            .unwrap_or_default()
    }

    /// A room has another topic: its TOPIC line.
    pub fn leave_topic(&self, room: &RoomName, line: &Arc<[u8]>) {
        self.with_rare(|rare| put(&mut rare.topics, room, line.clone()));
        self.wake();
    }

    /// Takes the rooms that have another topic.
    pub fn take_topics(&self) -> Vec<(RoomName, Arc<[u8]>)> {
        self.take_rare(|rare| std::mem::take(&mut rare.topics))
            .unwrap_or_default()
    }

    /// The registry answered. A client asks it one thing at a time.
    pub fn leave_change(&self, answer: ChangeAnswer) {
        self.with_rare(|rare| rare.change = Some(answer));
        self.wake();
    }

    /// Takes the registry's answer.
    pub fn take_change(&self) -> Option<ChangeAnswer> {
        self.take_rare(|rare| rare.change.take()).flatten()
    }

    /// The log-in was decided.
    pub fn leave_log_in(&self, result: LogInResult) {
        self.with_rare(|rare| rare.log_in = Some(result));
        self.wake();
    }

    /// Takes what became of the log-in, if that is known.
    pub fn take_log_in(&self) -> Option<LogInResult> {
        self.take_rare(|rare| rare.log_in.take()).flatten()
    }

    /// Leaves presence lines, if the client asked for them.
    pub fn leave_note(&self, lines: &[u8]) {
        if !self.wants_presence.get() {
            return;
        }
        self.with_rare(|rare| {
            if rare.notes.len() + lines.len() <= NOTES_BYTES_MAX {
                rare.notes.extend_from_slice(lines);
                self.wake();
            }
        });
    }

    /// Takes the presence lines.
    pub fn take_notes(&self) -> Vec<u8> {
        self.take_rare(|rare| std::mem::take(&mut rare.notes))
            .unwrap_or_default()
    }

    /// Takes back the presence lines that `is_wanted` does not want, without their newline.
    pub fn retain_notes(&self, is_wanted: impl Fn(&[u8]) -> bool) {
        let notes = self.take_notes();
        let lines = notes.split_inclusive(|byte| *byte == b'\n');
        for line in lines.filter(|line| is_wanted(line.strip_suffix(b"\n").unwrap_or(line))) {
            self.leave_note(line);
        }
    }

    /// Notes whether the client waits for a page of the log; returns what it was.
    pub fn set_waits_for_page(&self, waits: bool) -> bool {
        self.waits_for_page.replace(waits)
    }

    /// The client may read a page of the log.
    pub fn offer_page(&self) {
        self.has_page_offer.set(true);
        self.wake();
    }

    /// Takes that offer.
    pub fn take_page_offer(&self) -> bool {
        self.has_page_offer.take()
    }

    /// Leaves a part.
    fn with_rare(&self, leave: impl FnOnce(&mut Rare)) {
        let mut rare = self.rare.take().unwrap_or_default();
        leave(&mut rare);
        self.rare.set(Some(rare));
    }

    /// Takes a part, and gives the memory back once all is taken.
    fn take_rare<T>(&self, take: impl FnOnce(&mut Rare) -> T) -> Option<T> {
        let mut rare = self.rare.take()?;
        let taken = take(&mut rare);
        if !rare.is_empty() {
            self.rare.set(Some(rare));
        }
        Some(taken)
    }
}

/// The newest value of a room takes the place of the one before.
fn put<T>(list: &mut Vec<(RoomName, T)>, room: &RoomName, value: T) {
    match list.iter_mut().find(|(known, _)| known == room) {
        Some(known) => known.1 = value,
        None => list.push((room.clone(), value)),
    }
}
