//! The new process is configured otherwise.

use crate::support::{Gc2, Habits, OriginalClient, Server};
use crate::tls::{TlsClient, client_config, self_signed, versions};

/// Many come, and each is let in, whichever socket the kernel gives it.
#[track_caller]
fn everybody_comes_in(server: &Server) {
    let mut clients: Vec<Gc2> = (0..40).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.check_alive();
    }
}

#[test]
fn another_number_of_shards() {
    let mut server = Server::builder().set("server.shards", 3).start();
    let address = server.address();
    let mut ann = server.member("ann", "den");
    let mut id = ann.say("den", "t0", "hello");
    for shards in [1, 2, 5, 1] {
        server.set("server.shards", shards);
        server.take_over();
        assert_eq!(server.address(), address);
        everybody_comes_in(&server);
        let mut ann = server.guest("ann");
        ann.join("den", &format!("after={id}"));
        let next = ann.say("den", &format!("t{shards}.{id}"), "again");
        ann.expect_start(&format!("MSG;den;{next};"));
        id = next;
    }
}

#[test]
fn another_address() {
    let mut server = Server::start();
    let before = server.address();
    let mut ann = server.member("ann", "den");
    server.set("listen.main", "127.0.0.2:0");
    server.take_over();
    ann.expect_start("BYE;restart;");
    assert_eq!(server.address().ip().to_string(), "127.0.0.2");
    everybody_comes_in(&server);
    assert!(
        std::net::TcpStream::connect(before).is_err(),
        "nobody is there any more"
    );
}

#[test]
fn original_clients_log_in_again_and_can_be_shut_out_and_let_in() {
    let mut server = Server::builder()
        .set("legacy.enabled", "true")
        .set("legacy.auth_port", "0")
        .set("legacy.message_port", "0")
        .start();
    let ready = server.ready_line().to_owned();
    let address = OriginalClient::fresh_address();
    let old = OriginalClient::log_in_from(&server, address, Habits::default());
    old.say("ann", "before");
    old.expect(&[("ann", "before")]);
    drop(old);
    server.take_over();
    assert_eq!(server.ready_line(), ready, "the same ports");
    let old = OriginalClient::log_in_from(&server, address, Habits::default());
    old.say("ann", "after");
    old.expect(&[("ann", "after")]);
    drop(old);
    server.set("legacy.enabled", "false");
    server.take_over();
    assert!(!server.ready_line().contains("auth="));
    everybody_comes_in(&server);
    server.set("legacy.enabled", "true");
    server.take_over();
    let old = OriginalClient::log_in_from(&server, address, Habits::default());
    old.say("ann", "at last");
    old.expect(&[("ann", "at last")]);
    let bodies = server.guest("bob").whole_history("lobby");
    let bodies: Vec<String> = bodies.into_iter().map(|it| it.1).collect();
    assert_eq!(bodies, ["before", "after", "at last"]);
}

#[test]
fn a_certificate_that_came_meanwhile() {
    let mut server = Server::start();
    let pair = self_signed();
    pair.place(&server.data_dir());
    server.take_over();
    let config = client_config(&pair, versions::BOTH);
    let mut client = TlsClient::connect(server.address(), config.into());
    client.send("PING;p;there");
    assert_eq!(client.line(), "PONG;p;there");
    server.connect().check_alive();
}
