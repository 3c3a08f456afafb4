//! How lines may arrive: in one piece, byte by byte, many at once, from a client that stops sending.

use std::io::Write;

use crate::support::Server;

#[test]
fn a_line_that_comes_byte_by_byte_is_a_line() {
    let server = Server::start();
    let mut client = server.connect();
    for byte in b"AUTH;a;GUEST;ann\nJOIN;j;lobby;\nPING;p;x;y\n" {
        client.send_bytes(&[*byte]);
    }
    client.expect("OK;a;ann;");
    client.expect("OK;j;lobby;0");
    client.expect("PONG;p;x;y");
}

#[test]
fn a_carriage_return_before_the_newline_is_dropped() {
    let server = Server::start();
    let mut client = server.connect();
    client.send_bytes(b"AUTH;a;GUEST;ann\r\nJOIN;j;lobby;\r\nSEND;s;lobby;text\r\n");
    client.expect("OK;a;ann;");
    client.expect("OK;j;lobby;0");
    let line = client.until("OK;s;");
    let told = line.0.first().cloned().unwrap_or_else(|| client.line());
    assert!(told.ends_with(";ann;text"), "{told:?}");
    client.send_bytes(b"SEND;;lobby;in\rside\r\n");
    assert!(client.line().ends_with(";ann;in\rside"));
}

#[test]
fn commands_in_one_write_take_effect_in_their_order() {
    let server = Server::start();
    let mut client = server.connect();
    client.send_bytes(
        b"PING;1;\nSEND;2;lobby;x\nAUTH;3;GUEST;ann\nJOIN;4;lobby;\nSEND;5;lobby;five\n\
          HISTORY;6;lobby;;\nPART;7;lobby\nSEND;8;lobby;eight\nROOMS;9\nBYE;10\nPING;11;\n",
    );
    let lines = client.until_closed();
    let plain: Vec<&str> = lines
        .iter()
        .map(String::as_str)
        .filter(|line| !line.starts_with("MSG;"))
        .collect();
    let starts = [
        "PONG;1;",
        "ERR;2;unauthenticated;",
        "OK;3;ann;",
        "OK;4;lobby;0",
        "OK;5;1;",
        "HIST;6;lobby;1;",
        "OK;6;1",
        "OK;7;lobby",
        "ERR;8;forbidden;",
        "ROOM;9;lobby;0;1",
        "OK;9;1",
        "BYE;bye;0",
    ];
    assert_eq!(plain.len(), starts.len(), "{lines:?}");
    for (line, start) in plain.iter().zip(starts) {
        assert!(line.starts_with(start), "{line:?} instead of {start:?}");
    }
}

#[test]
fn a_client_that_stops_sending_gets_its_answers() {
    let server = Server::start();
    let mut client = server.connect();
    client.send_bytes(
        b"AUTH;a;GUEST;ann\nJOIN;j;lobby;\nSEND;s;lobby;last words\nHISTORY;h;lobby;;\n",
    );
    client.close_sending();
    let lines = client.until_closed();
    for start in [
        "OK;a;ann;",
        "OK;j;lobby;0",
        "OK;s;1;",
        "HIST;h;lobby;1;",
        "OK;h;1",
    ] {
        let count = lines.iter().filter(|line| line.starts_with(start)).count();
        assert_eq!(count, 1, "{start:?} in {lines:?}");
    }
    let mut check = server.guest("bob");
    assert_eq!(check.whole_history("lobby").len(), 1);
}

#[test]
fn a_last_line_without_newline_is_not_carried_out() {
    let server = Server::start();
    let mut client = server.member("ann", "lobby");
    client.send_bytes(b"SEND;s;lobby;cut off in the mid");
    client.close_sending();
    assert_eq!(client.until_closed(), [""; 0]);
    assert_eq!(server.guest("bob").whole_history("lobby"), []);
}

#[test]
fn sends_from_one_write_are_stored_in_their_order() {
    let server = Server::start();
    let mut client = server.member("ann", "lobby");
    let mut text = String::new();
    for at in 0..3000 {
        text.push_str(&format!("SEND;t{at};lobby;number {at}\n"));
    }
    let mut writer = client.stream().try_clone().expect("the socket");
    let writing = std::thread::spawn(move || writer.write_all(text.as_bytes()).expect("writing"));
    let (mut answered, mut told, mut last) = (0, 0, 0);
    while answered < 3000 || told < 3000 {
        let line = client.line();
        if line.starts_with("OK;") {
            assert!(line.starts_with(&format!("OK;t{answered};")), "{line:?}");
            answered += 1;
        } else {
            assert!(line.ends_with(&format!(";ann;number {told}")), "{line:?}");
            let id = crate::support::number(&line, 2);
            assert!(id > last);
            last = id;
            told += 1;
        }
    }
    writing.join().expect("the writer");
}
