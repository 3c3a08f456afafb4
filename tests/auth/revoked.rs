//! Tokens that are revoked and people who are suspended while they are connected, on several shards.

use gencomm::store::accounts::{Accounts, State};

use super::{House, PASSWORD, entry, plain};
use crate::support::{Gc2, Stop};

#[test]
fn a_revoked_token_lets_nobody_in_and_whoever_is_in_goes() {
    let mut house = House::open();
    let first = house.add_bot("builder");
    let second = house.token("builder", "second");
    let mut there: Vec<Gc2> = (0..6).map(|_| house.enter(&first)).collect();
    let revoked = house.accounts.revoke_token("builder", "first", &entry("x"));
    revoked.expect("revoked");
    house
        .send(&first)
        .expect_start("ERR;a;unauthenticated;this token is not valid");
    for client in &mut there {
        assert_eq!(client.until_closed(), ["BYE;account;0"]);
    }
    house.enter(&second).check_alive();
}

#[test]
fn an_expired_token_is_none() {
    use gencomm::edge::wire::timestamp::Timestamp;
    let mut house = House::open();
    house.add_bot("builder");
    let past = Timestamp::from_micros(Timestamp::now().as_micros() - 1);
    let text = house
        .accounts
        .add_token("builder", "old", Some(past), &entry("x"))
        .expect("a token");
    house
        .send(&super::token_line(&text))
        .expect_start("ERR;a;unauthenticated;");
}

/// Eight connections of one account go on sending while it is suspended: each is closed, what was answered with OK is kept, and nothing
/// else is.
#[test]
fn whoever_is_suspended_says_nothing_more() {
    let mut house = House::of(super::builder().set("server.shards", 3));
    house.add("mallory");
    house.add("alice");
    let mut alice = house.enter(&plain("alice", PASSWORD));
    alice.join("den", "");
    let (begun, wait) = std::sync::mpsc::channel();
    let senders: Vec<_> = (0..8)
        .map(|at| {
            let mut client = house.enter(&plain("mallory", PASSWORD));
            client.join("den", "");
            let begun = begun.clone();
            std::thread::spawn(move || speak_until_sent_away(&mut client, at, &begun))
        })
        .collect();
    for _ in 0..8 {
        wait.recv().expect("a sender that sends");
    }
    let suspended = house
        .accounts
        .set_state("mallory", State::Suspended, &entry("x"));
    suspended.expect("a state");
    let mut kept = Vec::new();
    for sender in senders {
        kept.extend(sender.join().expect("a sender"));
    }
    assert!(!kept.is_empty());
    house
        .send(&plain("mallory", PASSWORD))
        .expect_start("ERR;a;forbidden;");
    // From here on nothing of it comes any more.
    let after = alice.say("den", "after", "she is gone");
    let stored: Vec<u64> = alice.whole_history("den").iter().map(|it| it.0).collect();
    for id in &kept {
        assert!(stored.contains(id), "{id} was answered with OK");
    }
    assert_eq!(stored.last(), Some(&after));
    // What was on its way when the connection went may be stored without an answer, one for each connection.
    assert!(
        stored.len() <= kept.len() + 8 + 1,
        "{} {}",
        stored.len(),
        kept.len()
    );
}

/// The ids of what was answered with OK.
fn speak_until_sent_away(
    client: &mut Gc2,
    at: usize,
    begun: &std::sync::mpsc::Sender<()>,
) -> Vec<u64> {
    let (mut kept, mut said_bye) = (Vec::new(), false);
    for n in 0.. {
        client.try_send(&format!("SEND;c{at}n{n};den;x"));
        loop {
            let line = match client.try_line() {
                Ok(line) => line,
                Err(Stop::TimedOut) => panic!("not sent away"),
                Err(_) => {
                    assert!(said_bye || n > 0);
                    return kept;
                }
            };
            if line == "BYE;suspended;0" {
                said_bye = true;
            } else if let Some(rest) = line.strip_prefix(&format!("OK;c{at}n{n};")) {
                kept.push(
                    rest.split(';')
                        .next()
                        .and_then(|id| id.parse().ok())
                        .expect("an id"),
                );
                if kept.len() == 10 {
                    let _ = begun.send(());
                }
                break;
            } else {
                assert!(line.starts_with("MSG;den;"), "{line}");
            }
        }
    }
    unreachable!("numbers do not end");
}

/// Whose own act changes the account stays, also while somebody else changes it again.
#[test]
fn whose_account_is_gone_is_nobody() {
    let mut house = House::open();
    house.add("alice");
    let mut there = house.enter(&plain("alice", PASSWORD));
    house.accounts.remove("alice", &entry("x")).expect("gone");
    assert_eq!(there.until_closed(), ["BYE;account;0"]);
    house
        .send(&plain("alice", PASSWORD))
        .expect_start("ERR;a;unauthenticated;wrong name or password");
    // The name is free, within the time that it takes to hear of it.
    super::until_ok(&mut house.server.connect(), "AUTH;a;GUEST;alice");
}
