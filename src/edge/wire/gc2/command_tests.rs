//! Commands as clients type them, right and wrong.

use super::command::{Command, Mechanism, parse};
use super::options::BodyForm;
use super::range::{HistoryRange, JoinFrom};
use super::refusal::{ErrorCode, Refusal};
use super::text::RoomTarget;
use crate::edge::wire::timestamp::Timestamp;
use proptest::prelude::*;

/// Tag, code and text of the refusal.
fn refused(line: impl AsRef<[u8]>) -> (String, &'static str, String) {
    let refusal = parse(line.as_ref()).expect_err("refused");
    (
        refusal.tag.as_str().to_owned(),
        refusal.code.as_str(),
        refusal.text.into_owned(),
    )
}

fn bad(line: impl AsRef<[u8]>, tag: &str, part: &str) {
    let line = line.as_ref();
    let (echoed, code, text) = refused(line);
    let shown = line.escape_ascii();
    assert_eq!((&*echoed, code), (tag, "bad-request"), "{shown}: {text}");
    assert!(text.contains(part), "{shown}: {text}");
}

#[test]
fn send_keeps_its_body_raw() {
    let Ok(Command::Send { tag, target, body }) = parse(b"SEND;t1;dev;a;b\xff;") else {
        panic!("no SEND");
    };
    assert_eq!((tag.as_str(), target.to_string()), ("t1", "dev".to_owned()));
    assert_eq!(body, b"a;b\xff;");
    let Ok(Command::Send {
        target: RoomTarget::Direct(user),
        ..
    }) = parse(b"SEND;;@Bob;hi")
    else {
        panic!("no direct SEND");
    };
    assert_eq!(user.owned().as_str(), "Bob");
}

#[test]
fn send_is_refused_with_its_reason() {
    bad("SEND;t;dev;", "t", "body is empty");
    bad("SEND;t;dev", "t", "body is empty");
    bad("SEND;t;Dev;x", "t", "not folded");
    bad("SEND;t;@;x", "t", "a user name");
    bad("SEND;bad tag;dev;x", "", "a tag is");
    bad(b"SEND;t;d\xff;x", "t", "a room name");
}

#[test]
fn hello_reads_options_and_cuts_the_name() {
    let long = format!("HELLO;h;2;{};body=c16 presence=on x=y;more", "é".repeat(40));
    let Ok(Command::Hello {
        client,
        options,
        version,
        ..
    }) = parse(long.as_bytes())
    else {
        panic!("no HELLO");
    };
    assert_eq!((client, version), (&*"é".repeat(32), "2"));
    assert_eq!((options.body, options.presence), (BodyForm::C16, true));
    assert!(matches!(
        parse(b"HELLO;h;2"),
        Ok(Command::Hello { client: "", .. })
    ));
    assert_eq!(refused("HELLO;h;3;x").1, "unsupported");
    assert_eq!(refused("HELLO").1, "unsupported");
    bad("HELLO;h;2;a\tb", "h", "printable");
    bad("HELLO;h;2;x;body=zip", "h", "text or c16");
}

#[test]
fn auth_knows_its_mechanisms() {
    let Ok(Command::Auth {
        mechanism, data, ..
    }) = parse(b"AUTH;a;GUEST;bob")
    else {
        panic!("no AUTH");
    };
    assert_eq!((mechanism, data), (Mechanism::Guest, "bob"));
    for known in Mechanism::ALL {
        let line = format!("AUTH;a;{};eHl6", known.as_str());
        let Ok(Command::Auth { mechanism, .. }) = parse(line.as_bytes()) else {
            panic!("{line}");
        };
        assert_eq!(mechanism, known);
    }
    let (tag, code, text) = refused("AUTH;a;MAGIC;xyz");
    assert_eq!((&*tag, code), ("a", "unsupported"));
    assert!(text.contains("GUEST"), "{text}");
    assert_eq!(refused("AUTH;a;guest;bob").1, "unsupported");
}

#[test]
fn join_takes_the_past_in_four_ways() {
    let since = Timestamp::from_micros(1_500_000);
    for (from, expected) in [
        ("", JoinFrom::Now),
        (";", JoinFrom::Now),
        (";after=0;ignored", JoinFrom::After(0)),
        (";after=18446744073709551616", JoinFrom::After(u64::MAX)),
        (";since=1.5", JoinFrom::Since(since)),
        (";last=0", JoinFrom::Last(0)),
        (";last=100000", JoinFrom::Last(100_000)),
        (";last=100001", JoinFrom::Last(100_000)),
        (";last=99999999999", JoinFrom::Last(100_000)),
    ] {
        let line = format!("JOIN;j;dev{from}");
        let Ok(Command::Join { from, .. }) = parse(line.as_bytes()) else {
            panic!("{line}");
        };
        assert_eq!(from, expected, "{line}");
    }
    bad("JOIN;j;dev;after=x", "j", "after=42");
    bad("JOIN;j;dev;after=-1", "j", "after=42");
    bad("JOIN;j;dev;after", "j", "after=42");
    bad("JOIN;j;dev;since=-5", "j", "seconds since 1970");
    bad("JOIN;j;dev;last=", "j", "last=50");
    bad("JOIN;j;dev;before=9", "j", "since={unix seconds}");
    bad("JOIN;j;DEV", "j", "not folded");
    bad("JOIN;j;@bob", "j", "without JOIN");
    bad("JOIN;j", "j", "a room name");
}

