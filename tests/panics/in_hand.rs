//! What an actor has in hand when it panics is not lost: messages in C16, and what original clients were thanked for.

use std::io::Write;

use crate::support::original_client::{connect_from, finish, read_once};
use crate::support::{Gc2, OriginalClient, PATIENCE, Ports, Server, number};

/// Arms a place and waits until it is.
fn arm(client: &mut Gc2, place: &str) {
    client.ask(
        &format!("PROVOKE;p;at={place}"),
        &format!("OK;p;at={place}"),
    );
}

/// The places of these, at the begin and at the end.
fn both(names: &[&str]) -> Vec<String> {
    let both = names
        .iter()
        .flat_map(|name| [format!("{name}/entry"), format!("{name}/end")]);
    both.collect()
}

#[test]
fn c16_in_flight_is_heard_once_by_its_readers() {
    let server = Server::builder()
        .set("server.shards", 1)
        .env("GENCOMM_PANICS", "rate=4000000000,restarts=1000")
        .start();
    let mut reader = server.connect();
    reader.send("HELLO;h;2;tests;body=c16");
    reader.expect_start("WELCOME;");
    reader.login("rea");
    reader.join("den", "");
    let mut sender = server.connect();
    sender.send("HELLO;h;2;tests;body=c16");
    sender.expect_start("WELCOME;");
    sender.login("cid");
    sender.send("JOIN;j;den;");
    sender.until("OK;j;");
    let mut control = server.guest("control");
    let names = [
        "room/BlocksEncoded",
        "room/Committed",
        "codec/EncodeBlocks",
        "codec/DecodeBodies",
        "sessions/Deliver",
        "log/Requests",
        "log/CommitWhenDrained",
    ];
    for (round, place) in both(&names).into_iter().enumerate() {
        arm(&mut control, &place);
        sender.send(&format!("SEND;t{round};den;BE"));
        let line = sender.until(&format!("OK;t{round};")).1;
        let heard = reader.expect_start("MSG;den;");
        assert_eq!(number(&heard, 2), number(&line, 2), "{place}");
        assert!(heard.ends_with(";BE"), "{place}: {heard:?}");
        // It panics in passing, or in passing on.
        let armed = format!("provoked {place}");
        server.wait_for_log(&armed);
    }
    reader.check_alive();
}

/// Says it as an original client does, and waits until it is thanked.
fn say_and_be_thanked(client: &OriginalClient, ports: Ports, text: &str) {
    let mut stream = connect_from(client.address(), ports.message);
    write!(stream, "ann;{text}").expect("a message");
    assert_eq!(read_once(&mut stream, 1024, PATIENCE), b"Thx", "{text}");
    finish(&stream);
}

#[test]
fn what_an_original_client_was_thanked_for_is_stored_once_and_heard_once() {
    let server = crate::legacy::builder()
        .env("GENCOMM_PANICS", "rate=4000000000,restarts=1000")
        .start();
    let mut control = server.guest("control");
    let mut listener = server.member("gil", "lobby");
    let client = OriginalClient::log_in(&server);
    let ports = Ports::of(&server);
    let names = [
        "gate/MessageRead",
        "legacy/Said",
        "legacy/turn",
        "legacy/Called",
        "legacy/deliver",
        "gate/MessageComes",
        "log/Requests",
        "room/Committed",
    ];
    for place in both(&names) {
        arm(&mut control, &place);
        say_and_be_thanked(&client, ports, &place);
        let line = listener.expect_start("MSG;lobby;");
        assert!(
            line.ends_with(&format!(";ann;{place}")),
            "{place}: {line:?}"
        );
        client.expect(&[("ann", &place)]);
        server.wait_for_log(&format!("provoked {place}"));
    }
    assert_eq!(
        server
            .log_text()
            .matches("original client panicked")
            .count(),
        0
    );
    listener.check_alive();
}
