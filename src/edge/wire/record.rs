//! The message record of the seed, `{id};{timestamp};{username}#{room};{content}`, one a line.
//!
//! The lobby is written without its name, so that a reader of the old format still reads it. A removal is remembered
//! as a record of its own, whose "user" is outside the grammar of names: `{id};{timestamp};.gone#{room};{removed id}`.

use super::names::{LOBBY, is_kept_room};
use super::timestamp::{Timestamp, push_decimal};

/// Stands where the user would, in the record of a removal.
pub const GONE_USER: &str = ".gone";

/// One parsed record; borrows the line. `user` and `room` are as written, not yet checked against the grammar
/// of names, because files of the original hold what they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// Position in the sequence of the whole server, from 1.
    pub id: u64,
    /// When the server accepted it.
    pub time: Timestamp,
    /// Who sent it, or [`GONE_USER`].
    pub user: &'a str,
    /// Where; [`LOBBY`] if the record names none.
    pub room: &'a str,
    /// The escaped content; may hold semicolons.
    pub body: &'a [u8],
}

/// Why a line is no record; the text stands behind `line N: ` in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The line is empty.
    #[error("blank line")]
    Blank,
    /// Fewer than four fields.
    #[error("{found} of 4 fields (id;timestamp;username;content)")]
    MissingFields {
        /// How many there are.
        found: usize,
    },
    /// The id is no positive integer of 64 bits.
    #[error("the id is not a positive whole number")]
    Id,
    /// The timestamp is no decimal number.
    #[error("the timestamp is not a decimal number of seconds")]
    Timestamp,
    /// No user name, or one that is not UTF-8.
    #[error("the user name is empty or not UTF-8")]
    User,
}

impl<'a> RecordRef<'a> {
    /// Reads one line, without its newline. A `#` that no room name follows belongs to the user's name, as it did in
    /// files of the original.
    pub fn parse(line: &'a [u8]) -> Result<Self, RecordError> {
        if line.is_empty() {
            return Err(RecordError::Blank);
        }
        let mut fields = line.splitn(4, |byte| *byte == b';');
        let mut found = 0;
        let mut next = || {
            found += 1;
            fields
                .next()
                .ok_or(RecordError::MissingFields { found: found - 1 })
        };
        let (id, time, name, body) = (next()?, next()?, next()?, next()?);
        let id = parse_id(id).ok_or(RecordError::Id)?;
        let time = std::str::from_utf8(time).map_err(|_| RecordError::Timestamp)?;
        let time = Timestamp::parse(time).map_err(|_| RecordError::Timestamp)?;
        let name = std::str::from_utf8(name).map_err(|_| RecordError::User)?;
        let (user, room) = match name.rsplit_once('#') {
            Some((user, room)) if is_kept_room(room.as_bytes()) => (user, room),
            _ => (name, LOBBY),
        };
        if user.is_empty() {
            return Err(RecordError::User);
        }
        Ok(Self {
            id,
            time,
            user,
            room,
            body,
        })
    }

    /// Appends the line, newline included.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        self.write_head(out);
        out.extend_from_slice(self.body);
        out.push(b'\n');
    }

    /// Appends everything before the content: where that begins is where a removal overwrites.
    pub fn write_head(&self, out: &mut Vec<u8>) {
        push_decimal(self.id, 1, out);
        out.push(b';');
        self.time.write_to(out);
        out.push(b';');
        out.extend_from_slice(self.user.as_bytes());
        if self.room != LOBBY {
            out.push(b'#');
            out.extend_from_slice(self.room.as_bytes());
        }
        out.push(b';');
    }

    /// The id of the removed record, if this is a removal.
    pub fn removed_id(&self) -> Option<u64> {
        if self.user == GONE_USER {
            parse_id(self.body)
        } else {
            None
        }
    }
}

/// A positive whole number of 64 bits in plain decimal digits.
pub fn parse_id(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let id = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (id > 0).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_example_of_the_seed() {
        let line = b"1;1640995200.123;alice;Hello, world!";
        let record = RecordRef::parse(line).unwrap();
        assert_eq!((record.id, record.user, record.room), (1, "alice", "lobby"));
        assert_eq!(record.body, b"Hello, world!");
        let mut out = Vec::new();
        record.write_to(&mut out);
        assert_eq!(out, [&line[..], b"\n"].concat());
    }

    #[test]
    fn room_stands_behind_the_user() {
        let record = RecordRef::parse(b"7;1.000;bob#dev;a;b;c").unwrap();
        assert_eq!(
            (record.user, record.room, record.body),
            ("bob", "dev", &b"a;b;c"[..])
        );
        let direct = RecordRef::parse(b"7;1.000;Bob#@ann,bob;x").unwrap();
        assert_eq!((direct.user, direct.room), ("Bob", "@ann,bob"));
        let old = RecordRef::parse(b"7;1.000;b#OB;x").unwrap();
        assert_eq!((old.user, old.room), ("b#OB", "lobby"));
    }

    #[test]
    fn a_removal_is_a_record() {
        let record = RecordRef::parse(b"9;1.000;.gone#dev;7").unwrap();
        assert_eq!((record.removed_id(), record.room), (Some(7), "dev"));
        assert_eq!(
            RecordRef::parse(b"9;1.000;gone;7").unwrap().removed_id(),
            None
        );
    }

    #[test]
    fn tells_what_is_wrong() {
        use RecordError::*;
        for (line, why) in [
            (&b""[..], Blank),
            (b"hello", MissingFields { found: 1 }),
            (b"1;2;x", MissingFields { found: 3 }),
            (b"x;2;u;b", Id),
            (b"0;2;u;b", Id),
            (b"-1;2;u;b", Id),
            (b"18446744073709551616;2;u;b", Id),
            (b"1;-2;u;b", Timestamp),
            (b"1;2;;b", User),
            (b"1;2;\xff;b", User),
        ] {
            assert_eq!(RecordRef::parse(line), Err(why), "{}", line.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn no_input_panics(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = RecordRef::parse(&line);
        }

        #[test]
        fn written_records_read_back(
            id in 1u64.., millis in 0u64..4_000_000_000_000,
            user in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}", room in "[a-z0-9][a-z0-9._-]{0,63}",
            raw in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let mut body = Vec::new();
            super::super::escape::escape_into(&raw, &mut body);
            let time = Timestamp::from_micros(millis * 1000);
            let record = RecordRef { id, time, user: &user, room: &room, body: &body };
            let mut line = Vec::new();
            record.write_to(&mut line);
            prop_assert_eq!(line.pop(), Some(b'\n'));
            prop_assert!(!line.contains(&b'\n'));
            prop_assert_eq!(RecordRef::parse(&line), Ok(record));
        }
    }
}
