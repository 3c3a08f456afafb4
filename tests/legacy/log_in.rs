//! The log-in and its replacement.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use super::builder;
use crate::support::original_client::{connect_from, finish, read_once};
use crate::support::{Habits, OriginalClient, PATIENCE, Ports, Server};

fn callback_of(address: Ipv4Addr) -> TcpListener {
    TcpListener::bind((address, 12090)).expect("the callback port")
}

#[track_caller]
fn expect_authed(callback: &TcpListener) {
    let (mut stream, _) = callback.accept().expect("a callback");
    assert_eq!(read_once(&mut stream, 1024, PATIENCE), b"Authed");
    assert_eq!(read_once(&mut stream, 1024, PATIENCE), b"");
}

fn say(address: Ipv4Addr, to: std::net::SocketAddr, text: &[u8]) -> TcpStream {
    let mut stream = connect_from(address, to);
    stream.write_all(text).expect("the server takes it");
    stream
}

#[test]
fn logs_in_three_times_in_a_row() {
    let server = builder().start();
    let address = OriginalClient::fresh_address();
    for turn in ["one", "two", "three"] {
        let client = OriginalClient::log_in_from(&server, address, Habits::default());
        client.say("ann", turn);
        client.expect(&[("ann", turn)]);
    }
}

#[test]
fn the_halves_come_in_either_order_and_in_pieces() {
    let server = builder().start();
    let (ports, address) = (Ports::of(&server), OriginalClient::fresh_address());
    let callback = callback_of(address);
    let mut auth = say(address, ports.auth, b"Auth");
    std::thread::sleep(Duration::from_millis(30));
    auth.write_all(b"Request").expect("the rest");
    assert_eq!(read_once(&mut auth, 1024, PATIENCE), b"Auth1");
    let mut main = say(address, ports.main, b"Pi");
    std::thread::sleep(Duration::from_millis(30));
    main.write_all(b"ng").expect("the rest");
    assert_eq!(read_once(&mut main, 1024, PATIENCE), b"Pong");
    expect_authed(&callback);
}

#[test]
fn a_callback_port_that_opens_late_is_tried_again() {
    let server = builder().start();
    let (ports, address) = (Ports::of(&server), OriginalClient::fresh_address());
    let _main = say(address, ports.main, b"Ping");
    let mut auth = say(address, ports.auth, b"AuthRequest");
    assert_eq!(read_once(&mut auth, 1024, PATIENCE), b"Auth1");
    std::thread::sleep(Duration::from_millis(300));
    expect_authed(&callback_of(address));
}

#[test]
fn a_new_log_in_replaces_the_session() {
    let server = builder().set("legacy.grace", "60s").start();
    let mut other = server.member("other", "lobby");
    let address = OriginalClient::fresh_address();
    let deaf = Habits {
        opens_after: None,
        ..Habits::default()
    };
    let first = OriginalClient::log_in_from(&server, address, deaf);
    other.say("lobby", "t1", "for the first one");
    drop(first);
    let second = OriginalClient::log_in_from(&server, address, Habits::default());
    other.say("lobby", "t2", "for the second one");
    second.expect(&[("other", "for the second one")]);
    server.wait_for_log("Replaced");
    second.say("ann", "still here");
    second.expect(&[("ann", "still here")]);
}

#[test]
fn a_client_that_dies_after_its_hello_is_given_up() {
    let server = builder().set("auth.deadline", "1s").start();
    let (ports, address) = (Ports::of(&server), OriginalClient::fresh_address());
    drop(say(address, ports.main, b"Ping"));
    drop(say(address, ports.auth, b"AuthRequest"));
    server.wait_for_log("did not take the connection within auth.deadline");
    let mut other = server.member("other", "lobby");
    other.ask("WHO;w;lobby", "USER;w;other;guest");
    other.expect("OK;w;1");
}

#[test]
fn half_a_log_in_expires() {
    let server = builder().set("auth.deadline", "1s").start();
    let (ports, address) = (Ports::of(&server), OriginalClient::fresh_address());
    drop(say(address, ports.main, b"Ping"));
    server.wait_for_log("not completed within auth.deadline");
    let callback = callback_of(address);
    let mut auth = say(address, ports.auth, b"AuthRequest");
    assert_eq!(read_once(&mut auth, 1024, PATIENCE), b"Auth1");
    callback.set_nonblocking(true).expect("a listener");
    std::thread::sleep(Duration::from_millis(300));
    assert!(
        callback.accept().is_err(),
        "called back after half a log-in"
    );
}

#[test]
fn other_words_on_the_authorisation_port_close_it() {
    let server = builder().set("auth.deadline", "1s").start();
    let (ports, address) = (Ports::of(&server), OriginalClient::fresh_address());
    let mut wrong = say(address, ports.auth, b"AuthPlease");
    assert_eq!(read_once(&mut wrong, 1024, PATIENCE), b"");
    server.wait_for_log("instead of AuthRequest");
    let mut silent = say(address, ports.auth, b"AuthReq");
    assert_eq!(read_once(&mut silent, 1024, PATIENCE), b"");
    server.wait_for_log("no whole AuthRequest");
    let short = say(address, ports.auth, b"AuthReq");
    finish(&short);
    server.wait_for_log("closed before AuthRequest was whole");
}

#[test]
fn an_address_that_is_not_allowed_is_refused_everywhere() {
    let server = builder().set("legacy.allow", "127.0.0.1").start();
    let (ports, address) = (Ports::of(&server), OriginalClient::fresh_address());
    for (to, text) in [
        (ports.main, &b"Ping"[..]),
        (ports.auth, b"AuthRequest"),
        (ports.message, b"ann;hello"),
    ] {
        let mut stream = connect_from(address, to);
        // The server may have closed already.
        let _ = stream.write_all(text);
        assert_eq!(read_once(&mut stream, 1024, PATIENCE), b"");
    }
    server.wait_for_logs("not in legacy.allow", 3);
}

#[test]
fn without_original_clients_ping_is_refused() {
    let server = Server::start();
    let mut stream = connect_from(OriginalClient::fresh_address(), server.address());
    stream.write_all(b"Ping").expect("Ping");
    assert_eq!(read_once(&mut stream, 1024, PATIENCE), b"");
    server.wait_for_log("legacy.enabled is false");
}
