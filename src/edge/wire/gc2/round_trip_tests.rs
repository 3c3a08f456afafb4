//! What one side writes, the other reads: requests against the command parser, replies against the client's.

use super::command::{self, Command, Mechanism};
use super::options::{BodyForm, Options};
use super::range::{HistoryRange, JOIN_LAST_MAX, JoinFrom};
use super::refusal::ErrorCode;
use super::reply::{self, MessageLine};
use super::request;
use super::server_line::{self, ServerLine, ServerLineError};
use super::text::TagText;
use crate::edge::wire::escape::{escape_into, unescape_sent};
use crate::edge::wire::timestamp::Timestamp;
use proptest::prelude::*;

const TAG: &str = "[A-Za-z0-9_.:-]{0,64}";
const ROOM: &str = "[a-z0-9][a-z0-9._-]{0,63}";
const TARGET: &str = "@?[a-z0-9][a-z0-9._-]{0,31}";
const USER: &str = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}";
const TEXT: &str = "[^\\x00-\\x1f\\x7f]{0,30}";

/// One written line without its newline.
fn line(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    assert_eq!(out.pop(), Some(b'\n'));
    assert!(!out.contains(&b'\n'), "{}", out.escape_ascii());
    out
}

fn times() -> impl Strategy<Value = Timestamp> {
    (0u64..5_000_000_000_000_000).prop_map(Timestamp::from_micros)
}

fn join_froms() -> impl Strategy<Value = JoinFrom> {
    prop_oneof![
        Just(JoinFrom::Now),
        any::<u64>().prop_map(JoinFrom::After),
        times().prop_map(JoinFrom::Since),
        (0..=JOIN_LAST_MAX).prop_map(JoinFrom::Last),
    ]
}

fn ranges() -> impl Strategy<Value = HistoryRange> {
    prop_oneof![
        Just(HistoryRange::Newest),
        any::<u64>().prop_map(HistoryRange::After),
        any::<u64>().prop_map(HistoryRange::Before),
        times().prop_map(HistoryRange::Since),
        (1u16..=1000).prop_map(HistoryRange::Last),
    ]
}

