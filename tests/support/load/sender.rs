//! Somebody who sends, several messages on their way at a time, and sends again with the same tag what was not answered.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::{Gc2, PATIENCE, number};
use super::ledger::{Fate, Ledger};
use super::people::{BEFORE_AGAIN, Person, answer};
use super::place::Place;

/// Messages on their way at a time.
const WINDOW: usize = 3;
/// Of so many ids about one is removed.
const REMOVE_EVERY: u64 = 5;

struct Message {
    tag: String,
    body: String,
    /// The round in which it was first sent.
    epoch: u64,
}

/// See the module.
pub(super) struct Sender {
    who: Person,
    room: String,
    padding: Arc<str>,
    removes: bool,
    on_their_way: VecDeque<Message>,
    next: u64,
    /// Its newest id.
    last: u64,
    was_refused: bool,
    /// Asked to be removed, not answered.
    removal: Option<u64>,
}

impl Sender {
    pub(super) fn new(who: Person, room: String, padding: Arc<str>, removes: bool) -> Self {
        Self {
            who,
            room,
            padding,
            removes,
            on_their_way: VecDeque::new(),
            next: 0,
            last: 0,
            was_refused: false,
            removal: None,
        }
    }

    pub(super) fn work(mut self, place: &Place, ledger: &Ledger) {
        let mut epoch = 0;
        while !(place.is_stopping() && self.on_their_way.is_empty()) {
            let Some((now, server)) = place.next(epoch) else {
                return;
            };
            epoch = now;
            if let Some(mut client) = self.who.enter(server) {
                let _ = self.talk(&mut client, epoch, place, ledger);
            }
        }
    }

    /// Until the connection ends or nothing more is wanted.
    fn talk(&mut self, client: &mut Gc2, epoch: u64, place: &Place, ledger: &Ledger) -> Option<()> {
        self.removal = None;
        if !self.room.starts_with('@') {
            self.join(client, ledger)?;
        }
        for message in &self.on_their_way {
            self.send(client, message)?;
        }
        while !place.is_over() {
            while self.on_their_way.len() < WINDOW && !place.is_stopping() {
                let message = self.make(epoch);
                ledger.sent(&self.room, &message.body);
                self.send(client, &message)?;
                self.on_their_way.push_back(message);
            }
            if self.on_their_way.is_empty() && self.removal.is_none() {
                return None;
            }
            let line = client.try_line_bytes(PATIENCE).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            if line.starts_with("OK;") || line.starts_with("ERR;") {
                self.take_answer(client, line, epoch, ledger)?;
            } else if !["MSG;", "GONE;", "BYE;restart;"]
                .iter()
                .any(|known| line.starts_with(known))
            {
                ledger.fail(format!("{} heard {line:?}", self.who.name()));
            }
        }
        Some(())
    }

    fn take_answer(
        &mut self,
        client: &mut Gc2,
        line: String,
        epoch: u64,
        ledger: &Ledger,
    ) -> Option<()> {
        let tag = line.split(';').nth(1).unwrap_or_default().to_owned();
        if let Some(id) = self.removal.take_if(|id| tag == format!("d{id}")) {
            note_removal(id, line, ledger);
            return Some(());
        }
        let at = self
            .on_their_way
            .iter()
            .position(|message| message.tag == tag);
        if line.contains(";unavailable;") && at.is_some() {
            ledger.refused(line);
            self.was_refused = true;
            std::thread::sleep(BEFORE_AGAIN);
            return self.send(client, &self.on_their_way[at?]);
        }
        let Some(message) = at.and_then(|at| self.on_their_way.remove(at)) else {
            ledger.fail(format!("{} heard {line:?}", self.who.name()));
            return Some(());
        };
        if !line.starts_with("OK;") {
            ledger.fail(format!("{:?} was answered {line:?}", message.body));
            return Some(());
        }
        let id = number(&line, 2);
        if id <= self.last && !self.was_refused {
            let (body, last) = (&message.body, self.last);
            ledger.fail(format!("{body:?} got {id}, the one before it {last}"));
        }
        self.last = id;
        ledger.kept(&self.room, &message.body, id, message.epoch == epoch);
        // Guests remove what this connection has said.
        let is_ours = message.epoch == epoch;
        if self.removes && is_ours && self.removal.is_none() && id.is_multiple_of(REMOVE_EVERY) {
            ledger.set_fate(id, Fate::Unsure);
            self.removal = Some(id);
            return client.try_send(&format!("DELETE;d{id};{id}")).then_some(());
        }
        Some(())
    }

    fn join(&self, client: &mut Gc2, ledger: &Ledger) -> Option<()> {
        loop {
            if !client.try_send(&format!("JOIN;j;{};", self.room)) {
                return None;
            }
            let line = answer(client, "j")?;
            if line.starts_with("OK;") {
                return Some(());
            }
            ledger.fail(format!("{} joins {}: {line:?}", self.who.name(), self.room));
            std::thread::sleep(BEFORE_AGAIN);
        }
    }

    fn make(&mut self, epoch: u64) -> Message {
        self.next += 1;
        let (name, padding) = (self.who.name(), &self.padding);
        Message {
            tag: format!("{name}.{}", self.next),
            body: format!("{name} says {} to {}; {padding}", self.next, self.room),
            epoch,
        }
    }

    fn send(&self, client: &mut Gc2, message: &Message) -> Option<()> {
        let Message { tag, body, .. } = message;
        let is_sent = client.try_send(&format!("SEND;{tag};{};{body}", self.room));
        is_sent.then_some(())
    }
}

fn note_removal(id: u64, line: String, ledger: &Ledger) {
    if line.starts_with("OK;") {
        ledger.set_fate(id, Fate::Removed);
    } else if line.contains(";unavailable;") {
        ledger.refused(line);
    } else {
        ledger.fail(format!("the removal of {id} was answered {line:?}"));
    }
}
