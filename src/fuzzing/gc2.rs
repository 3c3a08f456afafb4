//! The lines of a client, as the server reads them: splitter, commands, refusals, and the bodies that go on to others.

use std::ops::ControlFlow;

use super::input::{Dice, Input};
use crate::edge::wire::escape::{canonical_body, unescape_sent, unescape_stored};
use crate::edge::wire::gc2::command::{CLIENT_NAME_BYTES_MAX, Command, parse};
use crate::edge::wire::gc2::lines::{HEAD_BYTES_MAX, Line, LineSplitter};
use crate::edge::wire::gc2::refusal::{ErrorCode, Refusal};
use crate::edge::wire::gc2::reply::{self, MessageLine};
use crate::edge::wire::gc2::request;
use crate::edge::wire::gc2::server_line::{self, ServerLine};
use crate::edge::wire::timestamp::Timestamp;

/// Longest text of a refusal: a verb list and a quoted word fit, whatever came in does not.
const REFUSAL_BYTES_MAX: usize = 400;

/// A stream of lines: limit, seed of the cuts, stream.
pub fn gc2(data: &[u8]) {
    let mut input = Input(data);
    let line_bytes_max = usize::from(input.byte());
    let seed = u64::from(input.byte());
    split(input.0, line_bytes_max, Dice(seed));
}

/// What the splitter ought to say: `None` for a line that is too long. The flag of the last one tells that it has not ended yet.
fn lines_of(stream: &[u8], max: usize) -> impl Iterator<Item = (Option<&[u8]>, &[u8])> {
    let mut pieces = stream.split(|byte| *byte == b'\n').peekable();
    std::iter::from_fn(move || {
        let piece = pieces.next()?;
        if pieces.peek().is_some() {
            let line = piece.strip_suffix(b"\r").unwrap_or(piece);
            return Some(((line.len() <= max).then_some(line), piece));
        }
        // The end of the stream: told already if it can only become too long.
        let over = piece.len() > max && !(piece.len() == max + 1 && piece.ends_with(b"\r"));
        over.then_some((None, piece))
    })
}

