//! Panics in the gate, in the clients' actors and in the fan-out they live in.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Instant;

use super::builder;
use crate::support::original_client::{connect_from, finish, read_once};
use crate::support::{Habits, OriginalClient, PATIENCE, Ports};

#[test]
fn the_gate_survives_with_its_sessions() {
    let server = builder().start();
    let mut gc2 = server.guest("gil");
    let client = OriginalClient::log_in(&server);
    for turn in ["one", "two", "three"] {
        gc2.ask("PROVOKE;p;gate", "OK;p;gate");
        client.say("ann", turn);
        client.expect(&[("ann", turn)]);
    }
    let other = OriginalClient::log_in(&server);
    other.say("bob", "hello");
    client.expect(&[("bob", "hello")]);
}

/// Sends a message as `ann` until it is thanked for: before both halves of the log-in have arrived nobody may say anything.
fn say_until_thanked(address: Ipv4Addr, ports: Ports, text: &str) {
    let end = Instant::now() + PATIENCE;
    loop {
        let mut stream = connect_from(address, ports.message);
        let _ = write!(stream, "ann;{text}");
        if read_once(&mut stream, 1024, PATIENCE) == b"Thx" {
            return finish(&stream);
        }
        assert!(Instant::now() < end, "{text:?} is not taken");
    }
}

#[test]
fn what_was_thanked_for_before_the_log_in_ended_survives_the_gate() {
    let server = builder().set("auth.deadline", "60s").start();
    let mut gc2 = server.member("gil", "lobby");
    let (ports, address) = (Ports::of(&server), OriginalClient::fresh_address());
    let mut main = connect_from(address, ports.main);
    main.write_all(b"Ping").expect("Ping");
    let mut auth = connect_from(address, ports.auth);
    auth.write_all(b"AuthRequest").expect("AuthRequest");
    // Both halves are there and the server calls back in vain, as the port is not open yet.
    say_until_thanked(address, ports, "before");
    gc2.ask("PROVOKE;p;gate", "OK;p;gate");
    server.wait_for_logs("gate starts anew", 1);
    say_until_thanked(address, ports, "behind");
    let callback = TcpListener::bind((address, 12090)).expect("the callback port");
    let (mut called, _) = callback.accept().expect("a callback");
    assert_eq!(read_once(&mut called, 1024, PATIENCE), b"Authed");
    for text in ["before", "behind"] {
        let line = gc2.expect_start("MSG;lobby;");
        assert!(line.ends_with(&format!(";ann;{text}")), "{line:?}");
    }
}

#[test]
fn an_original_client_survives_the_panics_of_its_actor() {
    let server = builder().start();
    let mut gc2 = server.guest("gil");
    let client = OriginalClient::log_in(&server);
    // The gate, which provokes those who are in, hears of a log-in behind the client.
    client.say("ann", "in");
    client.expect(&[("ann", "in")]);
    for turn in ["one", "two", "three", "four"] {
        gc2.ask("PROVOKE;p;original-clients", "OK;p;original-clients");
        client.say("ann", turn);
        client.expect(&[("ann", turn)]);
    }
    // The log is written beside what it tells of.
    server.wait_for_logs("provoked", 8);
}

#[test]
fn a_call_that_panics_costs_that_session() {
    let server = builder().set("server.shards", "1").start();
    let mut gc2 = server.guest("gil");
    let address = OriginalClient::fresh_address();
    let client = OriginalClient::log_in_from(&server, address, Habits::default());
    gc2.ask("PROVOKE;p;at=fatal/call/entry", "OK;p;at=fatal/call/entry");
    client.say("ann", "once");
    server.wait_for_logs("original client panicked", 1);
    drop(client);
    let client = OriginalClient::log_in_from(&server, address, Habits::default());
    client.say("ann", "again");
    client.expect(&[("ann", "again")]);
}

#[test]
fn an_original_client_that_panics_too_often_is_out_and_may_come_again() {
    let server = builder().set("limits.connections", "6").start();
    let mut gc2 = server.guest("gil");
    let address = OriginalClient::fresh_address();
    // More often than there are connections: each is counted out again.
    for turn in 0..8 {
        let client = OriginalClient::log_in_from(&server, address, Habits::default());
        client.say("ann", &turn.to_string());
        client.expect(&[("ann", turn.to_string().as_str())]);
        for _ in 0..6 {
            gc2.ask("PROVOKE;p;original-clients", "OK;p;original-clients");
        }
        server.wait_for_logs("original client panicked", turn + 1);
    }
    gc2.send("WHO;w;lobby");
    gc2.expect("OK;w;0");
}

#[test]
fn nothing_is_missed_when_the_fan_out_panics() {
    let server = builder().set("server.shards", "1").start();
    let mut gc2 = server.guest("gil");
    let (ann, bob) = (
        OriginalClient::log_in(&server),
        OriginalClient::log_in(&server),
    );
    for turn in 0..4 {
        for part in 0..5 {
            ann.say("ann", &format!("{turn} {part}"));
        }
        gc2.ask("PROVOKE;p;room", "OK;p;room");
        for part in 0..5 {
            bob.say("bob", &format!("{turn} {part}"));
        }
    }
    let heard: Vec<_> = (0..40).map(|_| ann.record()).collect();
    assert!(heard.windows(2).all(|pair| pair[0].id < pair[1].id));
    let same: Vec<_> = (0..40).map(|_| bob.record()).collect();
    assert_eq!(heard, same);
}
