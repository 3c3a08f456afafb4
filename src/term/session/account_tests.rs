//! Sessions of accounts: the resume token, the steps of SCRAM, and what a good-bye means.

use super::bench::{Bench, LINK};
use super::state::Verdict;
use super::*;
use crate::edge::wire::gc2::range::JoinFrom;
use crate::edge::wire::names::UserName;
use crate::edge::wire::sasl::encode;
use crate::edge::wire::sasl::scram::{Exchange, MECHANISM, Verifier};
use crate::term::connection::Link;
use crate::term::login::{Credentials, Mechanism, Secret};
use zeroize::Zeroizing;

const PLAIN: &str = "AUTH;auth;PLAIN;AGFubgBzM2NyZXQ=";

fn account(mechanism: Mechanism) -> Bench {
    let password = Zeroizing::new("s3cret".to_owned());
    Bench::of(
        Credentials {
            user: UserName::parse("ann").unwrap(),
            secret: Secret::Password {
                password,
                mechanism,
            },
        },
        "lobby",
        JoinFrom::Now,
    )
}

#[test]
fn a_return_is_by_the_token_of_the_last_log_in() {
    let mut bench = account(Mechanism::Plain);
    assert_eq!(bench.connect(), [PLAIN, "JOIN;join;lobby;"]);
    bench.go_on(&["OK;auth;Ann;tok1", "OK;join;lobby;7"]);
    bench.lose();
    // Nothing else travels with it: if it is refused, what came with it would be refused too.
    assert_eq!(bench.connect(), ["AUTH;auth;TOKEN;dG9rMQ=="]);
    bench.go_on(&["OK;auth;Ann;tok2"]);
    assert_eq!(bench.written(), ["JOIN;join;lobby;after=7"]);
    bench.go_on(&["OK;join;lobby;7"]);
    assert!(bench.session.is_live());
    bench.lose();
    assert_eq!(bench.connect(), ["AUTH;auth;TOKEN;dG9rMg=="]);
    // A busy server says nothing about the token.
    let verdict = bench.hear("ERR;auth;unavailable;in a moment");
    assert!(matches!(verdict, Verdict::Reconnect(_)));
    bench.lose();
    assert_eq!(bench.connect(), ["AUTH;auth;TOKEN;dG9rMg=="]);
}

#[test]
fn a_token_that_is_refused_is_forgotten() {
    let mut bench = account(Mechanism::Plain);
    bench.connect();
    bench.go_on(&["OK;auth;ann;old", "OK;join;lobby;7"]);
    bench.lose();
    bench.connect();
    bench.go_on(&["ERR;auth;unauthenticated;this token is out of date"]);
    assert_eq!(bench.written(), [PLAIN, "JOIN;join;lobby;after=7"]);
    bench.go_on(&["OK;auth;ann;", "OK;join;lobby;7"]);
    assert!(bench.session.is_live());
    bench.lose();
    assert_eq!(bench.connect()[0], PLAIN);
    // What the person gave is refused now as well: that is the end.
    let verdict = bench.hear("ERR;auth;unauthenticated;wrong user name or password");
    assert!(matches!(verdict, Verdict::End(_)));
}

#[test]
fn a_token_is_not_sent_where_others_read_along() {
    let mut bench = account(Mechanism::Scram);
    let open = Link {
        private: false,
        ..LINK
    };
    let mut out = Vec::new();
    bench.session.connected(open, &mut out).unwrap();
    assert!(out.starts_with(b"AUTH;auth;SCRAM-SHA-256;"));
    // Even if that server gives one out.
    let mut bench = account(Mechanism::Plain);
    bench.connect();
    bench.go_on(&["OK;auth;ann;tok", "OK;join;lobby;7"]);
    bench.lose();
    out.clear();
    assert!(bench.session.connected(open, &mut out).is_err());
    assert!(out.is_empty());
}

#[test]
fn scram_is_done_before_the_room_is_entered() {
    let mut bench = account(Mechanism::Scram);
    let lines = bench.connect();
    assert_eq!(lines.len(), 1);
    let text = |line: &str| {
        let data = line.rsplit(';').next().unwrap();
        let data = crate::edge::wire::sasl::decode(data).unwrap().to_vec();
        String::from_utf8(data).unwrap()
    };
    let say = |text: &str| format!("AUTH;auth;{MECHANISM};{}", encode(text.as_bytes()));
    let begun = Exchange::start(&text(&lines[0]), false, None, false).unwrap();
    let verifier = Verifier::derive("s3cret", *b"salt", 4096).unwrap();
    let first = begun.first(verifier, "theirs").unwrap();
    bench.go_on(&[&say(&first.text)]);
    let proof = text(&bench.written()[0]);
    bench.go_on(&[
        &say(&first.exchange.finish(&proof).unwrap()),
        "OK;auth;ann;tok",
    ]);
    assert_eq!(bench.written(), ["JOIN;join;lobby;"]);
    bench.go_on(&["OK;join;lobby;7"]);
    assert!(bench.session.is_live());
}

