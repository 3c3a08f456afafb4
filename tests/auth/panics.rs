//! The log-in panics while many are connected and passwords are being hashed: afterwards it counts right, and nobody waits for ever.

use super::{House, PASSWORD, plain, strict, until_ok};
use crate::support::{Gc2, fresh_address};

const ACCOUNTS: usize = 200;

/// Tries to have `max` connections of each; what it gets has to be exactly that.
fn check_counts(house: &House, tokens: &[String], there: usize, max: usize) {
    for (at, token) in tokens.iter().enumerate() {
        let mut more = Vec::new();
        for n in there..max {
            let mut client = Gc2::connect_from(house.server.address(), fresh_address());
            client.send(token);
            let line = client.line();
            assert!(
                line.starts_with("OK;a;"),
                "account {at}, connection {n}: {line}"
            );
            more.push(client);
        }
        let mut client = Gc2::connect_from(house.server.address(), fresh_address());
        client.send(token);
        let line = client.line();
        assert!(
            line.starts_with("ERR;a;rate-limited;"),
            "account {at} has more than {max}: {line}"
        );
    }
}

#[test]
fn accounts_are_counted_right_after_panics_in_the_middle_of_passwords() {
    let mut house = House::of(
        strict()
            .set("limits.connections_per_account", 2)
            .set("limits.log_ins_per_minute", 0)
            .set("server.shards", 3)
            .set("auth.hash_threads", 1)
            .set("auth.argon2_memory", "8MiB")
            .set("auth.argon2_passes", 2),
    );
    house.add("slow");
    let tokens: Vec<String> = (0..ACCOUNTS)
        .map(|at| house.add_bot(&format!("u{at}x")))
        .collect();
    let connect = |line: &str| house.send_from(line, fresh_address());
    let mut there: Vec<Vec<Gc2>> = tokens
        .iter()
        .map(|token| {
            let pair = (0..2).map(|_| {
                let mut client = connect(token);
                client.expect_start("OK;a;");
                client
            });
            pair.collect()
        })
        .collect();
    let mut provoker = house.server.guest("provoker");
    // More passwords of one account than it may have connections; half of everybody leaves; and two panics at once, so that every
    // shard is asked twice.
    let mut slow: Vec<Gc2> = (0..20).map(|_| connect(&plain("slow", PASSWORD))).collect();
    for pair in &mut there {
        pair.pop();
    }
    provoker.send_bytes(b"PROVOKE;p1;auth\nPROVOKE;p2;auth\n");
    provoker.expect("OK;p1;auth");
    provoker.expect("OK;p2;auth");
    let (mut let_in, mut refused) = (0, 0);
    for client in &mut slow {
        let line = client.line();
        if line.starts_with("OK;a;slow;") {
            let_in += 1;
        } else {
            assert!(
                line.starts_with("ERR;a;rate-limited;slow has 2 connections"),
                "{line}"
            );
            refused += 1;
        }
    }
    assert_eq!((let_in, refused), (2, 18));
    house.server.wait_for_log("log-in starts anew");
    // Each has one connection, and may have one more as soon as it is heard that the other one went.
    for token in &tokens {
        let mut client = Gc2::connect_from(house.server.address(), fresh_address());
        until_ok(&mut client, token);
    }
    check_counts(&house, &tokens, 1, 2);
    for (at, pair) in there.iter_mut().enumerate() {
        assert_eq!(pair.len(), 1, "{at}");
        pair[0].check_alive();
    }
}

/// Those who go at the moment of the panic are gone; a guest's name is free then, and not before.
#[test]
fn guests_that_leave_around_a_panic_are_counted_once() {
    let house = House::of(
        strict()
            .set("server.shards", 3)
            .set("limits.log_ins_per_minute", 0),
    );
    let mut provoker = house.server.guest("provoker");
    // Not so often that the process gives up.
    for round in 0..4 {
        let home = fresh_address();
        let line = |at: usize| format!("AUTH;a;GUEST;g{round}x{at}");
        let mut pairs: Vec<(Gc2, Option<Gc2>)> = (0..30)
            .map(|at| {
                let enter = || {
                    let mut client = house.send_from(&line(at), home);
                    client.expect_start("OK;a;");
                    client
                };
                (enter(), Some(enter()))
            })
            .collect();
        for (at, pair) in pairs.iter_mut().enumerate() {
            pair.1 = None;
            if at == 15 {
                provoker.ask("PROVOKE;p;auth", "OK;p;auth");
            }
        }
        // One of each is there still: the name is its own.
        for at in 0..pairs.len() {
            let mut thief = house.send_from(&line(at), fresh_address());
            thief.expect_start("ERR;a;conflict;");
        }
        // Both are gone: it is anybody's.
        drop(pairs);
        for at in 0..30 {
            let mut heir = Gc2::connect_from(house.server.address(), fresh_address());
            until_ok(&mut heir, &line(at));
        }
    }
}

/// What changes accounts is heard after a panic too.
#[test]
fn accounts_are_looked_after_as_before() {
    use gencomm::store::accounts::{Accounts, State};
    let mut house = House::open();
    house.add("alice");
    let (mut alice, token) = house.enter_for_token(&plain("alice", PASSWORD));
    alice.ask("PROVOKE;p;auth", "OK;p;auth");
    house.server.wait_for_log("log-in starts anew");
    house.enter(&super::token_line(&token)).check_alive();
    let suspended = house
        .accounts
        .set_state("alice", State::Suspended, &super::entry("x"));
    suspended.expect("a state");
    assert_eq!(alice.until_closed(), ["BYE;suspended;0"]);
}