proptest! {
    #[test]
    fn bodies_arrive(tag in TAG, room in TARGET, text in "[a-c;\\\\\n\r é\\x00]{1,40}") {
        prop_assume!(!text.ends_with('\r'));
        let sent = line(|out| request::send(out, &tag, &room, &text));
        let Ok(Command::Send { tag: read, target, body }) = command::parse(&sent) else {
            return Err(TestCaseError::fail("no SEND"));
        };
        prop_assert_eq!((read.as_str(), target.to_string()), (&*tag, room));
        prop_assert_eq!(&*unescape_sent(body), text.as_bytes());
    }

    #[test]
    fn ranges_arrive(
        tag in TAG, room in ROOM, from in join_froms(), range in ranges(),
        limit in proptest::option::of(1u16..=1000),
    ) {
        let joined = line(|out| request::join(out, &tag, &room, from));
        let Ok(Command::Join { tag: t, room: r, from: f }) = command::parse(&joined) else {
            return Err(TestCaseError::fail("no JOIN"));
        };
        prop_assert_eq!((t.as_str(), r.as_str(), f), (&*tag, &*room, from));
        let asked = line(|out| request::history(out, &tag, &room, range, limit));
        let Ok(Command::History { range: r, limit: l, .. }) = command::parse(&asked) else {
            return Err(TestCaseError::fail("no HISTORY"));
        };
        prop_assert_eq!((r, l), (range, limit.unwrap_or(100)));
    }

    #[test]
    fn short_commands_arrive(
        tag in TAG, room in ROOM, user in USER, id in 1u64.., text in TEXT,
        c16 in any::<bool>(), presence in any::<bool>(),
    ) {
        let options = Options { body: if c16 { BodyForm::C16 } else { BodyForm::Text }, presence };
        let named = TagText::parse(tag.as_bytes()).expect("a tag");
        for (written, expected) in [
            (
                line(|out| request::hello(out, &tag, "client/1", options)),
                Command::Hello { tag: named, version: "2", client: "client/1", options },
            ),
            (
                line(|out| request::auth_guest(out, &tag, &user)),
                Command::Auth { tag: named, mechanism: Mechanism::Guest, data: &user },
            ),
            (line(|out| request::get(out, &tag, id)), Command::Get { tag: named, id }),
            (line(|out| request::delete(out, &tag, id)), Command::Delete { tag: named, id }),
            (line(|out| request::ping(out, &tag, &text)), Command::Ping { tag: named, text: &text }),
            (line(|out| request::pong(out, &tag, &text)), Command::Pong { tag: named, text: &text }),
        ] {
            prop_assert_eq!(command::parse(&written), Ok(expected));
        }
        let manage = line(|out| request::room(out, &tag, &room, "topic", &text));
        let Ok(Command::Room { action: "topic", argument, .. }) = command::parse(&manage) else {
            return Err(TestCaseError::fail("no ROOM"));
        };
        prop_assert_eq!(&*unescape_sent(argument.as_bytes()), text.as_bytes());
        for written in [
            line(|out| request::part(out, &tag, &room)),
            line(|out| request::who(out, &tag, &room)),
            line(|out| request::rooms(out, &tag)),
            line(|out| request::bye(out, &tag)),
            line(|out| request::send_encoded(out, &tag, &room, b"EGFG")),
        ] {
            let read = command::parse(&written).map(|command| command.tag().as_str().to_owned());
            prop_assert_eq!(read.as_deref(), Ok(&*tag));
        }
    }

    #[test]
    fn one_call_is_one_line(tag in "\\PC{0,9}", any_text in "[a;\n\r\\\\]{0,20}") {
        line(|out| request::hello(out, &tag, &any_text, Options::default()));
        line(|out| request::auth_guest(out, &any_text, &any_text));
        line(|out| request::send(out, &tag, &any_text, &any_text));
        line(|out| request::send_encoded(out, &tag, &any_text, any_text.as_bytes()));
        line(|out| request::ping(out, &any_text, &any_text));
        line(|out| reply::err(out, "t", ErrorCode::Blocked, &any_text));
        line(|out| reply::left(out, "dev", &any_text));
    }

    #[test]
    fn messages_are_read(
        tag in TAG, room in TARGET, id in 1u64.., time in times(), user in USER,
        raw in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut body = Vec::new();
        escape_into(&raw, &mut body);
        let message = MessageLine { room: &room, id, time, user: &user, body: &body };
        let msg = line(|out| reply::msg(out, &message));
        prop_assert_eq!(server_line::parse(&msg), Ok(ServerLine::Msg { message }));
        let hist = line(|out| reply::hist(out, &tag, &message));
        prop_assert_eq!(server_line::parse(&hist), Ok(ServerLine::Hist { tag: &tag, message }));
        let gone = line(|out| reply::gone(out, &room, id));
        prop_assert_eq!(server_line::parse(&gone), Ok(ServerLine::Gone { room: &room, id }));
    }

    #[test]
    fn answers_are_read(tag in TAG, room in ROOM, user in USER, n in any::<u64>(), text in TEXT) {
        let (tag, room, user, text) = (&*tag, &*room, &*user, &*text);
        let options = Options::default();
        let shown = options.to_string();
        for (written, expected) in [
            (line(|o| reply::welcome(o, tag, "gc", "s9", options)), ServerLine::Welcome {
                tag, version: "2", server: "gc", session: "s9", options: &shown,
            }),
            (line(|o| reply::auth(o, tag, "X", "eA==")), ServerLine::Auth { tag, mechanism: "X", data: "eA==" }),
            (line(|o| reply::err(o, tag, ErrorCode::Conflict, text)), ServerLine::Err { tag, code: "conflict", text }),
            (line(|o| reply::room(o, tag, room, 3, n)), ServerLine::Room { tag, room, members: 3, newest: n }),
            (line(|o| reply::user(o, tag, user, "guest")), ServerLine::User { tag, user, state: "guest" }),
            (line(|o| reply::gap(o, room, n)), ServerLine::Gap { room, first_kept: n }),
            (line(|o| reply::joined(o, room, user)), ServerLine::Joined { room, user }),
            (line(|o| reply::parted(o, room, user)), ServerLine::Parted { room, user }),
            (line(|o| reply::topic(o, room, user, text)), ServerLine::Topic { room, user, topic: text }),
            (line(|o| reply::left(o, room, text)), ServerLine::Left { room, reason: text }),
            (line(|o| reply::pong(o, tag, text)), ServerLine::Pong { tag, text }),
            (line(|o| reply::ping(o, n)), ServerLine::Ping { tag: "", text: &n.to_string() }),
            (line(|o| reply::bye(o, "restart", n)), ServerLine::Bye { reason: "restart", seconds: n }),
        ] {
            prop_assert_eq!(server_line::parse(&written), Ok(expected));
        }
        let joined = line(|o| reply::ok_join(o, "j", room, n));
        let Ok(ServerLine::Ok { tag: "j", fields }) = server_line::parse(&joined) else {
            return Err(TestCaseError::fail("no OK"));
        };
        prop_assert_eq!((fields.get(0), fields.number(1), fields.get(2)), (room, Some(n), ""));
    }

    #[test]
    fn no_line_panics_a_client(
        bytes in proptest::collection::vec(any::<u8>(), 0..80),
        near in "(MSG|OK|HIST|ERR|ROOM|GONE|BYE|USER)(;(\\PC{0,6}|[0-9.]{0,22})){0,7}",
    ) {
        let _ = server_line::parse(&bytes);
        let _ = server_line::parse(near.as_bytes());
    }
}

#[test]
fn clients_survive_additions_and_report_nonsense() {
    assert_eq!(
        server_line::parse(b"NEWS;x"),
        Ok(ServerLine::Unknown { verb: "NEWS" })
    );
    assert_eq!(
        server_line::parse(b"USER;w;bob;guest;more"),
        Ok(ServerLine::User {
            tag: "w",
            user: "bob",
            state: "guest"
        })
    );
    let no_id = Err(ServerLineError::Field {
        field: "message id",
    });
    assert_eq!(server_line::parse(b"MSG;dev;0;1.0;bob;x"), no_id);
    assert_eq!(
        server_line::parse(b"OK;\xff"),
        Err(ServerLineError::NotUtf8 { at: 4 })
    );
}
