//! Whom one can write to, and what is answered of names that are nobody's.

use gencomm::edge::wire::names::UserName;
use gencomm::edge::wire::timestamp::Timestamp;
use gencomm::store::accounts::{Accounts, AuditEntry, State};

use super::{Pair, say};
use crate::rooms::{House, refused, so_far};
use crate::support::number;

fn entry(action: &'static str) -> AuditEntry {
    AuditEntry {
        time: Timestamp::now(),
        actor: "tests".into(),
        address: None,
        action: action.into(),
        room: None,
        subject: None,
        detail: String::new(),
    }
}

#[test]
fn a_name_without_an_account_is_told_so() {
    let mut house = House::open();
    let mut ann = house.account("ann");
    let _gus = house.server.guest("gus");
    for name in ["nobody", "gus", "Gus"] {
        let answer = refused(&mut ann, &format!("SEND;x;@{name};hi"), "not-found");
        assert_eq!(answer, "ERR;x;not-found;there is no account of this name");
        assert_eq!(
            refused(&mut ann, &format!("HISTORY;x;@{name};;"), "not-found"),
            answer
        );
    }
    let _bob = house.account("Bob");
    ann.ask("HISTORY;h;@bOB;;", "OK;h;0");
    ann.ask("HISTORY;h;@ann;after=7;", "OK;h;0");
    for bad in ["@", "@ann,bob", "@a b", "@;x", "@@bob", "@.bob"] {
        refused(&mut ann, &format!("SEND;x;{bad};hi"), "bad-request");
        refused(&mut ann, &format!("HISTORY;x;{bad};;"), "bad-request");
    }
    for line in [
        "JOIN;x;@bob;",
        "PART;x;@bob",
        "WHO;x;@bob",
        "ROOM;x;@bob;topic;t",
    ] {
        refused(&mut ann, line, "bad-request");
    }
    // An empty tag asks for no OK; errors come all the same.
    ann.send("SEND;;@nobody;hi");
    ann.expect_start("ERR;;not-found;");
}

#[test]
fn commands_keep_their_order_while_a_name_is_looked_up() {
    let mut house = House::open();
    let names: Vec<String> = (0..20).map(|at| format!("acc{at}")).collect();
    for name in &names {
        house.add(name, gencomm::store::accounts::Role::Member);
    }
    let mut ann = house.account("ann");
    ann.join("den", "");
    let mut lines = String::new();
    for (at, name) in names.iter().enumerate() {
        lines += &format!("SEND;r{at};den;x\nSEND;d{at};@{name};x\nSEND;n{at};@no{name};x\n");
        lines += &format!("HISTORY;h{at};@{name};;\n");
    }
    ann.send_bytes(lines.as_bytes());
    let mut ids = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let mut next = |start: &str| {
            loop {
                let line = ann.line();
                if !line.starts_with("MSG;") {
                    assert!(line.starts_with(start), "{line:?} instead of {start:?}");
                    return line;
                }
            }
        };
        // Each is answered when it is known; what was sent before is in the log before.
        let mut answers: Vec<String> = (0..3).map(|_| next("")).collect();
        answers.sort();
        assert!(
            answers[0].starts_with(&format!("ERR;n{at};not-found;")),
            "{answers:?}"
        );
        assert!(answers[1].starts_with(&format!("OK;d{at};")), "{answers:?}");
        assert!(answers[2].starts_with(&format!("OK;r{at};")), "{answers:?}");
        ids.extend([number(&answers[2], 2), number(&answers[1], 2)]);
        let id = number(&answers[1], 2);
        next(&format!("HIST;h{at};@{name};{id};"));
        next(&format!("OK;h{at};1"));
    }
    assert!(ids.is_sorted(), "{ids:?}");
}

#[test]
fn who_is_gone_leaves_the_conversation_to_the_other_end() {
    let mut pair = Pair::open();
    let mut ann = pair.ann.remove(0);
    let id = say(&mut ann, "@bob", "hi");
    let said = say(&mut pair.bob[0], "@ann", "hello");
    ann.expect_start(&format!("MSG;@bob;{said};"));
    pair.house
        .accounts
        .set_state(
            &UserName::parse("bob").unwrap().account(),
            State::Suspended,
            &entry("user.suspend"),
        )
        .expect("suspended");
    for client in &mut pair.bob {
        client.until("BYE;suspended;0");
    }
    let later = say(&mut ann, "@bob", "when you are back");
    pair.house
        .accounts
        .remove(
            &UserName::parse("bob").unwrap().account(),
            &entry("user.remove"),
        )
        .expect("removed");
    loop {
        ann.send("SEND;x;@bob;gone?");
        let mut line = ann.line();
        while line.starts_with("MSG;@bob;") {
            line = ann.line();
        }
        if line.starts_with("ERR;x;not-found;") {
            break;
        }
        assert!(line.starts_with("OK;x;"), "{line:?}");
    }
    so_far(&mut ann);
    let ids: Vec<u64> = ann
        .whole_history("@bob")
        .iter()
        .map(|(id, _)| *id)
        .collect();
    assert!(ids.starts_with(&[id, said, later]), "{ids:?}");
    ann.ask(&format!("HISTORY;h;@bob;after={};", u64::MAX), "OK;h;0");
    // Whoever takes the name is somebody else.
    let mut other = pair.house.account("BOB");
    for range in ["after=0", "", "last=50", "since=1", "before=1000"] {
        other.ask(&format!("HISTORY;h;@ann;{range};"), "OK;h;0");
    }
    for id in [id, said, later] {
        let answer = refused(&mut other, &format!("GET;x;{id}"), "not-found");
        let never = refused(&mut other, "GET;x;1000000", "not-found");
        assert_eq!(answer, never);
        refused(&mut other, &format!("DELETE;x;{id}"), "not-found");
    }
    let new = say(&mut other, "@ann", "I am new here");
    ann.until(&format!("MSG;@bob;{new};"));
    assert_eq!(
        other.whole_history("@ann"),
        [(new, "I am new here".to_owned())]
    );
    assert_eq!(ann.whole_history("@bob").len(), ids.len() + 1);
}
