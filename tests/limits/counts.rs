//! Connections of one address and of one account.

use super::{guest_from, strict};
use crate::auth::{House, PASSWORD, plain};
use crate::support::{Gc2, PATIENCE, Stop, fresh_address};

const FULL: [&str; 2] = [
    "ERR;;rate-limited;too many connections from your address (limits.connections_per_address); close one",
    "BYE;full;60",
];

#[test]
fn so_many_connections_of_one_address() {
    let server = strict()
        .set("limits.connections_per_address", 5)
        .set("server.shards", 3)
        .start();
    let (here, there) = (fresh_address(), fresh_address());
    let connect = |from| Gc2::connect_from(server.address(), from);
    // Logged in or not, they count.
    let mut open: Vec<Gc2> = (0..4).map(|_| connect(here)).collect();
    for client in &mut open {
        client.check_alive();
    }
    open.push(guest_from(&server, "ann", here));
    for _ in 0..10 {
        assert_eq!(connect(here).until_closed(), FULL);
    }
    guest_from(&server, "bob", there).check_alive();
    for client in &mut open {
        client.check_alive();
    }
    // However they go: by the word, at once, in the middle of a line.
    let mut leaving = open.split_off(2);
    leaving[0].ask("BYE;b", "BYE;bye;0");
    leaving[1].send_bytes(b"AUTH;a;GUE");
    drop(leaving);
    let end = std::time::Instant::now() + PATIENCE;
    while open.len() < 5 {
        assert!(std::time::Instant::now() < end, "no place became free");
        let mut client = connect(here);
        client.send("PING;p;x");
        match client.try_line() {
            Ok(line) if line == "PONG;p;x" => open.push(client),
            Ok(line) => assert_eq!(line, FULL[0]),
            Err(why) => assert_ne!(why, Stop::TimedOut),
        }
    }
    assert_eq!(connect(here).until_closed(), FULL);
}

#[test]
fn so_many_connections_of_one_account_from_wherever() {
    let mut house = House::of(
        strict()
            .set("limits.connections_per_account", 3)
            .set("server.shards", 3)
            .set("auth.argon2_memory", "1MiB")
            .set("auth.argon2_passes", 1),
    );
    house.add("alice");
    house.add("bob");
    let token = house.token("alice", "first");
    let enter = |line: &str| house.send_from(line, fresh_address());
    let lines = [
        plain("alice", PASSWORD),
        token.clone(),
        plain("ALICE", PASSWORD),
    ];
    let mut there: Vec<Gc2> = lines.iter().map(|line| enter(line)).collect();
    for client in &mut there {
        client.expect_start("OK;a;alice;");
    }
    for line in [&token, &plain("Alice", PASSWORD)] {
        let mut refused = enter(line);
        refused.expect("ERR;a;rate-limited;alice has 3 connections already (limits.connections_per_account); close one");
        // It may be somebody else.
        refused.send(&plain("bob", PASSWORD));
        refused.expect_start("OK;a;bob;");
    }
    // One that is closed makes room for one.
    there.pop();
    let mut client = Gc2::connect_from(house.server.address(), fresh_address());
    crate::auth::until_ok(&mut client, &token);
    enter(&token).expect_start("ERR;a;rate-limited;");
}

/// Refused log-ins are no connections of the account.
#[test]
fn only_who_is_in_counts() {
    let mut house = House::of(
        strict()
            .set("limits.connections_per_account", 1)
            .set("auth.argon2_memory", "1MiB")
            .set("auth.argon2_passes", 1),
    );
    house.add("alice");
    let mut waiting: Vec<Gc2> = (0..5)
        .map(|_| house.send_from(&plain("alice", "wrong all along"), fresh_address()))
        .collect();
    for client in &mut waiting {
        client.expect_start("ERR;a;unauthenticated;");
    }
    house
        .send_from(&plain("alice", PASSWORD), fresh_address())
        .expect_start("OK;a;alice;");
}
