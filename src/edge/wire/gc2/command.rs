//! What a client may send. In: one line without its newline, untrusted. Out: a [`Command`] that borrows it, every
//! field checked against its grammar, or the [`Refusal`] to answer with. Rights and state are the caller's matter.

use std::borrow::Cow;

use super::super::names::NameError;
use super::super::record::parse_id;
use super::options::Options;
use super::range::{HistoryRange, JoinFrom, parse_limit};
use super::refusal::{ErrorCode, Refusal};
use super::text::{RoomTarget, RoomText, TagText, UserText, take_field, take_text};

/// The version of the protocol, as HELLO and WELCOME name it.
pub const VERSION: &str = "2";
/// Longest client name that is kept, in bytes; what is longer is cut.
pub const CLIENT_NAME_BYTES_MAX: usize = 64;
/// Longest part of an unknown word that an answer repeats, in characters.
const QUOTED_CHARS_MAX: usize = 32;

/// One command of a client. Some carry secrets, so outside of tests it cannot be printed.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
#[expect(
    missing_docs,
    reason = "the fields are those of docs/protocol.md, by their names"
)]
pub enum Command<'a> {
    /// Names the client and chooses options; `client` is printable, cut to [`CLIENT_NAME_BYTES_MAX`].
    Hello {
        tag: TagText<'a>,
        version: &'a str,
        client: &'a str,
        options: Options,
    },
    /// A step of a log-in; `data` as the mechanism has it.
    Auth {
        tag: TagText<'a>,
        mechanism: Mechanism,
        data: &'a str,
    },
    /// Enter a room and hear its past from `from` on.
    Join {
        tag: TagText<'a>,
        room: RoomText<'a>,
        from: JoinFrom,
    },
    /// Leave a room.
    Part {
        tag: TagText<'a>,
        room: RoomText<'a>,
    },
    /// Say something. `body` is not empty, in the form of the connection (text or C16) and not yet checked: text may
    /// not be UTF-8 and may hold NUL.
    Send {
        tag: TagText<'a>,
        target: RoomTarget<'a>,
        body: &'a [u8],
    },
    /// Read the past.
    History {
        tag: TagText<'a>,
        target: RoomTarget<'a>,
        range: HistoryRange,
        limit: u16,
    },
    /// Read one message.
    Get { tag: TagText<'a>, id: u64 },
    /// Remove one message.
    Delete { tag: TagText<'a>, id: u64 },
    /// Manage a room. `action` is not checked here; `argument` may hold `;` and is as written, a topic still escaped.
    Room {
        tag: TagText<'a>,
        room: RoomText<'a>,
        action: &'a str,
        argument: &'a str,
    },
    /// List the rooms.
    Rooms { tag: TagText<'a> },
    /// List a room's members.
    Who {
        tag: TagText<'a>,
        room: RoomText<'a>,
    },
    /// Ask for a PONG with the same text, which may hold `;`.
    Ping { tag: TagText<'a>, text: &'a str },
    /// Answer the server's PING.
    Pong { tag: TagText<'a>, text: &'a str },
    /// Leave.
    Bye { tag: TagText<'a> },
    /// Open an account. The password is base64 and not checked here, the invitation may be empty.
    Register {
        tag: TagText<'a>,
        user: UserText<'a>,
        password: &'a str,
        invite: &'a str,
    },
    /// Change one's password; both are base64 and not checked here.
    Passwd {
        tag: TagText<'a>,
        old: &'a str,
        new: &'a str,
    },
}

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// A nickname, as it is.
    Guest,
    /// Name and password (RFC 4616).
    Plain,
    /// A token: a bot's, or that of an earlier log-in.
    Token,
    /// A proof of the password (RFC 7677).
    ScramSha256,
    /// The same, bound to the TLS connection (RFC 5802, RFC 9266).
    ScramSha256Plus,
    /// The name in the client's certificate (RFC 4422, appendix A).
    External,
}

impl Mechanism {
    /// All of them, the ones to prefer first.
    pub const ALL: [Self; 6] = [
        Self::ScramSha256Plus,
        Self::ScramSha256,
        Self::Plain,
        Self::Token,
        Self::External,
        Self::Guest,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "GUEST",
            Self::Plain => "PLAIN",
            Self::Token => "TOKEN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::External => "EXTERNAL",
        }
    }
}

const VERBS: [&str; 16] = [
    "HELLO", "AUTH", "JOIN", "PART", "SEND", "HISTORY", "GET", "DELETE", "ROOM", "ROOMS", "WHO",
    "PING", "PONG", "BYE", "REGISTER", "PASSWD",
];

/// Reads one line, without its newline.
pub fn parse(line: &[u8]) -> Result<Command<'_>, Refusal> {
    let mut rest = line;
    let verb = take_field(&mut rest);
    let tag = TagText::parse(take_field(&mut rest));
    if verb == b"SEND" {
        return send(tag, rest);
    }
    let echo = tag.unwrap_or(TagText::EMPTY);
    let (verb, rest) = match (std::str::from_utf8(verb), std::str::from_utf8(rest)) {
        (Ok(verb), Ok(rest)) => (verb, rest),
        _ => return Err(Refusal::bad_request(echo, not_utf8(line))),
    };
    if !VERBS.contains(&verb) {
        return Err(Refusal::bad_request(echo, unknown_verb(verb)));
    }
    let tag = tag.map_err(|error| Refusal::bad_request(echo, error.to_string()))?;
    checked(verb, tag, rest)
}

