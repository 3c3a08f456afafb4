//! One line of an original file: a message, nothing, or why it is neither. The id counts for nothing: files of the original begin anew
//! after every restart.

use std::ops::Range;

use hashbrown::HashMap;

use crate::edge::wire::escape::{escape_into, unescape_stored};
use crate::edge::wire::names::{NameError, RoomName, UserName};
use crate::edge::wire::record::{GONE_USER, RecordError, RecordRef};
use crate::edge::wire::timestamp::Timestamp;

/// Some editors begin a file with this.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a line is.
#[derive(Debug)]
pub(super) enum Parsed {
    /// Empty, or white space only.
    Blank,
    /// No record; why.
    Rejected(String),
    /// A message.
    Message(Message),
}

/// What is to be stored.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) room: RoomName,
    pub(super) user: UserName,
    pub(super) time: Timestamp,
    pub(super) body: Body,
    /// Whether its name was outside the grammar.
    pub(super) repaired: bool,
}

/// A body in its stored form.
#[derive(Debug)]
pub(super) enum Body {
    /// As these bytes of the line.
    InLine(Range<usize>),
    /// Otherwise than in the line.
    Own(Vec<u8>),
}

/// Names met in this file: most lines repeat some.
#[derive(Default)]
pub(super) struct Names {
    rooms: HashMap<Box<str>, RoomName>,
    users: HashMap<Box<str>, (UserName, bool)>,
}

impl Names {
    /// Of each kind, kept at a time.
    const MAX: usize = 16_384;

    fn room(&mut self, name: &str) -> Result<RoomName, NameError> {
        if let Some(known) = self.rooms.get(name) {
            return Ok(known.clone());
        }
        let room = RoomName::parse(name)?;
        if self.rooms.len() >= Self::MAX {
            self.rooms.clear();
        }
        self.rooms.insert(name.into(), room.clone());
        Ok(room)
    }

    /// A user's name, and whether it had to be repaired.
    fn user(&mut self, name: &str) -> (UserName, bool) {
        if let Some(known) = self.users.get(name) {
            return known.clone();
        }
        let user = UserName::repaired(name);
        if self.users.len() >= Self::MAX {
            self.users.clear();
        }
        self.users.insert(name.into(), user.clone());
        user
    }
}

/// Reads line `number`, without its newline.
pub(super) fn parse(number: u64, whole_line: &[u8], names: &mut Names) -> Parsed {
    let line = match whole_line.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) if number == 1 => rest,
        _ => whole_line,
    };
    let before = whole_line.len() - line.len();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.trim_ascii().is_empty() {
        return Parsed::Blank;
    }
    let record = match RecordRef::parse(line) {
        Ok(record) => record,
        Err(RecordError::Blank) => return Parsed::Blank,
        Err(error) => return Parsed::Rejected(error.to_string()),
    };
    if record.user == GONE_USER {
        return Parsed::Rejected("a removal, not a message".to_owned());
    }
    if record.body.is_empty() {
        return Parsed::Rejected("the message is empty".to_owned());
    }
    let room = match names.room(record.room) {
        Ok(room) => room,
        Err(error) => return Parsed::Rejected(error.to_string()),
    };
    let (user, repaired) = names.user(record.user);
    Parsed::Message(Message {
        room,
        user,
        time: record.time,
        // It is what ends the line.
        body: stored_body(record.body, before + line.len() - record.body.len()),
        repaired,
    })
}

