//! NATS: its text protocol, core publish and subscribe. A room is a subject.

use std::io::Write;

use super::{Driver, Event, Hears, Message, line, number};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nats;

/// The client's number for its one subscription.
const SUBSCRIPTION: &str = "1";

impl Driver for Nats {
    const CONFIRMS: bool = false;
    // The server has a thread for whoever sends at the moment.
    const HEARS: Hears = Hears::EachInItsOrder;

    /// The answer to the PING is the answer to everything before it.
    fn enter(&self, out: &mut Vec<u8>, user: &str, room: &str) {
        // Writing to a Vec cannot fail.
        let _ = write!(
            out,
            "CONNECT {{\"verbose\":false,\"pedantic\":false,\"echo\":true,\"name\":\"{user}\"}}\r\n\
             SUB {room} {SUBSCRIPTION}\r\nPING\r\n"
        );
    }

    fn send(&self, out: &mut Vec<u8>, room: &str, _tag: Option<u64>, body: &[u8]) {
        // As above.
        let _ = write!(out, "PUB {room} {}\r\n", body.len());
        out.extend_from_slice(body);
        out.extend_from_slice(b"\r\n");
    }

    fn next<'a>(&self, input: &'a [u8]) -> Option<(usize, Event<'a>)> {
        let (head, start) = line(input)?;
        let Some(fields) = head.strip_prefix(b"MSG ") else {
            let event = match head {
                b"PING" => Event::Ping(head),
                b"PONG" => Event::Entered,
                _ if head.starts_with(b"INFO") || head == b"+OK" => Event::Quiet,
                _ => Event::Refused(head),
            };
            return Some((start, event));
        };
        // {subject} {subscription} [reply to] {bytes}
        let mut words = fields.split(|&byte| byte == b' ');
        let room = words.next().unwrap_or_default();
        let bytes = words.next_back().and_then(number);
        let Some(end) = bytes.and_then(|bytes| start.checked_add(usize::try_from(bytes).ok()?))
        else {
            return Some((start, Event::Refused(head)));
        };
        let message = Message {
            id: None,
            room,
            user: None,
            body: input.get(start..end)?,
        };
        input.get(end..end + 2)?;
        Some((end + 2, Event::Message(message)))
    }

    fn pong(&self, out: &mut Vec<u8>, _ping: &[u8]) {
        out.extend_from_slice(b"PONG\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart() {
        let message = Event::Message(Message {
            id: None,
            room: b"r",
            user: None,
            body: b"a\r\nb",
        });
        for (frame, event) in [
            (&b"MSG r 1 4\r\na\r\nb\r\n"[..], message),
            (b"MSG r 1 back 4\r\na\r\nb\r\n", message),
            (b"INFO {\"a\":1}\r\n", Event::Quiet),
            (b"PING\r\n", Event::Ping(b"PING")),
            (b"PONG\r\n", Event::Entered),
            (b"-ERR 'no'\r\n", Event::Refused(b"-ERR 'no'")),
            (b"MSG r 1 x\r\n", Event::Refused(b"MSG r 1 x")),
        ] {
            let twice = [frame, frame].concat();
            assert_eq!(Nats.next(&twice), Some((frame.len(), event)));
            for end in 0..frame.len() {
                assert_eq!(Nats.next(&frame[..end]), None, "{end}");
            }
        }
    }

    #[test]
    fn what_is_said_reads_as_in_the_protocol() {
        let mut out = Vec::new();
        Nats.enter(&mut out, "ann", "r");
        Nats.send(&mut out, "r", None, b"hi");
        Nats.pong(&mut out, b"PING");
        let text = String::from_utf8(out).unwrap();
        let rest = text.split_once("}\r\n").unwrap().1;
        assert_eq!(rest, "SUB r 1\r\nPING\r\nPUB r 2\r\nhi\r\nPONG\r\n");
        assert!(text.contains("\"verbose\":false") && text.contains("\"echo\":true"));
    }
}
