//! Loss, order, doubles: what every member of a room has to receive.
//!
//! All members of a room get the same messages in the same order, and in practice the same bytes. So only the first one to receive
//! a message has it looked at: id, sender, number, every byte of the body. It is then kept, and what the others receive is compared
//! with that, which costs a `memcmp`. Where the bytes differ (an answer in between, a heartbeat), frames are looked at singly.
//!
//! Where members do not all hear the same (see [`Hears`]), every message of every member is looked at; that is [`singly`].

mod singly;

use anyhow::{Result, bail, ensure};

use crate::driver::{Driver, Event, Hears, Message};

/// The shortest body that has room for sender and number.
pub(crate) const BODY_BYTES_MIN: usize = 18;

/// Writes the body of message `number` of member `sender`: both, then a pattern that depends on them.
pub(crate) fn write_body(out: &mut Vec<u8>, sender: u32, number: u64, bytes: usize) {
    let start = out.len();
    let mut rest = number;
    let mut digits = [b'.'; BODY_BYTES_MIN];
    for digit in digits[7..17].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let mut rest = sender;
    for digit in digits[..6].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits);
    let mut letter = ((number + u64::from(sender)) % 26) as u8;
    while out.len() < start + bytes {
        out.push(b'a' + letter);
        letter = (letter + 1) % 26;
    }
}

/// One room: who sent how much, and what was delivered so far.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) name: String,
    /// How many members it has.
    pub(crate) members: u32,
    body_bytes: usize,
    hears: Hears,
    senders: Vec<Sender>,
    /// The delivered frames since the last [`Room::forget`]; kept for the other members.
    wire: Vec<u8>,
    /// Where each frame in `wire` ends.
    ends: Vec<usize>,
    last_id: Option<u64>,
    /// The last id before those that are kept.
    forgotten_id: Option<u64>,
    /// Messages sent, and delivered to at least one member, ever.
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    /// Messages sent before those that are kept.
    forgotten_sent: u64,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Sender {
    member: u32,
    user: String,
    sent: u64,
    delivered: u64,
}

/// A member's place in its room's messages.
#[derive(Debug, Default, Clone)]
pub(crate) struct Place {
    /// Whose place it is.
    member: u32,
    /// Bytes of the room's `wire` that it has.
    at: usize,
    /// Messages it has since the last [`Room::forget`], if nothing is kept: it is alone in its room, or everybody hears its own.
    counted: usize,
    /// What it has of each sender, ever, if everybody hears its own.
    heard: singly::Heard,
    /// Bytes that it received and that are no whole frame yet.
    carry: Vec<u8>,
}

impl Place {
    pub(crate) fn of(member: u32) -> Self {
        Self {
            member,
            ..Self::default()
        }
    }

    /// What has to stand before the next bytes.
    pub(crate) fn take_carry(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.carry)
    }

    /// Nothing came; they stay.
    pub(crate) fn put_carry(&mut self, carry: Vec<u8>) {
        self.carry = carry;
    }

    /// See [`Room::forget`].
    pub(crate) fn forget(&mut self) {
        self.at = 0;
        self.counted = 0;
    }
}

impl Room {
    pub(crate) fn new(name: String, body_bytes: usize, hears: Hears) -> Self {
        Self {
            name,
            members: 0,
            hears,
            body_bytes: body_bytes.max(BODY_BYTES_MIN),
            senders: Vec::new(),
            wire: Vec::new(),
            ends: Vec::new(),
            last_id: None,
            forgotten_id: None,
            sent: 0,
            delivered: 0,
            forgotten_sent: 0,
            scratch: Vec::new(),
        }
    }

    /// Appends the next message of `member` to `out`; returns its number, which is its tag if it is to have one.
    pub(crate) fn say<D: Driver>(
        &mut self,
        driver: &D,
        out: &mut Vec<u8>,
        member: u32,
        user: &str,
        tag: bool,
    ) -> u64 {
        let index = self.sender(member, user);
        let sender = &mut self.senders[index];
        self.scratch.clear();
        write_body(&mut self.scratch, member, sender.sent, self.body_bytes);
        let number = sender.sent;
        let tag = tag.then_some(number);
        driver.send(out, &self.name, tag, &self.scratch);
        sender.sent += 1;
        self.sent += 1;
        number
    }

    fn sender(&mut self, member: u32, user: &str) -> usize {
        // Senders of a room are few, or one.
        if let Some(index) = self.senders.iter().position(|s| s.member == member) {
            return index;
        }
        self.senders.push(Sender {
            member,
            user: user.to_owned(),
            sent: 0,
            delivered: 0,
        });
        self.senders.len() - 1
    }