#[test]
fn history_names_its_limits() {
    for (fields, expected) in [
        ("", (HistoryRange::Newest, 100)),
        (";;1000", (HistoryRange::Newest, 1000)),
        (";before=5;1", (HistoryRange::Before(5), 1)),
        (";after=5", (HistoryRange::After(5), 100)),
        (";last=1000;", (HistoryRange::Last(1000), 100)),
    ] {
        let line = format!("HISTORY;h;@bob{fields}");
        let Ok(Command::History { range, limit, .. }) = parse(line.as_bytes()) else {
            panic!("{line}");
        };
        assert_eq!((range, limit), expected, "{line}");
    }
    for limit in ["0", "1001", "-1", "x", "99999999999999999999"] {
        bad(format!("HISTORY;h;dev;;{limit}"), "h", "limit is 1 to 1000");
    }
    bad("HISTORY;h;dev;last=0", "h", "1 to 1000");
    bad("HISTORY;h;dev;last=1001", "h", "1 to 1000");
    bad("HISTORY;h;dev;newest", "h", "before={id}");
}

#[test]
fn ids_are_positive_and_of_64_bits() {
    assert!(matches!(
        parse(b"GET;g;18446744073709551615"),
        Ok(Command::Get { id: u64::MAX, .. })
    ));
    assert!(matches!(
        parse(b"DELETE;g;1;x"),
        Ok(Command::Delete { id: 1, .. })
    ));
    for id in ["0", "-1", "", "18446744073709551616", "1.0", "+1"] {
        bad(format!("GET;g;{id}"), "g", "from 1 to 18446744073709551615");
        bad(
            format!("DELETE;g;{id}"),
            "g",
            "from 1 to 18446744073709551615",
        );
    }
}

#[test]
fn texts_may_hold_semicolons() {
    assert!(matches!(
        parse(b"PING;p;a;b;"),
        Ok(Command::Ping { text: "a;b;", .. })
    ));
    assert!(matches!(
        parse(b"PONG;;4"),
        Ok(Command::Pong { text: "4", .. })
    ));
    let Ok(Command::Room {
        action, argument, ..
    }) = parse(b"ROOM;r;dev;topic;one; two")
    else {
        panic!("no ROOM");
    };
    assert_eq!((action, argument), ("topic", "one; two"));
}

#[test]
fn short_verbs_ignore_what_they_do_not_know() {
    assert!(matches!(parse(b"ROOMS"), Ok(Command::Rooms { tag }) if tag.is_empty()));
    assert!(matches!(parse(b"BYE;x;y;z"), Ok(Command::Bye { tag }) if tag.as_str() == "x"));
    assert!(matches!(parse(b"WHO;w;dev"), Ok(Command::Who { .. })));
    assert!(matches!(parse(b"PART;w;dev;"), Ok(Command::Part { .. })));
    assert!(matches!(
        parse(b"REGISTER;r;Ann;b;c"),
        Ok(Command::Register { user, password: "b", invite: "c", .. }) if user.as_str() == "Ann"
    ));
    bad("REGISTER;r;.ann;b", "r", "user name");
    assert!(matches!(
        parse(b"PASSWD;r;a;b"),
        Ok(Command::Passwd {
            old: "a",
            new: "b",
            ..
        })
    ));
}

#[test]
fn what_is_no_command_is_told_with_its_tag() {
    bad("FOO;t;x", "t", "unknown verb \"FOO\"");
    bad("FOO;no tag", "", "unknown verb \"FOO\"");
    bad("join;t;dev", "t", "upper case: JOIN");
    bad("", "", "no verb");
    bad(";t", "t", "no verb");
    bad(
        format!("F\u{7}{};t", "O".repeat(99)),
        "t",
        &format!("\"F?{}\"", "O".repeat(30)),
    );
    bad(b"PING;t;a\xffb", "t", "byte 9 of it");
    bad(b"P\xff;t", "t", "byte 2 of it");
    bad("PING;a b;x", "", "a tag is");
}

#[test]
fn an_oversized_line_keeps_its_tag() {
    let refusal = Refusal::oversized(b"SEND;t-1;dev;xxxx", 16384);
    assert_eq!(
        (refusal.tag.as_str(), refusal.code),
        ("t-1", ErrorCode::TooLarge)
    );
    assert!(refusal.text.contains("16384"));
    for head in ["", "SEND", "SEND;cut", "SEND;not valid;x"] {
        assert!(
            Refusal::oversized(head.as_bytes(), 9).tag.is_empty(),
            "{head}"
        );
    }
}

#[test]
fn every_code_reads_back() {
    for code in ErrorCode::ALL {
        assert_eq!(ErrorCode::parse(code.as_str()), Some(code));
    }
    assert_eq!(ErrorCode::parse("else"), None);
}

proptest! {
    #[test]
    fn no_bytes_panic(line in proptest::collection::vec(any::<u8>(), 0..120)) {
        let _ = parse(&line);
        let _ = Refusal::oversized(&line, 16);
    }

    #[test]
    fn no_nearly_right_line_panics(
        line in "(HELLO|AUTH|JOIN|SEND|HISTORY|GET|ROOM|PING)(;(\\PC{0,8}|2|t|dev|@x|after=[0-9]*|GUEST)){0,6}"
    ) {
        let text = parse(line.as_bytes());
        if let Err(refusal) = text {
            prop_assert!(!refusal.text.contains('\n') && refusal.text.len() < 300);
        }
    }
}