#[test]
fn an_ok_without_a_proof_is_the_end() {
    let mut bench = account(Mechanism::Scram);
    bench.connect();
    assert!(matches!(bench.hear("OK;auth;ann;tok"), Verdict::End(_)));
    let mut bench = account(Mechanism::Scram);
    bench.connect();
    assert!(matches!(
        bench.hear("AUTH;auth;SCRAM-SHA-256;!"),
        Verdict::End(_)
    ));
    let mut bench = account(Mechanism::Plain);
    bench.connect();
    assert!(matches!(bench.hear("AUTH;auth;PLAIN;"), Verdict::End(_)));
}

#[test]
fn who_is_shut_out_does_not_come_back_for_ever() {
    for (reason, ends) in [
        ("suspended", true),
        ("password", true),
        ("restart", false),
        ("full", false),
        ("timeout", false),
        ("rate-limited", false),
    ] {
        let mut bench = account(Mechanism::Plain);
        bench.connect();
        bench.go_on(&["OK;auth;ann;tok", "OK;join;lobby;7"]);
        let verdict = bench.hear(&format!("BYE;{reason};5"));
        assert_eq!(matches!(verdict, Verdict::End(_)), ends, "{verdict:?}");
    }
}

#[test]
fn direct_messages_are_apart_and_sent_once() {
    let mut bench = account(Mechanism::Plain);
    bench.connect();
    bench.go_on(&["OK;auth;ann;tok", "OK;join;lobby;7"]);
    let to = Some("@bob".to_owned());
    bench.session.send_to(to, "psst".to_owned(), &mut bench.out);
    let sent = bench.written();
    assert!(sent[0].ends_with(";@bob;psst"), "{sent:?}");
    bench.events.clear();
    bench.go_on(&["MSG;@bob;9;1.000;ann;psst", "MSG;lobby;8;1.000;bob;hi"]);
    let rooms: Vec<&str> = bench
        .events
        .iter()
        .map(|event| match event {
            Event::Direct(message) => &*message.room,
            Event::Message(message) => &*message.room,
            other => panic!("{other:?}"),
        })
        .collect();
    // The larger id of the other conversation hides nothing of the room.
    assert_eq!(rooms, ["@bob", "lobby"]);
    bench.lose();
    bench.connect();
    bench.go_on(&["OK;auth;ann;tok"]);
    bench.written();
    bench.go_on(&["OK;join;lobby;8"]);
    assert_eq!(bench.written(), sent);
}

#[test]
fn a_room_is_managed_and_its_answers_are_told() {
    let mut bench = account(Mechanism::Plain);
    bench.connect();
    bench.go_on(&["OK;auth;ann;tok", "OK;join;lobby;7"]);
    bench.events.clear();
    let query = |action, argument: &str| Query::Manage {
        action,
        argument: argument.to_owned(),
    };
    for (action, argument) in [
        (RoomAction::Topic, "a;b\nc"),
        (RoomAction::Ban, "bob"),
        (RoomAction::Private, ""),
    ] {
        let query = query(action, argument);
        bench.session.ask(query, &mut bench.out, &mut bench.events);
    }
    assert_eq!(
        bench.written(),
        [
            r"ROOM;q0;lobby;topic;a;b\nc",
            "ROOM;q1;lobby;ban;bob",
            "ROOM;q2;lobby;private;"
        ]
    );
    bench.go_on(&[
        "OK;q0;lobby",
        "ERR;q1;forbidden;only moderators",
        "OK;q2;lobby",
    ]);
    let events = bench.events.make_contiguous();
    assert!(
        matches!(&events[0], Event::Answered { query: q, .. } if *q == query(RoomAction::Topic, "a;b\nc"))
    );
    assert!(
        matches!(&events[1], Event::NotAnswered { error, .. } if error.text == "only moderators")
    );
    assert!(matches!(&events[2], Event::Answered { .. }));
}