/// The stored form of a body, which begins at `at` in its line.
fn stored_body(body: &[u8], at: usize) -> Body {
    let plain = memchr::memchr3(b'\\', 0, b'\r', body).is_none();
    if plain && std::str::from_utf8(body).is_ok() {
        return Body::InLine(at..at + body.len());
    }
    // The original writes a backslash as two, so what stands behind a single one is its `\n` or our own `\xHH`.
    let mut own = Vec::with_capacity(body.len());
    escape_into(&unescape_stored(body), &mut own);
    Body::Own(own)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(number: u64, line: &[u8]) -> Parsed {
        super::parse(number, line, &mut Names::default())
    }

    fn body(line: &[u8], body: Body) -> Vec<u8> {
        match body {
            Body::InLine(range) => line[range].to_vec(),
            Body::Own(own) => own,
        }
    }

    /// Room, user, time, body, repaired.
    fn message(line: &[u8]) -> (String, String, String, Vec<u8>, bool) {
        let Parsed::Message(message) = parse(1, line) else {
            panic!("{}: {:?}", line.escape_ascii(), parse(1, line));
        };
        let (room, user) = (message.room.to_string(), message.user.to_string());
        let time = message.time.to_string();
        (room, user, time, body(line, message.body), message.repaired)
    }

    #[test]
    fn messages_keep_time_name_and_room() {
        let read = message(b"2;1640995200.1234;alice;Hello; world!\r");
        assert_eq!(
            (&*read.0, &*read.1, &*read.2),
            ("lobby", "alice", "1640995200.123400")
        );
        assert_eq!((&*read.3, read.4), (&b"Hello; world!"[..], false));
        assert_eq!(message(b"1;1.0;bob#dev;x").0, "dev");
        let odd = message("\u{feff}1;1.0;al ice#OB;x".as_bytes());
        assert_eq!((&*odd.0, &*odd.1, odd.4), ("lobby", "al_ice_OB", true));
    }

    #[test]
    fn contents_come_in_the_stored_form() {
        for (sent, stored) in [
            (&br"a\nb\\c"[..], &br"a\nb\\c"[..]),
            (br"a\tb", b"atb"),
            (br"\xFF\x00", br"\xFF\x00"),
            (b"\xff\0", br"\xFF\x00"),
            (br"end\", br"end\\"),
        ] {
            let line = [b"1;1.0;alice;", sent].concat();
            assert_eq!(message(&line).3, stored, "{}", sent.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_message_says_why() {
        for (line, why) in [
            (&b"hello"[..], "1 of 4 fields"),
            (b"1;2;x", "3 of 4 fields"),
            (b"one;2;x;y", "the id"),
            (b"1;yesterday;x;y", "the timestamp"),
            (b"1;2;\xff;y", "the user name"),
            (b"1;2;;y", "the user name"),
            (b"1;2;x;", "empty"),
            (b"9;2;.gone#dev;7", "removal"),
        ] {
            match parse(2, line) {
                Parsed::Rejected(text) => assert!(text.contains(why), "{text}"),
                other => panic!("{}: {other:?}", line.escape_ascii()),
            }
        }
        for line in [&b""[..], b"\r", b" \t "] {
            assert!(matches!(parse(2, line), Parsed::Blank));
        }
    }

    /// A line has no newline in it: that is what ends it.
    fn any_line() -> impl Strategy<Value = Vec<u8>> {
        let byte = any::<u8>().prop_map(|byte| if byte == b'\n' { b' ' } else { byte });
        proptest::collection::vec(byte, 0..60)
    }

    proptest! {
        #[test]
        fn no_line_panics_and_every_message_can_be_stored(line in any_line(), record in any::<bool>()) {
            let line = if record { [&b"1;2.5;u;"[..], &line].concat() } else { line };
            if let Parsed::Message(message) = parse(2, &line) {
                let found = body(&line, message.body);
                prop_assert!(std::str::from_utf8(&found).is_ok());
                prop_assert!(!found.contains(&b'\n') && !found.contains(&0) && !found.is_empty());
                // Taken from the line or not, it is the stored form of what the line says.
                let record = RecordRef::parse(line.strip_suffix(b"\r").unwrap_or(&line)).unwrap();
                let mut stored = Vec::new();
                escape_into(&unescape_stored(record.body), &mut stored);
                prop_assert_eq!(found, stored);
            }
        }
    }
}
