//! Everything on the ports that are fixed in the original, as it is used.

use std::net::{Ipv4Addr, TcpListener};

use super::builder;
use crate::support::{Habits, OriginalClient};

/// The server's own three.
const PORTS: [u16; 3] = [10740, 9281, 9980];

#[test]
fn three_log_ins_and_a_talk_between_old_and_new() {
    for port in PORTS {
        if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            eprintln!(
                "SKIPPED: port {port} is in use on this machine ({error}); stop what holds it"
            );
            return;
        }
    }
    let server = builder()
        .set("listen.main", "127.0.0.1:10740")
        .set("legacy.auth_port", PORTS[1])
        .set("legacy.message_port", PORTS[2])
        .start();
    let ready = "READY main=127.0.0.1:10740 auth=127.0.0.1:9281 message=127.0.0.1:9980";
    assert_eq!(server.ready_line(), ready);
    let mut new = server.member("gil", "lobby");
    let second =
        OriginalClient::log_in_from(&server, Ipv4Addr::new(127, 0, 0, 2), Habits::default());
    let mut said = Vec::new();
    for turn in ["one", "two;\nand a half", "three"] {
        // From 127.0.0.1 itself, each log-in taking the place of the one before.
        let first = OriginalClient::log_in_from(&server, Ipv4Addr::LOCALHOST, Habits::default());
        first.say("ann", turn);
        first.expect(&[("ann", turn)]);
        second.say("bob", turn);
        first.expect(&[("bob", turn)]);
        new.send(&format!("SEND;;lobby;{}", turn.replace('\n', r"\n")));
        first.expect(&[("gil", turn)]);
        said.extend([("ann", turn), ("bob", turn), ("gil", turn)]);
    }
    second.expect(&said);
    for (user, content) in said {
        let line = new.until("MSG;lobby;").1;
        let stored = content.replace('\n', r"\n");
        assert!(line.ends_with(&format!(";{user};{stored}")), "{line:?}");
    }
}
