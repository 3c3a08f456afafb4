//! What the original clients say and read: messages without a frame, and records of the log. Their log-in and their heartbeats take
//! connections of their own; see [`originals`](crate::originals).

use memchr::memchr_iter;

use super::{Driver, Event, Hears, Message, line, number};

/// The room they live in.
pub(crate) const LOBBY: &str = "lobby";

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Original<'a> {
    /// Who sends.
    pub(crate) user: &'a str,
}

impl Driver for Original<'_> {
    const CONFIRMS: bool = false;
    const HEARS: Hears = Hears::Alike;

    fn enter(&self, _out: &mut Vec<u8>, _user: &str, _room: &str) {}

    fn send(&self, out: &mut Vec<u8>, _room: &str, _tag: Option<u64>, body: &[u8]) {
        out.extend_from_slice(self.user.as_bytes());
        out.push(b';');
        out.extend_from_slice(body);
    }

    /// A record. Between two there is a newline, and behind the last of a delivery whoever reads has put one.
    fn next<'a>(&self, input: &'a [u8]) -> Option<(usize, Event<'a>)> {
        let (record, length) = line(input)?;
        let event = message(record).map_or(Event::Refused(record), Event::Message);
        Some((length, event))
    }

    fn pong(&self, _out: &mut Vec<u8>, _ping: &[u8]) {}
}

/// `{id};{timestamp};{user};{content}`
fn message(record: &[u8]) -> Option<Message<'_>> {
    let mut marks = memchr_iter(b';', record);
    let [a, b, c] = [marks.next()?, marks.next()?, marks.next()?];
    Some(Message {
        id: Some(number(&record[..a])?),
        room: LOBBY.as_bytes(),
        user: Some(&record[b + 1..c]),
        body: &record[c + 1..],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_and_messages_have_no_frame() {
        let driver = Original { user: "ann" };
        let message = Event::Message(Message {
            id: Some(7),
            room: b"lobby",
            user: Some(b"ann"),
            body: b"a;b",
        });
        assert_eq!(driver.next(b"7;1.5;ann;a;b\n8;"), Some((14, message)));
        assert_eq!(driver.next(b"7;1.5;ann;a;b"), None);
        assert_eq!(driver.next(b"\n"), Some((1, Event::Refused(b""))));
        let mut out = Vec::new();
        driver.send(&mut out, LOBBY, None, b"hi");
        assert_eq!(out, b"ann;hi");
    }
}
