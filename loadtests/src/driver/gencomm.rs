//! GC/2, the protocol of this project; see `docs/protocol.md`.

use std::io::Write;

use memchr::{memchr, memchr_iter};

use super::{Driver, Event, Hears, Message, number};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gencomm;

/// Tags of the two commands that a connection begins with. Sends have numbers.
const LOG_IN: &[u8] = b"login";
const ENTER: &[u8] = b"enter";

impl Driver for Gencomm {
    const CONFIRMS: bool = true;
    const HEARS: Hears = Hears::Alike;

    fn enter(&self, out: &mut Vec<u8>, user: &str, room: &str) {
        for part in [b"AUTH;", LOG_IN, b";GUEST;", user.as_bytes()] {
            out.extend_from_slice(part);
        }
        for part in [b"\nJOIN;", ENTER, b";", room.as_bytes(), b"\n"] {
            out.extend_from_slice(part);
        }
    }

    fn come_back(&self, out: &mut Vec<u8>, user: &str, room: &str, after: u64) {
        self.enter(out, user, room);
        // The field goes at the end of the line.
        out.pop();
        // Writing to a Vec cannot fail.
        let _ = writeln!(out, ";after={after}");
    }

    fn send(&self, out: &mut Vec<u8>, room: &str, tag: Option<u64>, body: &[u8]) {
        out.extend_from_slice(b"SEND;");
        if let Some(tag) = tag {
            // Writing to a Vec cannot fail.
            let _ = write!(out, "{tag}");
        }
        for part in [b";", room.as_bytes(), b";", body, b"\n"] {
            out.extend_from_slice(part);
        }
    }

    fn next<'a>(&self, input: &'a [u8]) -> Option<(usize, Event<'a>)> {
        let end = memchr(b'\n', input)?;
        let line = &input[..end];
        let event = match line.split_at_checked(4) {
            Some((b"MSG;", fields)) => message(fields).map_or(Event::Refused(line), Event::Message),
            Some((b"PING", _)) => Event::Ping(line),
            Some((b"ERR;", _)) | Some((b"BYE;", _)) | Some((b"LEFT", _)) | Some((b"GAP;", _)) => {
                Event::Refused(line)
            }
            _ => answer(line),
        };
        Some((end + 1, event))
    }

    fn pong(&self, out: &mut Vec<u8>, ping: &[u8]) {
        out.extend_from_slice(b"PONG");
        out.extend_from_slice(ping.get(4..).unwrap_or_default());
        out.push(b'\n');
    }
}

/// `OK;{tag};...`
fn answer(line: &[u8]) -> Event<'_> {
    let Some(rest) = line.strip_prefix(b"OK;") else {
        return Event::Quiet;
    };
    let tag = &rest[..memchr(b';', rest).unwrap_or(rest.len())];
    match tag {
        LOG_IN => Event::Quiet,
        ENTER => Event::Entered,
        _ => number(tag).map_or(Event::Refused(line), Event::Stored),
    }
}

/// `{room};{id};{timestamp};{user};{body}`
fn message(fields: &[u8]) -> Option<Message<'_>> {
    let mut marks = memchr_iter(b';', fields);
    let [a, b, c, d] = [marks.next()?, marks.next()?, marks.next()?, marks.next()?];
    Some(Message {
        id: Some(number(&fields[a + 1..b])?),
        room: &fields[..a],
        user: Some(&fields[c + 1..d]),
        body: &fields[d + 1..],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let (length, event) = Gencomm.next(b"MSG;r;7;1.5;ann;a;b\nMSG").unwrap();
        let message = Message {
            id: Some(7),
            room: b"r",
            user: Some(b"ann"),
            body: b"a;b",
        };
        assert_eq!((length, event), (20, Event::Message(message)));
        for (line, event) in [
            (&b"OK;login;ann;\n"[..], Event::Quiet),
            (b"OK;enter;r;0\n", Event::Entered),
            (b"OK;12;5;1.5\n", Event::Stored(12)),
            (b"OK;x;5;1.5\n", Event::Refused(b"OK;x;5;1.5")),
            (b"PING;;3\n", Event::Ping(b"PING;;3")),
            (b"ERR;1;conflict;no\n", Event::Refused(b"ERR;1;conflict;no")),
            (b"MSG;r;x;1.5;ann;a\n", Event::Refused(b"MSG;r;x;1.5;ann;a")),
        ] {
            assert_eq!(Gencomm.next(line), Some((line.len(), event)));
        }
        assert_eq!(Gencomm.next(b"OK;12;5"), None);
    }

    #[test]
    fn what_is_said_reads_as_in_the_protocol() {
        let mut out = Vec::new();
        Gencomm.enter(&mut out, "ann", "r");
        Gencomm.send(&mut out, "r", Some(3), b"hi");
        Gencomm.send(&mut out, "r", None, b"ho");
        Gencomm.pong(&mut out, b"PING;;3");
        let expected = "AUTH;login;GUEST;ann\nJOIN;enter;r\nSEND;3;r;hi\nSEND;;r;ho\nPONG;;3\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        let mut out = Vec::new();
        Gencomm.come_back(&mut out, "ann", "r", 17);
        let expected = "AUTH;login;GUEST;ann\nJOIN;enter;r;after=17\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
