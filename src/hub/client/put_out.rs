//! What a client does when it is put out of a room, or not let in: from that moment on it gets no line of it.

use std::sync::Arc;

use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::reply;
use crate::edge::wire::names::{RoomName, Tag};
use crate::hub::room::JoinRefused;
use crate::hub::rules::access::{Action, refusal_of};

use super::{Busy, Client};

impl Client {
    /// An order that comes before anything else is written.
    pub(super) fn obey_out(&mut self, room: &RoomName, reason: &str) {
        let verdict = self.judge(room, Action::Read);
        if !verdict.is_allowed() {
            // What it was to be told of the room and did not take yet.
            self.outbox.retain_lines(|line| !is_of(line, room.as_str()));
            if let Some(tag) = self.reading(room) {
                self.busy = None;
                self.refuse_unless_allowed(tag.as_str(), verdict);
            }
        }
        let Some(number) = self.rooms.find(room.as_str()) else {
            return;
        };
        self.forget_reading(number);
        if let Some(feed) = self.rooms.remove(number) {
            self.leave(&feed.room, &feed.membership);
        }
        // Who came and went meanwhile is not told any more.
        self.seat.retain_notes(|line| !is_of(line, room.as_str()));
        self.reply(|out| reply::left(out, room.as_str(), reason));
    }

    /// A fan-out that did not let the client in, or not again after a panic.
    pub(super) fn take_refused(&mut self, refused: &JoinRefused) {
        let refusal = refusal_of(self.judge(&refused.room, Action::Join));
        if self.rooms.find(refused.room.as_str()).is_some() {
            let reason = refusal.map_or_else(String::new, |(_, text)| text);
            return self.obey_out(&refused.room, &reason);
        }
        let Some(tag) = self.joining(&refused.room) else {
            return;
        };
        self.busy = None;
        let (code, text) = refusal.unwrap_or_else(|| {
            let text = "the rights in this room have just changed; try again";
            (ErrorCode::Unavailable, text.to_owned())
        });
        self.refuse(tag.as_str(), code, &text);
    }

    /// A TOPIC line, if it is still in that room.
    pub(super) fn take_topic(&mut self, room: &RoomName, line: &Arc<[u8]>) {
        if self.rooms.find(room.as_str()).is_some() {
            self.outbox.lines().extend_from_slice(line);
        }
    }

    /// The tag of what is being read of this room.
    fn reading(&self, room: &RoomName) -> Option<Tag> {
        match self.busy.as_deref() {
            Some(Busy::History(walk)) => walk.tag_if_of(room),
            Some(Busy::Lines(due)) => due.tag_if_of(room),
            _ => None,
        }
    }
}

/// Whether this is a line `HIST;{tag};{room};...`, or one that a member is told: `TOPIC;{room};...`, `JOINED;{room};...`, `PARTED;{room};...`,
/// `GAP;{room};...`.
fn is_of(line: &[u8], room: &str) -> bool {
    let told = [&b"TOPIC;"[..], b"JOINED;", b"PARTED;", b"GAP;"];
    let named = match line.strip_prefix(b"HIST;") {
        Some(rest) => memchr::memchr(b';', rest).map(|end| &rest[end + 1..]),
        None => told.iter().find_map(|verb| line.strip_prefix(*verb)),
    };
    let rest = named.and_then(|named| named.strip_prefix(room.as_bytes()));
    rest.is_some_and(|rest| rest.first() == Some(&b';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_known_by_their_room() {
        for (line, expected) in [
            ("HIST;t;den;1;0.000;ann;x", true),
            ("HIST;;den;1;0.000;ann;x", true),
            ("HIST;t;dent;1;0.000;ann;x", false),
            ("HIST;den;other;1;0.000;ann;;den;", false),
            ("MSG;t;den;1;0.000;ann;x", false),
            ("HIST;t;den", false),
            ("HIST", false),
            ("TOPIC;den;ann;tea", true),
            ("TOPIC;dent;ann;;den;", false),
            ("JOINED;den;ann", true),
            ("PARTED;den;ann", true),
            ("PARTED;d;den;", false),
            ("GAP;den;5", true),
            ("LEFT;den;banned by ann", false),
            ("OK;t;den;", false),
        ] {
            assert_eq!(is_of(line.as_bytes(), "den"), expected, "{line}");
        }
    }
}
