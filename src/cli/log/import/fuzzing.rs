//! A file that pretends to be one of the original: read the same whatever the pieces, and what is taken in is fit to be stored.

use std::io::{self, BufReader};
use std::ops::Range;

use super::lines::{Found, Lines};
use super::record::{Body, Message, Names, Parsed, parse};
use crate::edge::wire::names::{is_room, is_user};
use crate::edge::wire::record::RecordRef;
use crate::fuzzing::Input;

/// Most that a stored body is longer than what stood in the line.
const GROWTH: usize = 4;

/// What was made of one line.
#[derive(Debug, PartialEq, Eq)]
enum Made {
    Blank,
    Rejected(String),
    /// The record that is written of it.
    Message(Vec<u8>),
}

/// A file, read in two kinds of pieces.
pub fn import(data: &[u8]) {
    let mut input = Input(data);
    let capacity = 1 + usize::from(input.byte() % 32);
    let whole = file(input.0, input.0.len().max(1));
    assert_eq!(whole, file(input.0, capacity), "pieces matter");
}

fn file(bytes: &[u8], capacity: usize) -> Vec<Made> {
    let mut lines = Lines::new(BufReader::with_capacity(capacity, bytes));
    let (mut names, mut made) = (Names::default(), Vec::new());
    // No input is long enough for a line that is too long.
    while lines.next(&mut io::sink()).expect("memory can be read") != Found::End {
        made.push(line(lines.number, &lines.bytes, &mut names));
    }
    assert_eq!(lines.position, bytes.len() as u64);
    made
}

fn line(number: u64, line: &[u8], names: &mut Names) -> Made {
    match parse(number, line, names) {
        Parsed::Blank => Made::Blank,
        Parsed::Rejected(why) => {
            assert!(
                !why.is_empty() && !why.contains(char::is_control),
                "{why:?}"
            );
            Made::Rejected(why)
        }
        Parsed::Message(message) => Made::Message(taken_in(line, &message, names)),
    }
}

/// What is taken in is a record of ours, and would be taken in again as the same.
fn taken_in(line: &[u8], message: &Message, names: &mut Names) -> Vec<u8> {
    let body = body(line, &message.body);
    assert!(is_user(message.user.as_str().as_bytes()));
    assert!(is_room(message.room.as_str().as_bytes()));
    assert!(!body.is_empty() && body.len() <= line.len() * GROWTH);
    assert!(std::str::from_utf8(body).is_ok());
    assert!(!body.contains(&b'\n') && !body.contains(&0) && !body.ends_with(b"\r"));
    let mut written = Vec::new();
    RecordRef {
        id: 1,
        time: message.time,
        user: message.user.as_str(),
        room: message.room.as_str(),
        body,
    }
    .write_to(&mut written);
    written.pop();
    let Parsed::Message(again) = parse(2, &written, names) else {
        panic!("not taken in again: {}", written.escape_ascii());
    };
    assert!(!again.repaired);
    assert_eq!((&again.user, &again.room), (&message.user, &message.room));
    assert_eq!(again.time, message.time);
    assert_eq!(self::body(&written, &again.body), body);
    written
}

fn body<'a>(line: &'a [u8], body: &'a Body) -> &'a [u8] {
    match body {
        Body::InLine(Range { start, end }) => &line[*start..*end],
        Body::Own(own) => own,
    }
}
