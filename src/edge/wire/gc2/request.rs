//! The lines of a client. Each function appends one whole line, newline included.
//!
//! A `;` or a newline in a field that may hold none becomes `?`: one call is always one line, and the server tells what
//! is wrong with it.

use super::super::timestamp::push_decimal;
use super::command::{Mechanism, VERSION};
use super::options::Options;
use super::range::{HistoryRange, JoinFrom};

/// `HELLO;{tag};2;{client name};{options}`.
pub fn hello(out: &mut Vec<u8>, tag: &str, client: &str, options: Options) {
    line(out, "HELLO", &[tag, VERSION, client, &options.to_string()]);
}

/// `AUTH;{tag};GUEST;{nickname}`.
pub fn auth_guest(out: &mut Vec<u8>, tag: &str, nickname: &str) {
    line(out, "AUTH", &[tag, Mechanism::Guest.as_str(), nickname]);
}

/// `AUTH;{tag};{mechanism};{data}`: a step of a log-in; `data` as the mechanism has it, base64 for all but GUEST.
pub fn auth(out: &mut Vec<u8>, tag: &str, mechanism: &str, data: &str) {
    line(out, "AUTH", &[tag, mechanism, data]);
}

/// `REGISTER;{tag};{user};{base64 password};{invite}`; an empty invite is none.
pub fn register(out: &mut Vec<u8>, tag: &str, user: &str, password_b64: &str, invite: &str) {
    line(out, "REGISTER", &[tag, user, password_b64, invite]);
}

/// `PASSWD;{tag};{base64 old};{base64 new}`.
pub fn passwd(out: &mut Vec<u8>, tag: &str, old_b64: &str, new_b64: &str) {
    line(out, "PASSWD", &[tag, old_b64, new_b64]);
}

/// `JOIN;{tag};{room};{from}`.
pub fn join(out: &mut Vec<u8>, tag: &str, room: &str, from: JoinFrom) {
    line(out, "JOIN", &[tag, room, &from.to_string()]);
}

/// `PART;{tag};{room}`.
pub fn part(out: &mut Vec<u8>, tag: &str, room: &str) {
    line(out, "PART", &[tag, room]);
}

/// `SEND;{tag};{room};{body}`, the text escaped; `target` is a room or `@name`. A carriage return at the very end does
/// not travel in this form, because a line's end swallows it; C16 carries any bytes.
pub fn send(out: &mut Vec<u8>, tag: &str, target: &str, text: &str) {
    begin(out, "SEND", &[tag, target]);
    out.push(b';');
    push_escaped(out, text);
    out.push(b'\n');
}

/// `SEND;{tag};{room};{body}` with a body that is already in the form of the connection: escaped, or C16.
pub fn send_encoded(out: &mut Vec<u8>, tag: &str, target: &str, body: &[u8]) {
    begin(out, "SEND", &[tag, target]);
    out.push(b';');
    out.extend(
        body.iter()
            .map(|byte| if *byte == b'\n' { b'?' } else { *byte }),
    );
    out.push(b'\n');
}

/// `HISTORY;{tag};{room};{range};{limit}`; without a limit, the server's own counts.
pub fn history(
    out: &mut Vec<u8>,
    tag: &str,
    target: &str,
    range: HistoryRange,
    limit: Option<u16>,
) {
    begin(out, "HISTORY", &[tag, target, &range.to_string()]);
    if let Some(limit) = limit {
        number(out, u64::from(limit));
    }
    out.push(b'\n');
}

/// `GET;{tag};{id}`.
pub fn get(out: &mut Vec<u8>, tag: &str, id: u64) {
    begin(out, "GET", &[tag]);
    number(out, id);
    out.push(b'\n');
}

/// `DELETE;{tag};{id}`.
pub fn delete(out: &mut Vec<u8>, tag: &str, id: u64) {
    begin(out, "DELETE", &[tag]);
    number(out, id);
    out.push(b'\n');
}

/// `ROOM;{tag};{room};{action};{argument}`, the argument escaped, as a topic needs it.
pub fn room(out: &mut Vec<u8>, tag: &str, room: &str, action: &str, argument: &str) {
    begin(out, "ROOM", &[tag, room, action]);
    out.push(b';');
    push_escaped(out, argument);
    out.push(b'\n');
}

/// `ROOMS;{tag}`.
pub fn rooms(out: &mut Vec<u8>, tag: &str) {
    line(out, "ROOMS", &[tag]);
}

/// `WHO;{tag};{room}`.
pub fn who(out: &mut Vec<u8>, tag: &str, room: &str) {
    line(out, "WHO", &[tag, room]);
}

/// `PING;{tag};{text}`; the text may hold `;`.
pub fn ping(out: &mut Vec<u8>, tag: &str, text: &str) {
    with_text(out, "PING", tag, text);
}

/// `PONG;{tag};{text}`; tag and text are those of the PING.
pub fn pong(out: &mut Vec<u8>, tag: &str, text: &str) {
    with_text(out, "PONG", tag, text);
}

/// `BYE;{tag}`.
pub fn bye(out: &mut Vec<u8>, tag: &str) {
    line(out, "BYE", &[tag]);
}

fn line(out: &mut Vec<u8>, verb: &str, fields: &[&str]) {
    begin(out, verb, fields);
    out.push(b'\n');
}

fn begin(out: &mut Vec<u8>, verb: &str, fields: &[&str]) {
    out.extend_from_slice(verb.as_bytes());
    for text in fields {
        out.push(b';');
        let safe = |byte| {
            if matches!(byte, b';' | b'\n' | b'\r') {
                b'?'
            } else {
                byte
            }
        };
        out.extend(text.bytes().map(safe));
    }
}

fn with_text(out: &mut Vec<u8>, verb: &str, tag: &str, text: &str) {
    begin(out, verb, &[tag]);
    out.push(b';');
    out.extend(text.bytes().map(|byte| {
        if matches!(byte, b'\n' | b'\r') {
            b'?'
        } else {
            byte
        }
    }));
    out.push(b'\n');
}

fn number(out: &mut Vec<u8>, value: u64) {
    out.push(b';');
    push_decimal(value, 1, out);
}

/// The two escapes that a client may send; the server's own `\xHH` would arrive as the bare letters.
fn push_escaped(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr2(b'\n', b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(if rest[at] == b'\n' { br"\n" } else { br"\\" });
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_in_lines_are_those_of_the_protocol() {
        let mut out = Vec::new();
        auth(&mut out, "a", "PLAIN", "AGFubgBz");
        register(&mut out, "r", "ann", "cw==", "");
        register(&mut out, "r", "a;nn", "cw==", "x\ny");
        passwd(&mut out, "p", "cw==", "dA==");
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "AUTH;a;PLAIN;AGFubgBz\nREGISTER;r;ann;cw==;\nREGISTER;r;a?nn;cw==;x?y\nPASSWD;p;cw==;dA==\n"
        );
    }
}
