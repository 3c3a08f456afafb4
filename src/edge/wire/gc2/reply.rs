//! The lines of the server. Each function appends one whole line, newline included, to the bytes of an outbox.
//!
//! The functions named `ok_…` write nothing for an empty tag: it asks for no `OK`. Rooms are room names, or `@name` for a
//! direct conversation; bodies and topics are already in the form of the connection (escaped or C16).

use super::super::timestamp::{Timestamp, push_decimal};
use super::command::VERSION;
use super::options::Options;
use super::refusal::{ErrorCode, Refusal};

/// A message, as MSG and HIST carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLine<'a> {
    /// Room name or `@name`.
    pub room: &'a str,
    /// Its place in the sequence of the server.
    pub id: u64,
    /// When the server accepted it.
    pub time: Timestamp,
    /// Who sent it.
    pub user: &'a str,
    /// In wire form, without a newline.
    pub body: &'a [u8],
}

/// `WELCOME;{tag};2;{server};{session};{options}`.
pub fn welcome(out: &mut Vec<u8>, tag: &str, server: &str, session: &str, options: Options) {
    let options = options.to_string();
    line(out, "WELCOME", &[tag, VERSION, server, session, &options]);
}

/// `AUTH;{tag};{mechanism};{data}`: the log-in goes on.
pub fn auth(out: &mut Vec<u8>, tag: &str, mechanism: &str, data: &str) {
    line(out, "AUTH", &[tag, mechanism, data]);
}

/// `OK;{tag};{fields…}`, for answers that none of the other functions writes. No field may hold `;` or a newline.
pub fn ok(out: &mut Vec<u8>, tag: &str, fields: &[&str]) {
    if tag.is_empty() {
        return;
    }
    out.extend_from_slice(b"OK");
    field(out, tag);
    fields.iter().for_each(|text| field(out, text));
    out.push(b'\n');
}

/// `OK;{tag};{user};{resume token}`: logged in; the token is empty where none is issued.
pub fn ok_auth(out: &mut Vec<u8>, tag: &str, user: &str, token: &str) {
    ok(out, tag, &[user, token]);
}

/// `OK;{tag};{room};{newest}`: joined.
pub fn ok_join(out: &mut Vec<u8>, tag: &str, room: &str, newest: u64) {
    if tag.is_empty() {
        return;
    }
    begin(out, "OK", &[tag, room]);
    number(out, newest);
    out.push(b'\n');
}

/// `OK;{tag};{room}`: PART and ROOM.
pub fn ok_room(out: &mut Vec<u8>, tag: &str, room: &str) {
    ok(out, tag, &[room]);
}

/// `OK;{tag};{id};{timestamp}`: the message is committed.
pub fn ok_send(out: &mut Vec<u8>, tag: &str, id: u64, time: Timestamp) {
    if tag.is_empty() {
        return;
    }
    begin(out, "OK", &[tag]);
    number(out, id);
    out.push(b';');
    time.write_to(out);
    out.push(b'\n');
}

/// `OK;{tag};{number}`: the count behind HIST, ROOM and USER lines, or the id of a DELETE.
pub fn ok_number(out: &mut Vec<u8>, tag: &str, value: u64) {
    if tag.is_empty() {
        return;
    }
    begin(out, "OK", &[tag]);
    number(out, value);
    out.push(b'\n');
}

/// `ERR;{tag};{code};{text}`; control characters of the text become spaces, so that it stays one line.
pub fn err(out: &mut Vec<u8>, tag: &str, code: ErrorCode, text: &str) {
    begin(out, "ERR", &[tag, code.as_str()]);
    out.push(b';');
    plain(out, text);
    out.push(b'\n');
}

/// The `ERR` line of a refused command.
pub fn refusal(out: &mut Vec<u8>, refusal: &Refusal) {
    err(out, refusal.tag.as_str(), refusal.code, &refusal.text);
}

/// `MSG;{room};{id};{timestamp};{user};{body}`.
pub fn msg(out: &mut Vec<u8>, message: &MessageLine<'_>) {
    out.reserve(message.body.len() + 128);
    out.extend_from_slice(b"MSG");
    message_fields(out, message);
}

/// `HIST;{tag};{room};{id};{timestamp};{user};{body}`.
pub fn hist(out: &mut Vec<u8>, tag: &str, message: &MessageLine<'_>) {
    out.reserve(message.body.len() + 192);
    begin(out, "HIST", &[tag]);
    message_fields(out, message);
}

fn message_fields(out: &mut Vec<u8>, message: &MessageLine<'_>) {
    field(out, message.room);
    number(out, message.id);
    out.push(b';');
    message.time.write_to(out);
    field(out, message.user);
    out.push(b';');
    out.extend_from_slice(message.body);
    out.push(b'\n');
}

/// `GONE;{room};{id}`: a message was deleted.
pub fn gone(out: &mut Vec<u8>, room: &str, id: u64) {
    begin(out, "GONE", &[room]);
    number(out, id);
    out.push(b'\n');
}

/// `GAP;{room};{first id kept}`: part of the past that was asked for is no longer there.
pub fn gap(out: &mut Vec<u8>, room: &str, first_kept: u64) {
    begin(out, "GAP", &[room]);
    number(out, first_kept);
    out.push(b'\n');
}

