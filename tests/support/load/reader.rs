//! Somebody who reads a room, and after each restart goes on behind the last id that was seen.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::{Gc2, Stop, number, parse_message};
use super::ledger::Ledger;
use super::past;
use super::people::{Person, answer};
use super::place::Place;

/// Between two looks at whether anybody still wants to know.
const TURN: Duration = Duration::from_millis(500);

/// What a reader has heard.
pub(super) struct Heard {
    /// The room as its senders call it.
    pub(super) room: String,
    pub(super) who: String,
    pub(super) messages: BTreeMap<u64, String>,
}

/// See the module.
pub(super) struct Reader {
    who: Person,
    room: String,
    /// The body of the last message.
    end: String,
    last: u64,
    heard: BTreeMap<u64, String>,
    is_done: bool,
}

impl Reader {
    pub(super) fn new(who: Person, room: String, end: String) -> Self {
        Self {
            who,
            room,
            end,
            last: 0,
            heard: BTreeMap::new(),
            is_done: false,
        }
    }

    pub(super) fn work(mut self, place: &Place, ledger: &Ledger) -> Heard {
        let mut epoch = 0;
        while !self.is_done {
            let Some((now, server)) = place.next(epoch) else {
                break;
            };
            epoch = now;
            if let Some(mut client) = self.who.enter(server) {
                let _ = self.listen(&mut client, place, ledger);
            }
        }
        let room = if self.room.starts_with('@') {
            format!("@{}", self.who.name())
        } else {
            self.room
        };
        Heard {
            room,
            who: self.who.name().to_owned(),
            messages: self.heard,
        }
    }

    fn listen(&mut self, client: &mut Gc2, place: &Place, ledger: &Ledger) -> Option<()> {
        let mut read_to = 0;
        if self.room.starts_with('@') {
            for (id, body) in past::direct(client, &self.room, self.last)? {
                self.hear(id, body, ledger);
            }
            read_to = self.last;
        } else {
            if !client.try_send(&format!("JOIN;j;{};after={}", self.room, self.last)) {
                return None;
            }
            let line = answer(client, "j")?;
            if !line.starts_with("OK;") {
                let name = self.who.name();
                ledger.fail(format!("{name} goes on behind {}: {line:?}", self.last));
            }
        }
        while !self.is_done && !place.is_over() {
            let line = match client.try_line_bytes(TURN) {
                Ok(line) => String::from_utf8_lossy(&line).into_owned(),
                Err(Stop::TimedOut) => continue,
                Err(_) => return None,
            };
            if let Some(rest) = line.strip_prefix("MSG;") {
                let (id, body) = parse_message(rest);
                // What HISTORY has told of a conversation may come unasked too.
                if id > read_to {
                    self.hear(id, body, ledger);
                }
            } else if line.starts_with("GONE;") {
                self.heard.remove(&number(&line, 2));
            } else if !line.starts_with("OK;") && !line.starts_with("BYE;restart;") {
                ledger.fail(format!("{} heard {line:?}", self.who.name()));
            }
        }
        Some(())
    }

    fn hear(&mut self, id: u64, body: String, ledger: &Ledger) {
        if id <= self.last {
            let (name, last) = (self.who.name(), self.last);
            ledger.fail(format!("{name} heard {id} ({body:?}) after {last}"));
        }
        self.last = id;
        ledger.saw(id);
        self.is_done = body == self.end;
        self.heard.insert(id, body);
    }
}
