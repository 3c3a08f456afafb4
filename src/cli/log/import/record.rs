//! One line of an original file: a message, nothing, or why it is neither. The id counts for nothing: files of the original begin anew
//! after every restart.

use crate::edge::wire::escape::{escape_into, unescape_stored};
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::record::{GONE_USER, RecordError, RecordRef};
use crate::store::log::{EventKind, NewEvent};

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
    Message {
        /// To be stored.
        event: NewEvent,
        /// Whether its name was outside the grammar.
        repaired: bool,
    },
}

/// Reads line `number`, without its newline.
pub(super) fn parse(number: u64, line: &[u8]) -> Parsed {
    let line = match line.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) if number == 1 => rest,
        _ => line,
    };
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
    let room = match RoomName::parse(record.room) {
        Ok(room) => room,
        Err(error) => return Parsed::Rejected(error.to_string()),
    };
    let (user, repaired) = UserName::repaired(record.user);
    // The original writes a backslash as two, so what stands behind a single one is its `\n` or our own `\xHH`.
    let mut body = Vec::with_capacity(record.body.len());
    escape_into(&unescape_stored(record.body), &mut body);
    let event = NewEvent {
        room,
        user,
        kind: EventKind::Message(body.into()),
        origin: 0,
        nonce: 0,
        tag: None,
        time: Some(record.time),
    };
    Parsed::Message { event, repaired }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::edge::wire::timestamp::Timestamp;

    /// Room, user, time, body, repaired.
    fn message(line: &[u8]) -> (String, String, String, Vec<u8>, bool) {
        let Parsed::Message { event, repaired } = parse(1, line) else {
            panic!("{}: {:?}", line.escape_ascii(), parse(1, line));
        };
        let EventKind::Message(body) = event.kind else {
            panic!("no message");
        };
        let time = event.time.map(|time| time.to_string()).unwrap_or_default();
        let (room, user) = (event.room.to_string(), event.user.to_string());
        (room, user, time, body.to_vec(), repaired)
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

    proptest! {
        #[test]
        fn no_line_panics_and_every_message_can_be_stored(line in proptest::collection::vec(any::<u8>(), 0..60), record in any::<bool>()) {
            let line = if record { [&b"1;2.5;u;"[..], &line].concat() } else { line };
            if let Parsed::Message { event, .. } = parse(2, &line) {
                let EventKind::Message(body) = event.kind else { panic!() };
                prop_assert!(std::str::from_utf8(&body).is_ok());
                prop_assert!(!body.contains(&b'\n') && !body.contains(&0) && !body.is_empty());
                prop_assert!(event.time >= Some(Timestamp::default()));
            }
        }
    }
}