fn split(stream: &[u8], max: usize, mut dice: Dice) {
    let mut expected = lines_of(stream, max);
    let mut splitter = LineSplitter::new(max);
    let mut rest = stream;
    while !rest.is_empty() {
        let piece = &rest[..1 + dice.below(rest.len())];
        let stops = dice.below(4) == 0;
        let used = splitter.feed(piece, |line| {
            let wanted = expected.next();
            match (line, wanted) {
                (Line::Whole(line), Some((Some(wanted), _))) => {
                    assert_eq!(line, wanted, "another line");
                    command(line);
                }
                (Line::Oversized { head }, Some((None, whole))) => {
                    assert!(whole.starts_with(head) && head.len() <= HEAD_BYTES_MAX);
                    refused(&Refusal::oversized(head, max), head);
                }
                other => panic!("{other:?}"),
            }
            if stops {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert!(used > 0 && used <= piece.len(), "no way forward");
        assert!(stops || used == piece.len(), "bytes left out");
        assert!(splitter.pending_bytes() <= max + 1, "a partial line grows");
        rest = &rest[used..];
    }
    assert!(expected.next().is_none(), "a line is missing");
}

/// One line: read, written, read again; or refused as the protocol says.
fn command(line: &[u8]) {
    let command = match parse(line) {
        Ok(command) => command,
        Err(refusal) => {
            let documented = [ErrorCode::BadRequest, ErrorCode::Unsupported];
            assert!(documented.contains(&refusal.code), "{refusal:?}");
            return refused(&refusal, line);
        }
    };
    if let Command::Send { body, .. } = command {
        assert!(!body.is_empty());
        if std::str::from_utf8(body).is_ok() {
            said(body);
        }
    }
    if let Command::Hello { client, .. } = command {
        assert!(client.len() <= CLIENT_NAME_BYTES_MAX && !client.contains(char::is_control));
    }
    // Where a line is read, a carriage return in it is a character; where one is written it becomes a question mark.
    if !line.contains(&b'\r') {
        let mut again = Vec::with_capacity(line.len() + 64);
        write(&command, &mut again);
        assert_eq!(again.pop(), Some(b'\n'));
        let read = parse(&again);
        assert!(
            read.as_ref().ok() == Some(&command),
            "{}",
            again.escape_ascii()
        );
    }
}

fn write(command: &Command<'_>, out: &mut Vec<u8>) {
    let text = |out: &mut Vec<u8>, verb: &str, fields: &[&str]| {
        out.extend_from_slice(verb.as_bytes());
        for field in fields {
            out.push(b';');
            out.extend_from_slice(field.as_bytes());
        }
        out.push(b'\n');
    };
    match *command {
        Command::Hello {
            tag,
            client,
            options,
            ..
        } => request::hello(out, tag.as_str(), client, options),
        Command::Auth {
            tag,
            mechanism,
            data,
        } => request::auth(out, tag.as_str(), mechanism.as_str(), data),
        Command::Join { tag, room, from } => {
            request::join(out, tag.as_str(), room.as_str(), from);
        }
        Command::Part { tag, room } => request::part(out, tag.as_str(), room.as_str()),
        Command::Send { tag, target, body } => {
            request::send_encoded(out, tag.as_str(), &target.to_string(), body);
        }
        Command::History {
            tag,
            target,
            range,
            limit,
        } => request::history(out, tag.as_str(), &target.to_string(), range, Some(limit)),
        Command::Get { tag, id } => request::get(out, tag.as_str(), id),
        Command::Delete { tag, id } => request::delete(out, tag.as_str(), id),
        // `request::room` takes an argument that is not escaped yet.
        Command::Room {
            tag,
            room,
            action,
            argument,
        } => text(
            out,
            "ROOM",
            &[tag.as_str(), room.as_str(), action, argument],
        ),
        Command::Rooms { tag } => request::rooms(out, tag.as_str()),
        Command::Who { tag, room } => request::who(out, tag.as_str(), room.as_str()),
        Command::Ping { tag, text } => request::ping(out, tag.as_str(), text),
        Command::Pong { tag, text } => request::pong(out, tag.as_str(), text),
        Command::Bye { tag } => request::bye(out, tag.as_str()),
        Command::Register {
            tag,
            user,
            password,
            invite,
        } => request::register(out, tag.as_str(), user.as_str(), password, invite),
        Command::Passwd { tag, old, new } => request::passwd(out, tag.as_str(), old, new),
    }
}

/// The refusal is one line of bounded length, which a client reads as what it is, and repeats no more than a tag and a word.
fn refused(refusal: &Refusal, line: &[u8]) {
    let mut out = Vec::new();
    reply::refusal(&mut out, refusal);
    assert_eq!(out.pop(), Some(b'\n'));
    assert!(out.len() <= REFUSAL_BYTES_MAX, "{} bytes", out.len());
    let Ok(ServerLine::Err { tag, code, text }) = server_line::parse(&out) else {
        panic!("no ERR line: {}", out.escape_ascii());
    };
    assert_eq!(tag, refusal.tag.as_str());
    assert!(
        tag.is_empty() || memchr::memmem::find(line, tag.as_bytes()).is_some(),
        "a tag that nobody sent"
    );
    assert_eq!(ErrorCode::parse(code), Some(refusal.code));
    assert!(!text.contains(char::is_control), "{text:?}");
}

/// The body of a text client, on its way through the log to other text clients.
fn said(body: &[u8]) {
    let stored = canonical_body(body);
    assert!(stored.len() <= body.len() * 4);
    assert!(std::str::from_utf8(&stored).is_ok());
    assert_eq!(unescape_stored(&stored), unescape_sent(body));
    assert!(!stored.contains(&b'\n') && !stored.contains(&0) && !stored.ends_with(b"\r"));
    let message = MessageLine {
        room: "dev",
        id: 7,
        time: Timestamp::from_micros(1_640_995_200_123_000),
        user: "bob",
        body: &stored,
    };
    let mut out = Vec::new();
    reply::msg(&mut out, &message);
    let mut heard = 0;
    LineSplitter::new(out.len()).feed(&out, |line| {
        heard += 1;
        let Line::Whole(line) = line else {
            panic!("cut: {line:?}");
        };
        assert_eq!(server_line::parse(line), Ok(ServerLine::Msg { message }));
        ControlFlow::Continue(())
    });
    assert_eq!(heard, 1, "one message is one line");
}
