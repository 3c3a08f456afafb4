//! Messages as lines: for people, as the record has them, as JSON. What others wrote reaches a terminal only through
//! [`sanitized`].

use std::borrow::Cow;

use serde::Serialize;

use super::message::Message;
use super::time::{Clock, shown};
use crate::edge::wire::escape::unescape_stored;
use crate::edge::wire::record::RecordRef;

/// Stands before every further line of a message.
pub const INDENT: &str = "    ";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// How a message becomes text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// `2026-11-22 15:04:05 alice: text`, local time, harmless to a terminal
    Human,
    /// The line of the log, byte by byte
    Record,
    /// One object a line: id, time, room, user, text
    Json,
}

/// The look of human lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// How much of the time is shown.
    pub clock: Clock,
    /// Whether escape sequences of our own may be used.
    pub colour: bool,
}

#[derive(Serialize)]
struct Json<'a> {
    id: u64,
    time: f64,
    room: &'a str,
    user: &'a str,
    text: Cow<'a, str>,
}

/// Appends the message, with a newline at the end.
pub fn message(message: &Message, format: Format, look: Look, out: &mut Vec<u8>) {
    match format {
        Format::Human => out.extend_from_slice(human(message, look).as_bytes()),
        Format::Record => RecordRef {
            id: message.id,
            time: message.time,
            user: &message.user,
            room: &message.room,
            body: &message.body,
        }
        .write_to(out),
        Format::Json => json(message, out),
    }
    if format != Format::Record {
        out.push(b'\n');
    }
}

/// `{time} {user}: {text}`, further lines indented, no newline at the end.
pub fn human(message: &Message, look: Look) -> String {
    let raw = unescape_stored(&message.body);
    let text = String::from_utf8_lossy(&raw);
    let time = shown(message.time, look.clock);
    let user = sanitized(&message.user);
    let direct = direct(message);
    let mut line = if look.colour {
        format!("{DIM}{time}{PLAIN} {BOLD}{user}{PLAIN}{direct}: ")
    } else {
        format!("{time} {user}{direct}: ")
    };
    for (index, piece) in text.split('\n').enumerate() {
        if index > 0 {
            line.push('\n');
            line.push_str(INDENT);
        }
        line.push_str(&sanitized(piece.strip_suffix('\r').unwrap_or(piece)));
    }
    line
}

/// Tells messages that only two can read from those that everybody in the room reads.
fn direct(message: &Message) -> String {
    match message.room.strip_prefix('@') {
        None => String::new(),
        Some(other) if other.eq_ignore_ascii_case(&message.user) => " (direct)".to_owned(),
        Some(other) => format!(" (direct to {})", sanitized(other)),
    }
}

/// A note of the program itself.
pub fn note(text: &str, look: Look) -> String {
    if look.colour {
        format!("{DIM}-- {text}{PLAIN}")
    } else {
        format!("-- {text}")
    }
}

fn json(message: &Message, out: &mut Vec<u8>) {
    let raw = unescape_stored(&message.body);
    let object = Json {
        id: message.id,
        // Six decimals of a second fit a double for thousands of years.
        time: message.time.as_micros() as f64 / 1e6,
        room: &message.room,
        user: &message.user,
        text: String::from_utf8_lossy(&raw),
    };
    // Strings and numbers into a vector: nothing here can fail.
    let _ = serde_json::to_writer(out, &object);
}

/// `text` on one line and without anything that a terminal would obey: control characters appear as their pictures,
/// those that turn the direction of writing as the replacement character; a tab becomes a space.
pub fn sanitized(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(harmless).collect())
}

fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn harmless(c: char) -> char {
    match c {
        '\t' => ' ',
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        c if is_hostile(c) => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::wire::timestamp::Timestamp;
    use proptest::prelude::*;

    const LOOK: Look = Look {
        clock: Clock::Full,
        colour: false,
    };

    fn sample(body: &[u8]) -> Message {
        Message {
            room: "dev".into(),
            id: 7,
            time: Timestamp::parse("1640995200.123").unwrap(),
            user: "alice".into(),
            body: body.to_vec(),
        }
    }

    fn text(body: &[u8], format: Format) -> String {
        let mut out = Vec::new();
        message(&sample(body), format, LOOK, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn human_lines_are_indented_and_harmless() {
        let line = text(br"one\ntwo", Format::Human);
        assert!(line.ends_with(" alice: one\n    two\n"), "{line}");
        let line = text(
            "a\x1b]0;owned\x07\x1b[2J\u{9b}31m\u{202e}x\\x1B[0m\r".as_bytes(),
            Format::Human,
        );
        assert!(!line.contains(['\x1b', '\x07', '\u{9b}', '\u{202e}', '\r']));
        assert!(line.contains("␛]0;owned␇␛[2J"), "{line}");
        let mut forged = sample(b"x");
        forged.user = "ev\x1b[8mil\nroot".into();
        assert!(!human(&forged, LOOK).contains(['\x1b', '\n']));
    }

    #[test]
    fn direct_messages_cannot_be_taken_for_public_ones() {
        let mut message = sample(b"psst");
        message.room = "@Alice".into();
        assert!(human(&message, LOOK).ends_with(" alice (direct): psst"));
        message.room = "@b\x1bob".into();
        assert!(human(&message, LOOK).ends_with(" alice (direct to b␛ob): psst"));
    }

    #[test]
    fn programs_get_every_byte() {
        assert_eq!(
            text(br"a;b\nc\\", Format::Record),
            "7;1640995200.123;alice#dev;a;b\\nc\\\\\n"
        );
        assert_eq!(
            text(br#"a"\nb"#, Format::Json),
            "{\"id\":7,\"time\":1640995200.123,\"room\":\"dev\",\"user\":\"alice\",\"text\":\"a\\\"\\nb\"}\n"
        );
    }

    #[test]
    fn colour_is_ours_alone() {
        let look = Look {
            colour: true,
            ..LOOK
        };
        let line = human(&sample(b"x\x1b[31m"), look);
        assert_eq!(
            line.replace(DIM, "")
                .replace(BOLD, "")
                .replace(PLAIN, "")
                .matches('\x1b')
                .count(),
            0
        );
    }

    proptest! {
        #[test]
        fn nothing_that_a_terminal_obeys_passes(body in proptest::collection::vec(any::<u8>(), 0..80), user in any::<String>()) {
            let mut hostile = sample(&body);
            hostile.user = user;
            let line = human(&hostile, LOOK);
            prop_assert!(line.chars().all(|c| c == '\n' || !is_hostile(c)));
        }
    }
}
