//! What a client does when it is put out of a room, or not let in: from that moment on it gets no line of it.

use std::sync::Arc;

use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::reply;
use crate::edge::wire::names::RoomName;
use crate::hub::room::JoinRefused;
use crate::hub::rules::access::{Action, refusal_of};

use super::{Busy, Client};

impl Client {
    /// An order that comes before anything else is written.
    pub(super) fn obey_out(&mut self, room: &RoomName, reason: &str) {
        let verdict = self.judge(room, Action::Read);
        if !verdict.is_allowed() {
            // What it read of the past and did not take yet.
            let name = room.as_str();
            self.outbox.retain_lines(|line| !is_history_of(line, name));
            if let Some(tag) = self.history_of(room) {
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

    /// The tag of the HISTORY of this room that is under way.
    fn history_of(&self, room: &RoomName) -> Option<crate::edge::wire::names::Tag> {
        match self.busy.as_deref() {
            Some(Busy::History(walk)) => walk.tag_if_of(room),
            _ => None,
        }
    }
}

/// Whether this is a line `HIST;{tag};{room};...`.
fn is_history_of(line: &[u8], room: &str) -> bool {
    let rest = line.strip_prefix(b"HIST;").unwrap_or_default();
    let Some(end) = memchr::memchr(b';', rest) else {
        return false;
    };
    let named = rest[end + 1..].strip_prefix(room.as_bytes());
    named.is_some_and(|rest| rest.first() == Some(&b';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_known_by_its_room() {
        for (line, expected) in [
            ("HIST;t;den;1;0.000;ann;x", true),
            ("HIST;;den;1;0.000;ann;x", true),
            ("HIST;t;dent;1;0.000;ann;x", false),
            ("HIST;den;other;1;0.000;ann;;den;", false),
            ("MSG;t;den;1;0.000;ann;x", false),
            ("HIST;t;den", false),
            ("HIST", false),
        ] {
            assert_eq!(is_history_of(line.as_bytes(), "den"), expected, "{line}");
        }
    }
}