    /// Takes what a member received. `other` gets every frame that is no message.
    pub(crate) fn receive<D: Driver>(
        &mut self,
        driver: &D,
        place: &mut Place,
        input: &[u8],
        mut other: impl FnMut(Event<'_>) -> Result<()>,
    ) -> Result<()> {
        if self.hears != Hears::Alike {
            return self.receive_singly(driver, place, input, other);
        }
        let mut at = 0;
        while at < input.len() {
            let expected = &self.wire[place.at..];
            let length = expected.len().min(input.len() - at);
            if length > 0 && expected[..length] == input[at..at + length] {
                place.at += length;
                at += length;
                continue;
            }
            // Back to the beginning of the frame that differs, which may lie in bytes that were taken earlier.
            let same = expected
                .iter()
                .zip(&input[at..])
                .take_while(|(a, b)| a == b)
                .count();
            let begin = self.frame_begin(place.at + same);
            if begin < place.at {
                let mut again = self.wire[begin..place.at].to_vec();
                again.extend_from_slice(&input[at..]);
                place.at = begin;
                return self.receive(driver, place, &again, other);
            }
            at += begin - place.at;
            place.at = begin;
            let Some((length, event)) = driver.next(&input[at..]) else {
                place.carry = input[at..].to_vec();
                return Ok(());
            };
            match event {
                Event::Message(message) => {
                    self.take(driver, place, message, &input[at..at + length])?;
                }
                event => other(event)?,
            }
            at += length;
        }
        Ok(())
    }

    fn frame_begin(&self, at: usize) -> usize {
        match self.ends.partition_point(|&end| end <= at) {
            0 => 0,
            frames => self.ends[frames - 1],
        }
    }

    /// A message that is not, byte for byte, the one expected.
    fn take<D: Driver>(
        &mut self,
        driver: &D,
        place: &mut Place,
        message: Message<'_>,
        frame: &[u8],
    ) -> Result<()> {
        if let Some(&end) = self
            .ends
            .get(self.ends.partition_point(|&end| end <= place.at))
        {
            let expected = driver.next(&self.wire[place.at..end]);
            let Some((_, Event::Message(expected))) = expected else {
                bail!("what was kept of a room is no message");
            };
            ensure!(
                expected == message,
                "loss, double or wrong order in room {}: expected {}, got {}",
                self.name,
                describe(expected),
                describe(message)
            );
            place.at = end;
            return Ok(());
        }
        self.verify(message)?;
        self.delivered += 1;
        if self.members > 1 {
            self.wire.extend_from_slice(frame);
            self.ends.push(self.wire.len());
            place.at = self.wire.len();
        } else {
            place.counted += 1;
        }
        Ok(())
    }

    /// The next message of the room, seen for the first time.
    fn verify(&mut self, message: Message<'_>) -> Result<()> {
        let room = &self.name;
        ensure!(
            message.room == room.as_bytes(),
            "room {room}: got a message of another room: {}",
            describe(message)
        );
        if let (Some(last), Some(id)) = (self.last_id, message.id) {
            ensure!(
                id > last,
                "room {room}: id {id} came after id {last}: {}",
                describe(message)
            );
        }
        self.last_id = message.id;
        let index = self.sender_of(message)?;
        let number = self.senders[index].delivered;
        self.expect(index, number, message)?;
        self.senders[index].delivered += 1;
        Ok(())
    }

    /// Which of the senders said it, by its body.
    fn sender_of(&self, message: Message<'_>) -> Result<usize> {
        let member = message.body.get(..6).and_then(|digits| {
            let text = std::str::from_utf8(digits).ok()?;
            text.parse::<u32>().ok()
        });
        let index = member.and_then(|m| self.senders.iter().position(|s| s.member == m));
        match index {
            Some(index) => Ok(index),
            None => bail!("room {}: nobody here sent {}", self.name, describe(message)),
        }
    }

    /// That it is the message `number` of sender `index`, every byte of it.
    fn expect(&mut self, index: usize, number: u64, message: Message<'_>) -> Result<()> {
        let sender = &self.senders[index];
        self.scratch.clear();
        write_body(&mut self.scratch, sender.member, number, self.body_bytes);
        let is_user = message
            .user
            .is_none_or(|user| user == sender.user.as_bytes());
        ensure!(
            number < sender.sent && message.body == self.scratch && is_user,
            "room {}: loss, double or wrong order: expected message {number} of the {} that {} sent, got {}",
            self.name,
            sender.sent,
            sender.user,
            describe(message)
        );
        Ok(())
    }

    /// How many messages since the last [`Room::forget`] the member has.
    pub(crate) fn place_of(&self, place: &Place) -> usize {
        if self.members > 1 && self.hears == Hears::Alike {
            self.ends.partition_point(|&end| end <= place.at)
        } else {
            place.counted
        }
    }

    /// Whether every message was delivered, to this member too.
    pub(crate) fn has_all(&self, place: &Place) -> bool {
        if self.hears != Hears::Alike {
            return self.has_all_singly(place);
        }
        self.delivered == self.sent && place.at == self.wire.len()
    }

    /// Drops what was kept; only when every member has it all. Places begin at 0 again.
    pub(crate) fn forget(&mut self) {
        self.forgotten_id = self.last_id;
        self.forgotten_sent = self.sent;
        self.wire.clear();
        self.ends.clear();
    }

    /// A member's connection is gone, and with it the message of which it had only a part. Returns the id of the last one that it has whole;
    /// `None` if it has none, or they have no ids. Not for a member that is alone in its room: nothing is kept for it.
    pub(crate) fn cut<D: Driver>(&self, driver: &D, place: &mut Place) -> Option<u64> {
        place.carry = Vec::new();
        place.at = self.frame_begin(place.at);
        if place.at == 0 {
            return self.forgotten_id;
        }
        let begin = self.frame_begin(place.at - 1);
        match driver.next(&self.wire[begin..place.at]) {
            Some((_, Event::Message(message))) => message.id,
            _ => None,
        }
    }

    /// How many messages are kept.
    pub(crate) fn kept(&self) -> usize {
        self.ends.len()
    }

    /// How many were sent since the last [`Room::forget`].
    pub(crate) fn sent_lately(&self) -> u64 {
        self.sent - self.forgotten_sent
    }

    /// What one delivery weighs, about.
    pub(crate) fn frame_bytes(&self) -> Option<usize> {
        self.wire.len().checked_div(self.ends.len())
    }
}

fn describe(message: Message<'_>) -> String {
    format!(
        "id {:?} of {} \"{}\"",
        message.id,
        String::from_utf8_lossy(message.user.unwrap_or(b"?")),
        String::from_utf8_lossy(&message.body[..message.body.len().min(32)])
    )
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
