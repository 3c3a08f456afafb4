//! What keeps a takeover from beginning: the running server does not even notice, or says no, and its clients notice nothing.

use super::fake::Fake;
use crate::support::{Gc2, Server};

/// The server serves as before: the client is still there and was told nothing.
#[track_caller]
fn is_untouched(server: &mut Server, client: &mut Gc2) {
    assert!(server.is_running());
    let tag = crate::support::fresh_tag();
    client.ask(&format!("PING;{tag};there"), &format!("PONG;{tag};there"));
    server.connect().check_alive();
}

#[test]
fn without_a_running_server_there_is_nothing_to_take_over() {
    let mut server = Server::start();
    assert!(server.term().success());
    let (code, log) = server.successor().wait_for_end();
    assert_eq!(code, Some(1), "{log}");
    for part in ["no server runs on", "without --takeover"] {
        assert!(log.contains(part), "{log}");
    }
    // Nor is anything made.
    let nowhere = server.home().join("nowhere");
    let words = ["serve", "--takeover", "--config", "config"];
    let ran = crate::serve::reload::gencomm_with(
        server.home(),
        &words,
        &[("GENCOMM__SERVER__DATA_DIR", nowhere.to_str().expect("text"))],
    );
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(!nowhere.exists());
}

#[test]
fn a_killed_server_is_not_taken_over_either() {
    let mut server = Server::start();
    server.kill9();
    assert!(server.data_dir().join("control.sock").exists());
    let (code, log) = server.successor().wait_for_end();
    assert_eq!(code, Some(1));
    assert!(log.contains("no server runs on"), "{log}");
}

#[test]
fn a_wrong_configuration_or_a_taken_port_is_told_and_changes_nothing() {
    let mut server = Server::start();
    let mut ann = server.member("ann", "den");
    let other = Server::start();
    let right = server.address();

    server.set("limits.message_bytes", "wrong");
    let (code, log) = server.successor().wait_for_end();
    assert_eq!(code, Some(2), "{log}");
    is_untouched(&mut server, &mut ann);

    server.set("limits.message_bytes", "2KiB");
    server.set("listen.main", other.address());
    let (code, log) = server.successor().wait_for_end();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("is taken by"), "{log}");
    server.wait_for_log("takeover came to nothing");
    is_untouched(&mut server, &mut ann);

    server.set("tls.certificate", "missing.crt");
    server.set("tls.key", "missing.key");
    server.set("listen.main", right);
    let (code, log) = server.successor().wait_for_end();
    assert_eq!(code, Some(1), "{log}");
    is_untouched(&mut server, &mut ann);
}

#[test]
fn one_at_a_time() {
    let mut server = Server::start();
    let mut ann = server.member("ann", "den");
    let first = Fake::with_sockets(&server);
    let (code, log) = server.successor().wait_for_end();
    assert_eq!(code, Some(1), "{log}");
    let refusal = format!("process {} is taking over already", std::process::id());
    assert!(log.contains(&refusal), "{log}");
    is_untouched(&mut server, &mut ann);
    drop(first);
    server.wait_for_log("came to nothing");
    server.take_over();
}

#[test]
fn whoever_goes_before_it_is_ready_leaves_no_trace() {
    let mut server = Server::start();
    let mut ann = server.member("ann", "den");
    let steps: [fn(&Server) -> Fake; 6] = [
        Fake::connect,
        |server| {
            let mut fake = Fake::connect(server);
            fake.say("takeover");
            fake
        },
        |server| {
            let mut fake = Fake::connect(server);
            fake.say("takeover");
            fake.line();
            fake.say("socks");
            assert_eq!(fake.until_end(), "");
            fake
        },
        Fake::with_sockets,
        |server| {
            let mut fake = Fake::with_sockets(server);
            fake.say("failed it is Monday");
            fake
        },
        |server| {
            let mut fake = Fake::with_sockets(server);
            fake.say(&"x".repeat(5000));
            fake
        },
    ];
    for step in steps {
        drop(step(&server));
        is_untouched(&mut server, &mut ann);
    }
    server.wait_for_log("it is Monday");
    server.take_over();
    ann.expect_start("BYE;restart;");
}
