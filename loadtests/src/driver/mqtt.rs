//! MQTT 3.1.1 with QoS 0. A room is a topic.

use super::{Driver, Event, Hears, Message};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mqtt;

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;
/// The kind of a packet, without its flags.
const KIND: u8 = 0xF0;
/// What a SUBACK says of a subscription that was refused.
const REFUSED: u8 = 0x80;
/// The length of a packet stands in at most so many bytes.
const LENGTH_BYTES_MAX: usize = 4;

impl Driver for Mqtt {
    const CONFIRMS: bool = false;
    const HEARS: Hears = Hears::Alike;

    fn enter(&self, out: &mut Vec<u8>, user: &str, room: &str) {
        // Level 4 of the protocol, a clean session, no keep-alive.
        let mut connect = b"\x00\x04MQTT\x04\x02\x00\x00".to_vec();
        text(&mut connect, user.as_bytes());
        packet(out, CONNECT, &[&connect]);
        // The packet's number, then topics with their QoS.
        let mut subscribe = vec![0, 1];
        text(&mut subscribe, room.as_bytes());
        subscribe.push(0);
        packet(out, SUBSCRIBE, &[&subscribe]);
    }

    fn send(&self, out: &mut Vec<u8>, room: &str, _tag: Option<u64>, body: &[u8]) {
        let mut topic = Vec::with_capacity(room.len() + 2);
        text(&mut topic, room.as_bytes());
        packet(out, PUBLISH, &[&topic, body]);
    }

    fn next<'a>(&self, input: &'a [u8]) -> Option<(usize, Event<'a>)> {
        let (kind, rest) = input.split_first()?;
        let (bytes, used) = match length(rest) {
            Some(length) => length,
            None if rest.len() >= LENGTH_BYTES_MAX => {
                return Some((input.len(), Event::Refused(input)));
            }
            None => return None,
        };
        let (start, end) = (1 + used, 1 + used + bytes);
        let (frame, content) = (input.get(..end)?, input.get(start..end)?);
        let event = match (kind & KIND, content) {
            (PUBLISH, _) => message(content).map_or(Event::Refused(frame), Event::Message),
            (CONNACK, [_, 0]) => Event::Quiet,
            (SUBACK, [_, _, granted]) if *granted < REFUSED => Event::Entered,
            (CONNACK | SUBACK, _) => Event::Refused(frame),
            _ => Event::Quiet,
        };
        Some((end, event))
    }

    fn pong(&self, _out: &mut Vec<u8>, _ping: &[u8]) {}
}

/// A text with its length before it; names here are far shorter than it can tell.
fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text);
}

fn packet(out: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) {
    out.push(kind);
    let mut rest: usize = parts.iter().map(|part| part.len()).sum();
    loop {
        let digit = (rest % 128) as u8;
        rest /= 128;
        out.push(digit | if rest > 0 { 0x80 } else { 0 });
        if rest == 0 {
            break;
        }
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// A length, seven bits a byte, and how many bytes it took.
fn length(input: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (place, byte) in input.iter().take(LENGTH_BYTES_MAX).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((length, place + 1));
        }
    }
    None
}

/// A topic with its length, then the body.
fn message(content: &[u8]) -> Option<Message<'_>> {
    let (length, rest) = content.split_first_chunk::<2>()?;
    let (room, body) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    Some(Message {
        id: None,
        room,
        user: None,
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_told_apart_however_long_they_are() {
        for bytes in [0, 1, 120, 130, 20_000] {
            let (mut out, body) = (Vec::new(), vec![b'x'; bytes]);
            Mqtt.send(&mut out, "r", None, &body);
            let message = Event::Message(Message {
                id: None,
                room: b"r",
                user: None,
                body: &body,
            });
            let twice = [&out[..], &out].concat();
            assert_eq!(Mqtt.next(&twice), Some((out.len(), message)));
            assert_eq!(Mqtt.next(&out[..out.len() - 1]), None);
            assert_eq!(Mqtt.next(&out[..1]), None);
        }
        for (packet, event) in [
            (&b"\x20\x02\x00\x00"[..], Event::Quiet),
            (b"\x20\x02\x00\x05", Event::Refused(b"\x20\x02\x00\x05")),
            (b"\x90\x03\x00\x01\x00", Event::Entered),
            (
                b"\x90\x03\x00\x01\x80",
                Event::Refused(b"\x90\x03\x00\x01\x80"),
            ),
            (b"\x30\x01\x00", Event::Refused(b"\x30\x01\x00")),
            (
                b"\x30\xff\xff\xff\xff",
                Event::Refused(b"\x30\xff\xff\xff\xff"),
            ),
        ] {
            assert_eq!(Mqtt.next(packet), Some((packet.len(), event)));
        }
    }

    #[test]
    fn a_new_connection_says_who_it_is_and_what_it_wants_to_hear() {
        let mut out = Vec::new();
        Mqtt.enter(&mut out, "ann", "r");
        let expected =
            b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x00\x00\x03ann\x82\x06\x00\x01\x00\x01r\x00";
        assert_eq!(out, expected);
    }
}