/// All verbs but SEND, in lines that are text.
fn checked<'a>(verb: &str, tag: TagText<'a>, mut rest: &'a str) -> Result<Command<'a>, Refusal> {
    let bad = |text: Cow<'static, str>| Refusal::bad_request(tag, text);
    Ok(match verb {
        "HELLO" => return hello(tag, rest),
        "AUTH" => {
            let mechanism = mechanism(tag, take_text(&mut rest))?;
            let data = take_text(&mut rest);
            Command::Auth {
                tag,
                mechanism,
                data,
            }
        }
        "JOIN" => {
            let room = room(tag, take_text(&mut rest))?;
            let from = JoinFrom::parse(take_text(&mut rest)).map_err(bad)?;
            Command::Join { tag, room, from }
        }
        "PART" => Command::Part {
            tag,
            room: room(tag, take_text(&mut rest))?,
        },
        "HISTORY" => {
            let target = target(tag, take_text(&mut rest).as_bytes())?;
            let range = HistoryRange::parse(take_text(&mut rest)).map_err(bad)?;
            let limit = parse_limit(take_text(&mut rest)).map_err(bad)?;
            Command::History {
                tag,
                target,
                range,
                limit,
            }
        }
        "GET" => Command::Get {
            tag,
            id: id(tag, take_text(&mut rest))?,
        },
        "DELETE" => Command::Delete {
            tag,
            id: id(tag, take_text(&mut rest))?,
        },
        "ROOM" => {
            let room = room(tag, take_text(&mut rest))?;
            let action = take_text(&mut rest);
            Command::Room {
                tag,
                room,
                action,
                argument: rest,
            }
        }
        "ROOMS" => Command::Rooms { tag },
        "WHO" => Command::Who {
            tag,
            room: room(tag, take_text(&mut rest))?,
        },
        "PING" => Command::Ping { tag, text: rest },
        "PONG" => Command::Pong { tag, text: rest },
        "BYE" => Command::Bye { tag },
        "REGISTER" => {
            let user = UserText::parse(take_text(&mut rest).as_bytes())
                .map_err(|error| bad(error.to_string().into()))?;
            let (password, invite) = (take_text(&mut rest), take_text(&mut rest));
            Command::Register {
                tag,
                user,
                password,
                invite,
            }
        }
        "PASSWD" => {
            let (old, new) = (take_text(&mut rest), take_text(&mut rest));
            Command::Passwd { tag, old, new }
        }
        other => return Err(bad(unknown_verb(other).into())),
    })
}

impl<'a> Command<'a> {
    /// The tag that the answer bears.
    pub fn tag(&self) -> TagText<'a> {
        match *self {
            Self::Hello { tag, .. }
            | Self::Auth { tag, .. }
            | Self::Join { tag, .. }
            | Self::Part { tag, .. }
            | Self::Send { tag, .. }
            | Self::History { tag, .. }
            | Self::Get { tag, .. }
            | Self::Delete { tag, .. }
            | Self::Room { tag, .. }
            | Self::Rooms { tag }
            | Self::Who { tag, .. }
            | Self::Ping { tag, .. }
            | Self::Pong { tag, .. }
            | Self::Bye { tag }
            | Self::Register { tag, .. }
            | Self::Passwd { tag, .. } => tag,
        }
    }
}