/// `ROOM;{tag};{room};{members};{newest id}`: one line of ROOMS.
pub fn room(out: &mut Vec<u8>, tag: &str, room: &str, members: u64, newest: u64) {
    begin(out, "ROOM", &[tag, room]);
    number(out, members);
    number(out, newest);
    out.push(b'\n');
}

/// `USER;{tag};{user};{state}`: one line of WHO.
pub fn user(out: &mut Vec<u8>, tag: &str, user: &str, state: &str) {
    line(out, "USER", &[tag, user, state]);
}

/// `TOPIC;{room};{user};{topic}`; the topic in wire form, it may hold `;`.
pub fn topic(out: &mut Vec<u8>, room: &str, user: &str, topic: &str) {
    line(out, "TOPIC", &[room, user, topic]);
}

/// `LEFT;{room};{reason}`: you were removed from the room.
pub fn left(out: &mut Vec<u8>, room: &str, reason: &str) {
    begin(out, "LEFT", &[room]);
    out.push(b';');
    plain(out, reason);
    out.push(b'\n');
}

/// `JOINED;{room};{user}`.
pub fn joined(out: &mut Vec<u8>, room: &str, user: &str) {
    line(out, "JOINED", &[room, user]);
}

/// `PARTED;{room};{user}`.
pub fn parted(out: &mut Vec<u8>, room: &str, user: &str) {
    line(out, "PARTED", &[room, user]);
}

/// `PING;;{n}`: the heartbeat.
pub fn ping(out: &mut Vec<u8>, n: u64) {
    begin(out, "PING", &[""]);
    number(out, n);
    out.push(b'\n');
}

/// `PONG;{tag};{text}`; the text as the PING had it.
pub fn pong(out: &mut Vec<u8>, tag: &str, text: &str) {
    line(out, "PONG", &[tag, text]);
}

/// `BYE;{reason};{seconds}`: come back after so many seconds.
pub fn bye(out: &mut Vec<u8>, reason: &str, seconds: u64) {
    begin(out, "BYE", &[reason]);
    number(out, seconds);
    out.push(b'\n');
}

/// Verb and fields, without the newline.
fn begin(out: &mut Vec<u8>, verb: &str, fields: &[&str]) {
    out.extend_from_slice(verb.as_bytes());
    fields.iter().for_each(|text| field(out, text));
}

fn line(out: &mut Vec<u8>, verb: &str, fields: &[&str]) {
    begin(out, verb, fields);
    out.push(b'\n');
}

fn field(out: &mut Vec<u8>, text: &str) {
    out.push(b';');
    out.extend_from_slice(text.as_bytes());
}

fn number(out: &mut Vec<u8>, value: u64) {
    out.push(b';');
    push_decimal(value, 1, out);
}

fn plain(out: &mut Vec<u8>, text: &str) {
    out.extend(
        text.bytes()
            .map(|byte| if byte.is_ascii_control() { b' ' } else { byte }),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_those_of_the_protocol() {
        let time = Timestamp::from_micros(1_640_995_200_123_000);
        let message = MessageLine {
            room: "dev",
            id: 7,
            time,
            user: "bob",
            body: br"a;b\nc",
        };
        for (line, expected) in [
            (
                written(|o| welcome(o, "h", "gc", "s1", Options::default())),
                "WELCOME;h;2;gc;s1;body=text presence=off\n",
            ),
            (written(|o| auth(o, "a", "X", "d")), "AUTH;a;X;d\n"),
            (written(|o| ok_auth(o, "a", "bob", "")), "OK;a;bob;\n"),
            (written(|o| ok_join(o, "j", "dev", 0)), "OK;j;dev;0\n"),
            (
                written(|o| ok_send(o, "s", 9, time)),
                "OK;s;9;1640995200.123\n",
            ),
            (written(|o| ok_number(o, "d", 3)), "OK;d;3\n"),
            (
                written(|o| msg(o, &message)),
                "MSG;dev;7;1640995200.123;bob;a;b\\nc\n",
            ),
            (
                written(|o| hist(o, "", &message)),
                "HIST;;dev;7;1640995200.123;bob;a;b\\nc\n",
            ),
            (written(|o| room(o, "r", "dev", 2, 7)), "ROOM;r;dev;2;7\n"),
            (
                written(|o| user(o, "w", "bob", "guest")),
                "USER;w;bob;guest\n",
            ),
            (written(|o| ping(o, 4)), "PING;;4\n"),
            (written(|o| pong(o, "p", "a;b")), "PONG;p;a;b\n"),
            (written(|o| bye(o, "bye", 0)), "BYE;bye;0\n"),
            (written(|o| gap(o, "dev", 5)), "GAP;dev;5\n"),
        ] {
            assert_eq!(line, expected);
        }
    }

    #[test]
    fn an_empty_tag_asks_for_no_ok_but_errors_come() {
        let nothing = |o: &mut Vec<u8>| {
            ok(o, "", &["x"]);
            ok_join(o, "", "dev", 1);
            ok_send(o, "", 1, Timestamp::default());
            ok_number(o, "", 1);
        };
        assert_eq!(written(nothing), "");
        let text = written(|o| err(o, "", ErrorCode::Conflict, "one\r\ntwo; three"));
        assert_eq!(text, "ERR;;conflict;one  two; three\n");
    }
}
