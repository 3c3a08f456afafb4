//! A reader who is behind when it is put out.

use super::{House, change};
use crate::support::Gc2;

/// Far more than the sockets of a reader that does not read can hold.
const MESSAGES: usize = 3000;
const BODY_BYTES: usize = 4000;

/// A room full of messages that `slow` is behind in; returns its owner and the newest id.
fn fill(house: &mut House) -> (Gc2, u64) {
    let mut own = house.account("own");
    own.join("den", "");
    let body = "x".repeat(BODY_BYTES);
    let mut newest = 0;
    for at in 0..MESSAGES {
        own.send(&format!("SEND;{at};den;{body}"));
        if at % 100 == 99 {
            let line = own.until(&format!("OK;{at};")).1;
            newest = crate::support::number(&line, 2);
        }
    }
    (own, newest)
}

/// Ids of the messages in these lines.
fn ids(lines: &[String], verb: &str, field: usize) -> Vec<u64> {
    let messages = lines.iter().filter(|line| line.starts_with(verb));
    messages
        .map(|line| crate::support::number(line, field))
        .collect()
}

#[test]
fn gets_nothing_more_of_the_room() {
    for act in ["ban", "kick", "private"] {
        let mut house = House::open();
        let log_in = house.add("slow", gencomm::store::accounts::Role::Member);
        let mut slow = Gc2::connect_with_buffer(house.server.address(), 16 * 1024);
        slow.send(&log_in);
        slow.expect_start("OK;a;");
        slow.join("den", "");
        // The room was begun by it: somebody else is to own it.
        let mut boss = house.admin("boss");
        let (mut own, newest) = fill(&mut house);
        change(&mut boss, "den", "owner;own");
        change(&mut boss, "den", "member;slow");
        if act == "private" {
            change(&mut boss, "den", "ban;slow");
            change(&mut boss, "den", "unban;slow");
        } else {
            change(&mut own, "den", &format!("{act};slow"));
        }
        let after = own.say("den", "after", "not for slow ears");
        let (before, _) = slow.until("LEFT;den;");
        let heard = ids(&before, "MSG;den;", 2);
        assert!(heard.is_sorted());
        assert!(
            *heard.last().expect("a message") < newest,
            "{act}: it was not behind"
        );
        slow.send("PING;end;x");
        let rest = slow.until("PONG;end;").0;
        assert_eq!(rest, [""; 0], "{act}");
        assert!(!heard.contains(&after));
        slow.check_alive();
    }
}

#[test]
fn a_history_under_way_ends_with_the_ban() {
    for (act, code) in [("ban;slow", "forbidden"), ("private", "not-found")] {
        let mut house = House::open();
        let mut boss = house.admin("boss");
        let (mut own, newest) = fill(&mut house);
        change(&mut boss, "den", "owner;own");
        let log_in = house.add("slow", gencomm::store::accounts::Role::Member);
        let mut slow = Gc2::connect_with_buffer(house.server.address(), 16 * 1024);
        slow.send(&log_in);
        slow.expect_start("OK;a;");
        slow.send("HISTORY;h;den;last=1000;1000");
        // It is under way.
        slow.expect_start("HIST;h;den;");
        change(&mut own, "den", act);
        let (before, line) = slow.until_answer("h");
        assert!(line.starts_with(&format!("ERR;h;{code};")), "{line:?}");
        let told = ids(&before, "HIST;h;den;", 3);
        assert!(*told.last().expect("a message") < newest);
        slow.send("PING;end;x");
        assert_eq!(slow.until("PONG;end;").0, [""; 0]);
    }
}

#[test]
fn goes_on_behind_what_retention_takes_away() {
    let mut house = House::open();
    let mut boss = house.admin("boss");
    let mut slow = Gc2::connect_with_buffer(house.server.address(), 16 * 1024);
    slow.login("slow");
    slow.join("den", "");
    let (mut own, newest) = fill(&mut house);
    change(&mut boss, "den", "owner;own");
    // Everything that is there.
    change(&mut own, "den", "retention;age=1ms");
    change(&mut own, "den", "retention;none");
    let after = own.say("den", "after", "and on");
    let (before, line) = slow.until(&format!("MSG;den;{after};"));
    assert!(line.ends_with(";and on"));
    // Nothing is missing but what the GAP tells of.
    let (gap, told) = before.split_last().expect("lines");
    let heard = ids(told, "MSG;den;", 2);
    assert!(heard.len() == told.len() && heard.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    assert!(*heard.last().expect("a message") < newest);
    assert_eq!(*gap, format!("GAP;den;{}", newest + 1));
    slow.check_alive();
}

/// Retention goes on while somebody reads page after page of the log.
#[test]
fn hears_of_every_hole_that_retention_makes_before_it() {
    for form in ["text", "c16"] {
        let mut house = House::open();
        let mut boss = house.admin("boss");
        let (mut own, newest) = fill(&mut house);
        let mut slow = Gc2::connect_with_buffer(house.server.address(), 16 * 1024);
        slow.send(&format!("HELLO;h;2;tests;body={form}"));
        slow.expect_start("WELCOME;h;");
        slow.login("slow");
        slow.join("den", "after=0");
        change(&mut boss, "den", "owner;own");
        let (mut next, mut gaps) = (1, 0);
        while next <= newest {
            let line = slow.line();
            if let Some(first_kept) = line.strip_prefix("GAP;den;") {
                let first_kept: u64 = first_kept.parse().expect("an id");
                assert!(first_kept > next, "{line:?} takes nothing from {next} on");
                (next, gaps) = (first_kept, gaps + 1);
                continue;
            }
            assert!(
                line.starts_with(&format!("MSG;den;{next};")),
                "{:?} instead of {next}",
                &line[..40]
            );
            let kept = newest - next;
            if kept > 0 && kept.is_multiple_of(500) {
                change(&mut own, "den", &format!("retention;messages={}", kept / 2));
            }
            next += 1;
        }
        assert!(gaps > 0, "it was never behind");
    }
}

impl Gc2 {
    /// Reads until a command is answered, whichever way: what came before, and the answer.
    fn until_answer(&mut self, tag: &str) -> (Vec<String>, String) {
        let mut before = Vec::new();
        loop {
            let line = self.line();
            let is_answer = ["OK", "ERR"].map(|verb| line.starts_with(&format!("{verb};{tag};")));
            if is_answer.contains(&true) {
                return (before, line);
            }
            before.push(line);
        }
    }
}
