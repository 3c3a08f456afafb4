//! Redis: publish and subscribe in RESP3, in which a connection that subscribes may publish too.

use std::io::Write;

use super::{Driver, Event, Hears, Message, line, number};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Redis;

/// Values within values that are looked into.
const DEPTH_MAX: u32 = 4;

impl Driver for Redis {
    const CONFIRMS: bool = false;
    const HEARS: Hears = Hears::Alike;

    fn enter(&self, out: &mut Vec<u8>, _user: &str, room: &str) {
        command(out, &[b"HELLO", b"3"]);
        command(out, &[b"SUBSCRIBE", room.as_bytes()]);
    }

    fn send(&self, out: &mut Vec<u8>, room: &str, _tag: Option<u64>, body: &[u8]) {
        command(out, &[b"PUBLISH", room.as_bytes(), body]);
    }

    fn next<'a>(&self, input: &'a [u8]) -> Option<(usize, Event<'a>)> {
        let length = match length(input, DEPTH_MAX) {
            Length::Is(length) => length,
            Length::Incomplete => return None,
            Length::Wrong => return Some((input.len(), Event::Refused(input))),
        };
        let frame = input.get(..length)?;
        let event = match frame.first() {
            Some(b'>') => push(frame).unwrap_or(Event::Quiet),
            Some(b'-' | b'!') => Event::Refused(frame),
            _ => Event::Quiet,
        };
        Some((length, event))
    }

    fn pong(&self, _out: &mut Vec<u8>, _ping: &[u8]) {}
}

/// An array of strings.
fn command(out: &mut Vec<u8>, words: &[&[u8]]) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "*{}\r\n", words.len());
    for word in words {
        let _ = write!(out, "${}\r\n", word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// `>3`, then the kind, the channel, and the body or the number of subscriptions.
fn push(frame: &[u8]) -> Option<Event<'_>> {
    let (_, head) = line(frame)?;
    let (kind, rest) = string(frame.get(head..)?)?;
    let (room, rest) = string(rest)?;
    Some(match kind {
        b"subscribe" => Event::Entered,
        b"message" => Event::Message(Message {
            id: None,
            room,
            user: None,
            body: string(rest)?.0,
        }),
        _ => Event::Quiet,
    })
}

/// A string, and what follows it.
fn string(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, start) = line(input)?;
    let end = start + usize::try_from(number(head.strip_prefix(b"$")?)?).ok()?;
    Some((input.get(start..end)?, input.get(end + 2..)?))
}

enum Length {
    Is(usize),
    Incomplete,
    Wrong,
}

/// The length of the first value.
fn length(input: &[u8], depth: u32) -> Length {
    let Some((head, start)) = line(input) else {
        return Length::Incomplete;
    };
    let Some((kind, count)) = head.split_first() else {
        return Length::Wrong;
    };
    let values = match kind {
        b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => return Length::Is(start),
        b'$' | b'=' | b'!' => {
            let Some(bytes) = number(count).and_then(|bytes| usize::try_from(bytes).ok()) else {
                return Length::Wrong;
            };
            let end = start.saturating_add(bytes).saturating_add(2);
            return match end <= input.len() {
                true => Length::Is(end),
                false => Length::Incomplete,
            };
        }
        b'*' | b'>' | b'~' => number(count),
        b'%' => number(count).map(|pairs| pairs.saturating_mul(2)),
        _ => None,
    };
    let (Some(values), Some(depth)) = (values, depth.checked_sub(1)) else {
        return Length::Wrong;
    };
    let mut at = start;
    for _ in 0..values {
        match length(&input[at..], depth) {
            Length::Is(length) => at += length,
            other => return other,
        }
    }
    Length::Is(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUSH: &[u8] = b">3\r\n$7\r\nmessage\r\n$1\r\nr\r\n$5\r\na\r\nb;\r\n";

    #[test]
    fn values_are_told_apart() {
        let message = Event::Message(Message {
            id: None,
            room: b"r",
            user: None,
            body: b"a\r\nb;",
        });
        for (value, event) in [
            (PUSH, message),
            (b"%1\r\n$6\r\nserver\r\n*1\r\n:3\r\n", Event::Quiet),
            (
                b">3\r\n$9\r\nsubscribe\r\n$1\r\nr\r\n:1\r\n",
                Event::Entered,
            ),
            (b":1001\r\n", Event::Quiet),
            (b"-ERR no\r\n", Event::Refused(b"-ERR no\r\n")),
        ] {
            let twice = [value, value].concat();
            assert_eq!(Redis.next(&twice), Some((value.len(), event)));
            for end in 0..value.len() {
                assert_eq!(Redis.next(&value[..end]), None, "{end}");
            }
        }
        for wrong in [
            &b"hello\r\n"[..],
            b"$x\r\n",
            b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
        ] {
            assert!(matches!(Redis.next(wrong), Some((_, Event::Refused(_)))));
        }
    }

    #[test]
    fn what_is_said_reads_as_in_the_protocol() {
        let mut out = Vec::new();
        Redis.enter(&mut out, "ann", "r");
        Redis.send(&mut out, "r", None, b"hi");
        let expected = "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nr\r\n\
                        *3\r\n$7\r\nPUBLISH\r\n$1\r\nr\r\n$2\r\nhi\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