fn send<'a>(
    tag: Result<TagText<'a>, NameError>,
    mut rest: &'a [u8],
) -> Result<Command<'a>, Refusal> {
    let tag = tag.map_err(|error| Refusal::bad_request(TagText::EMPTY, error.to_string()))?;
    let target = target(tag, take_field(&mut rest))?;
    if rest.is_empty() {
        return Err(Refusal::bad_request(
            tag,
            "the body is empty; write SEND;tag;room;text",
        ));
    }
    Ok(Command::Send {
        tag,
        target,
        body: rest,
    })
}

fn hello<'a>(tag: TagText<'a>, mut rest: &'a str) -> Result<Command<'a>, Refusal> {
    let (version, client) = (take_text(&mut rest), take_text(&mut rest));
    if version != VERSION {
        let text = format!(
            "version \"{}\" is not spoken here; write HELLO;tag;{VERSION};name",
            quoted(version)
        );
        return Err(Refusal::new(tag, ErrorCode::Unsupported, text));
    }
    if client.contains(char::is_control) {
        let text = "the client name holds control characters; use printable ones";
        return Err(Refusal::bad_request(tag, text));
    }
    let client = cut(client, CLIENT_NAME_BYTES_MAX);
    let options = Options::parse(take_text(&mut rest))
        .map_err(|error| Refusal::bad_request(tag, error.to_string()))?;
    Ok(Command::Hello {
        tag,
        version,
        client,
        options,
    })
}

fn mechanism(tag: TagText<'_>, name: &str) -> Result<Mechanism, Refusal> {
    let known = Mechanism::ALL
        .into_iter()
        .find(|known| known.as_str() == name);
    known.ok_or_else(|| {
        let names = Mechanism::ALL.map(Mechanism::as_str).join(" ");
        let text = format!(
            "mechanism \"{}\" is not known; there are {names}",
            quoted(name)
        );
        Refusal::new(tag, ErrorCode::Unsupported, text)
    })
}

fn room<'a>(tag: TagText<'a>, field: &'a str) -> Result<RoomText<'a>, Refusal> {
    if field.starts_with('@') {
        let text =
            "a direct conversation is no room: SEND to it and read its HISTORY, without JOIN";
        return Err(Refusal::bad_request(tag, text));
    }
    RoomText::parse(field.as_bytes()).map_err(|error| Refusal::bad_request(tag, error.to_string()))
}

fn target<'a>(tag: TagText<'a>, field: &'a [u8]) -> Result<RoomTarget<'a>, Refusal> {
    RoomTarget::parse(field).map_err(|error| Refusal::bad_request(tag, error.to_string()))
}

fn id(tag: TagText<'_>, digits: &str) -> Result<u64, Refusal> {
    parse_id(digits.as_bytes()).ok_or_else(|| {
        let text = "a message id is a whole number from 1 to 18446744073709551615";
        Refusal::bad_request(tag, text)
    })
}

fn not_utf8(line: &[u8]) -> String {
    let valid = std::str::from_utf8(line).map_or_else(|error| error.valid_up_to(), str::len);
    format!("the line is not UTF-8 at byte {} of it", valid + 1)
}

fn unknown_verb(verb: &str) -> String {
    if verb.is_empty() {
        return "the line has no verb; write one like PING;tag;text".to_owned();
    }
    let upper = verb.to_ascii_uppercase();
    if VERBS.contains(&&*upper) {
        return format!("unknown verb \"{verb}\"; verbs are upper case: {upper}");
    }
    format!(
        "unknown verb \"{}\"; the verbs are {}",
        quoted(verb),
        VERBS.join(" ")
    )
}

/// Foreign text as an answer may repeat it: short and printable.
fn quoted(text: &str) -> String {
    text.chars()
        .take(QUOTED_CHARS_MAX)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

/// The beginning of `text` that fits, cut between characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    let at = bytes_max.min(text.len());
    let end = (0..=at).rev().find(|i| text.is_char_boundary(*i));
    &text[..end.unwrap_or(0)]
}
