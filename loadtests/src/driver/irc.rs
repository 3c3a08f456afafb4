//! IRC (RFC 2812): a room is a channel, a user a nickname. Nobody gets its own messages back.

use memchr::memchr;

use super::{Driver, Event, Hears, Message, line};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Irc;

/// Before the name of a channel.
const MARK: u8 = b'#';

impl Driver for Irc {
    const CONFIRMS: bool = false;
    const HEARS: Hears = Hears::Others;
    // A line has 512 bytes, with the prefix that the server puts before it.
    const BODY_BYTES_MAX: usize = 380;

    fn enter(&self, out: &mut Vec<u8>, user: &str, _room: &str) {
        for part in ["NICK ", user, "\r\nUSER ", user, " 0 * :", user, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }

    /// A JOIN before the welcome would be refused.
    fn go_in(&self, out: &mut Vec<u8>, room: &str) {
        command(out, b"JOIN ", room);
        out.extend_from_slice(b"\r\n");
    }

    fn send(&self, out: &mut Vec<u8>, room: &str, _tag: Option<u64>, body: &[u8]) {
        command(out, b"PRIVMSG ", room);
        out.extend_from_slice(b" :");
        out.extend_from_slice(body);
        out.extend_from_slice(b"\r\n");
    }

    fn next<'a>(&self, input: &'a [u8]) -> Option<(usize, Event<'a>)> {
        let (line, length) = line(input)?;
        Some((length, event(line)))
    }

    fn pong(&self, out: &mut Vec<u8>, ping: &[u8]) {
        out.extend_from_slice(b"PONG");
        let (_, rest) = cut(ping, b' ');
        out.push(b' ');
        out.extend_from_slice(rest);
        out.extend_from_slice(b"\r\n");
    }
}

fn command(out: &mut Vec<u8>, verb: &[u8], room: &str) {
    out.extend_from_slice(verb);
    out.push(MARK);
    out.extend_from_slice(room.as_bytes());
}

/// What stands before the first `mark`, and what behind it.
fn cut(text: &[u8], mark: u8) -> (&[u8], &[u8]) {
    match memchr(mark, text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

fn event(line: &[u8]) -> Event<'_> {
    let (prefix, rest) = match line.strip_prefix(b":") {
        Some(text) => cut(text, b' '),
        None => (&[][..], line),
    };
    let (verb, rest) = cut(rest, b' ');
    match verb {
        b"PRIVMSG" => message(prefix, rest).map_or(Event::Refused(line), Event::Message),
        b"PING" => Event::Ping(line),
        b"ERROR" | b"KILL" | b"KICK" => Event::Refused(line),
        b"001" => Event::LetIn,
        // The end of the names of those who are there.
        b"366" => Event::Entered,
        // There is no message of the day.
        b"422" => Event::Quiet,
        [b'4' | b'5', _, _] => Event::Refused(line),
        _ => Event::Quiet,
    }
}

/// `{nick}!{user}@{host}`, `{channel} :{text}`
fn message<'a>(prefix: &'a [u8], rest: &'a [u8]) -> Option<Message<'a>> {
    let (room, body) = cut(rest, b' ');
    Some(Message {
        id: None,
        room: room.strip_prefix(&[MARK])?,
        user: Some(cut(prefix, b'!').0),
        body: body.strip_prefix(b":").unwrap_or(body),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let message = Event::Message(Message {
            id: None,
            room: b"r",
            user: Some(b"ann"),
            body: b"a :b",
        });
        for (line, event) in [
            (&b":ann!~ann@127.0.0.1 PRIVMSG #r :a :b\r\n"[..], message),
            (b":irc.test 001 ann :Welcome\r\n", Event::LetIn),
            (b":irc.test 366 ann #r :End of NAMES\r\n", Event::Entered),
            (b":bob!b@h JOIN #r\r\n", Event::Quiet),
            (b":irc.test 422 ann :no MOTD\r\n", Event::Quiet),
            (b"PING :x\r\n", Event::Ping(b"PING :x")),
            (
                b":s 433 * ann :in use\r\n",
                Event::Refused(b":s 433 * ann :in use"),
            ),
            (b"ERROR :flood\r\n", Event::Refused(b"ERROR :flood")),
            (
                b":ann PRIVMSG bob :x\r\n",
                Event::Refused(b":ann PRIVMSG bob :x"),
            ),
        ] {
            assert_eq!(Irc.next(line), Some((line.len(), event)));
        }
        assert_eq!(Irc.next(b":irc.test 001 ann"), None);
    }

    #[test]
    fn what_is_said_reads_as_in_the_protocol() {
        let mut out = Vec::new();
        Irc.enter(&mut out, "ann", "r");
        Irc.go_in(&mut out, "r");
        Irc.send(&mut out, "r", None, b"hi; you");
        Irc.pong(&mut out, b"PING :irc.test");
        let expected = "NICK ann\r\nUSER ann 0 * :ann\r\nJOIN #r\r\n\
                        PRIVMSG #r :hi; you\r\nPONG :irc.test\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        assert_eq!(Irc::hearers(10), 9);
    }
}
