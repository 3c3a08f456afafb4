//! HELLO, AUTH, PING, BYE.

use crate::support::{Gc2, Server, fresh_address};

#[test]
fn hello_is_answered_with_the_options_in_force() {
    let server = Server::builder().set("server.name", "Test House").start();
    let mut client = server.connect();
    client.send("HELLO;h;2;tests;presence=on colour=red");
    let line = client.line();
    let fields: Vec<&str> = line.split(';').collect();
    let [welcome, tag, version, name, session, options] = fields[..] else {
        panic!("{line:?}");
    };
    assert_eq!(
        (welcome, tag, version, name),
        ("WELCOME", "h", "2", "Test House")
    );
    assert_eq!(options, "body=text presence=on");
    assert_eq!(session.len(), 16, "{session:?}");
    client.send("HELLO;again;2;tests");
    client.expect_start("ERR;again;conflict;");
    client.login("ann");

    let mut late = server.guest("late");
    late.send("HELLO;h;2;tests");
    late.expect_start("ERR;h;conflict;");
    let mut other = server.connect();
    other.send("HELLO;h;3;tests");
    other.expect_start("ERR;h;unsupported;");
    other.send("HELLO;h;2;tests;body=rot13");
    other.expect_start("ERR;h;bad-request;");
    other.send("HELLO;;2;tests");
    other.expect_start("WELCOME;;2;");
}

#[test]
fn a_guest_is_its_nickname_without_regard_to_case() {
    let server = Server::start();
    let (home, away) = (fresh_address(), fresh_address());
    let mut ann = Gc2::connect_from(server.address(), home);
    ann.ask("AUTH;a;GUEST;Ann", "OK;a;Ann;");
    ann.send("AUTH;b;GUEST;Bob");
    ann.expect_start("ERR;b;conflict;");

    let mut same = Gc2::connect_from(server.address(), home);
    same.send("AUTH;a;GUEST;aNN");
    same.expect_start("OK;a;");
    let mut thief = Gc2::connect_from(server.address(), away);
    thief.send("AUTH;a;GUEST;ANN");
    thief.expect_start("ERR;a;conflict;");
    thief.ask("AUTH;b;GUEST;Bob", "OK;b;Bob;");

    // Once the last connection has gone, the name is free.
    for client in [&mut ann, &mut same] {
        client.ask("BYE;x", "BYE;bye;0");
        assert_eq!(client.until_closed(), [""; 0]);
    }
    let mut heir = Gc2::connect_from(server.address(), away);
    heir.send("AUTH;a;GUEST;ann");
    // The end of a connection is heard of a moment after its socket is closed.
    while heir.line() != "OK;a;ann;" {
        heir.send("AUTH;a;GUEST;ann");
    }
}

#[test]
fn bad_log_ins_are_refused_and_the_connection_stays() {
    let server = Server::start();
    let mut client = server.connect();
    for (line, answer) in [
        ("AUTH;a;GUEST;", "ERR;a;bad-request;"),
        ("AUTH;a;GUEST;with space", "ERR;a;bad-request;"),
        ("AUTH;a;GUEST;ümlaut", "ERR;a;bad-request;"),
        ("AUTH;a;GUEST;.hidden", "ERR;a;bad-request;"),
        ("AUTH;a;MAGIC;x", "ERR;a;unsupported;"),
        ("AUTH;a", "ERR;a;unsupported;"),
        ("SEND;s;lobby;hello", "ERR;s;unauthenticated;"),
        ("JOIN;j;lobby;", "ERR;j;unauthenticated;"),
        ("PART;p;lobby", "ERR;p;unauthenticated;"),
        ("HISTORY;h;lobby;;", "ERR;h;unauthenticated;"),
        ("GET;g;1", "ERR;g;unauthenticated;"),
        ("DELETE;d;1", "ERR;d;unauthenticated;"),
        ("ROOMS;r", "ERR;r;unauthenticated;"),
        ("WHO;w;lobby", "ERR;w;unauthenticated;"),
    ] {
        client.send(line);
        client.expect_start(answer);
    }
    let long = format!("{:x<33}", "");
    client.send(&format!("AUTH;a;GUEST;{long}"));
    client.expect_start("ERR;a;bad-request;");
    client.login(&long[1..]);
}

#[test]
fn guests_are_let_in_as_configured() {
    let server = Server::builder().set("auth.guests", "never").start();
    let mut client = server.connect();
    client.send("AUTH;a;GUEST;ann");
    client.expect_start("ERR;a;forbidden;");
    client.check_alive();
}

#[test]
fn ping_gives_its_text_back_and_bye_ends() {
    let server = Server::start();
    let mut client = server.connect();
    client.ask("PING;p1;a;b;;c", "PONG;p1;a;b;;c");
    client.ask("PING", "PONG;;");
    client.ask("PING;p2", "PONG;p2;");
    client.send("PONG;;17");
    client.ask("PING;p3;ü", "PONG;p3;ü");
    client.ask("BYE;b", "BYE;bye;0");
    assert_eq!(client.until_closed(), [""; 0]);
}
