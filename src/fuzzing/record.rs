//! The fields and the line of the log: escapes, times, names, records.

use super::input::Input;
use crate::edge::wire::escape::{canonical_body, escape_into, unescape_sent, unescape_stored};
use crate::edge::wire::names::{RoomName, UserName, is_kept_room, is_user};
use crate::edge::wire::record::{GONE_USER, RecordRef, parse_id};
use crate::edge::wire::timestamp::Timestamp;

/// A line, or a body, or a field.
pub fn record(data: &[u8]) {
    let mut input = Input(data);
    match input.byte() % 4 {
        0 => line(input.0),
        1 => body(input.0),
        2 => built(input),
        _ => fields(input.0),
    }
}

/// What a line says, written, says the same.
fn line(line: &[u8]) {
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or(line);
    let Ok(record) = RecordRef::parse(line) else {
        return;
    };
    assert!(record.id > 0 && !record.user.is_empty() && is_kept_room(record.room.as_bytes()));
    if let Some(id) = record.removed_id() {
        assert!(record.user == GONE_USER && id > 0);
    }
    // A `#` in a name is of the original's files, whose names are repaired before they are written here.
    if !is_user(record.user.as_bytes()) && record.user != GONE_USER {
        return;
    }
    again(record);
}

fn again(record: RecordRef<'_>) {
    let mut out = Vec::new();
    record.write_to(&mut out);
    assert_eq!(out.pop(), Some(b'\n'));
    assert!(!out.contains(&b'\n'));
    assert_eq!(RecordRef::parse(&out), Ok(record));
    let mut head = Vec::new();
    record.write_head(&mut head);
    assert_eq!(&out[head.len()..], record.body);
}

/// Any bytes at all are a body.
fn body(raw: &[u8]) {
    let mut text = b"before\r".to_vec();
    escape_into(raw, &mut text);
    let text = if raw.is_empty() { &[] } else { &text[7..] };
    assert!(text.len() <= raw.len() * 4);
    assert!(std::str::from_utf8(text).is_ok());
    assert!(!text.contains(&b'\n') && !text.contains(&0) && !text.ends_with(b"\r"));
    assert_eq!(&*unescape_stored(text), raw);
    assert!(unescape_sent(raw).len() <= raw.len() && unescape_stored(raw).len() <= raw.len());
    if std::str::from_utf8(raw).is_ok() {
        let stored = canonical_body(raw);
        assert_eq!(unescape_stored(&stored), unescape_sent(raw));
    }
}

/// A record of any values.
fn built(mut input: Input<'_>) {
    let (id, micros) = (input.long().max(1), input.long());
    let (user, _) = UserName::repaired(&String::from_utf8_lossy(input.piece()));
    let room = String::from_utf8_lossy(input.piece());
    let room = RoomName::parse_kept(&room).unwrap_or(RoomName::lobby());
    let mut body = Vec::new();
    escape_into(input.0, &mut body);
    again(RecordRef {
        id,
        // What can be written: thirteen digits of seconds.
        time: Timestamp::from_micros(micros % 10_000_000_000_000_000_000),
        user: user.as_str(),
        room: room.as_str(),
        body: &body,
    });
}

fn fields(bytes: &[u8]) {
    if let Some(id) = parse_id(bytes) {
        assert_eq!(parse_id(id.to_string().as_bytes()), Some(id));
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(time) = Timestamp::parse(&text) {
        let mut out = Vec::new();
        time.write_to(&mut out);
        assert_eq!(out, time.to_string().as_bytes());
        assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
    }
    let (user, changed) = UserName::repaired(&text);
    assert!(is_user(user.as_str().as_bytes()));
    assert_eq!(changed, UserName::parse(&text).is_err());
    assert_eq!(user.account(), user.as_str().to_ascii_lowercase().into());
    if let Ok(room) = RoomName::parse_kept(&text) {
        assert_eq!(room.is_direct(), RoomName::parse(&text).is_err());
        if let Some((one, other)) = room.ends() {
            let [one, other] = [one, other].map(|name| UserName::parse(name).expect("an account"));
            assert_eq!(RoomName::direct(&other, &one), room);
        }
    }
}
