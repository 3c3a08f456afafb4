//! Log-ins that are left in the middle, and what is said while they are under way.

use gencomm::edge::wire::sasl::scram::client::Binding;

use super::scram::{begin, log_in, offered, step};
use super::{House, OTHER, PASSWORD, plain, token_line};

const SCRAM: &str = "SCRAM-SHA-256";

#[test]
fn a_scram_log_in_may_be_left_for_any_other() {
    let mut house = House::of(offered());
    house.add("alice");
    let bot = house.add_bot("builder");
    for (line, answer) in [
        (plain("alice", PASSWORD), "OK;a;alice;"),
        (bot, "OK;a;builder;"),
        ("AUTH;a;GUEST;gus".to_owned(), "OK;a;gus;"),
    ] {
        let mut client = house.server.connect();
        let begun = begin(&mut client, SCRAM, "alice", PASSWORD, Binding::None);
        begun.expect("an exchange");
        client.send(&line);
        client.expect_start(answer);
        client.check_alive();
    }
    // The other one fails: the exchange is over all the same, and can be begun anew.
    let mut client = house.server.connect();
    for line in [
        plain("alice", OTHER),
        token_line("gct_x"),
        "AUTH;a;SCRAM-SHA-256;*".into(),
    ] {
        let begun = begin(&mut client, SCRAM, "alice", PASSWORD, Binding::None);
        let (_, proof) = begun.expect("an exchange");
        client.send(&line);
        client.expect_start("ERR;a;");
        client.send(&step(SCRAM, &proof));
        client.expect_start("ERR;a;bad-request;");
    }
    let line = log_in(&mut client, SCRAM, "alice", PASSWORD, Binding::None);
    assert!(line.starts_with("OK;a;alice;"), "{line}");
}

#[test]
fn other_commands_may_come_between_the_two_messages() {
    let mut house = House::of(offered());
    house.add("alice");
    let mut client = house.server.connect();
    let begun = begin(&mut client, SCRAM, "alice", PASSWORD, Binding::None);
    let (proved, proof) = begun.expect("an exchange");
    client.ask("PING;p;x", "PONG;p;x");
    for verb in [
        "JOIN;x;den;",
        "SEND;x;den;hi",
        "PASSWD;x;YQ==;YQ==",
        "WHO;x;den",
    ] {
        client.send(verb);
        client.expect_start("ERR;x;unauthenticated;");
    }
    client.send("REGISTER;x;new;YQ==");
    client.expect_start("ERR;x;forbidden;");
    client.send("HELLO;h;2;tests;presence=on");
    client.expect_start("WELCOME;h;2;");
    client.send("NONSENSE;x");
    client.expect_start("ERR;x;bad-request;");
    client.send(&step(SCRAM, &proof));
    let last = client.expect_start("AUTH;a;SCRAM-SHA-256;");
    proved
        .verify(&super::decoded(&last))
        .expect("the right server");
    client.expect_start("OK;a;alice;gcr_");
}

/// What is written behind a log-in waits for it, and is carried out as whoever comes of it.
#[test]
fn commands_behind_a_slow_password_wait_for_it() {
    let mut house = House::open();
    house.add("alice");
    let mut client = house.server.connect();
    let (wrong, right) = (plain("alice", OTHER), plain("alice", PASSWORD));
    client.send_bytes(
        format!("{wrong}\nJOIN;j1;den;\n{right}\nJOIN;j2;den;\nSEND;s;den;hi\n{right}\n")
            .as_bytes(),
    );
    client.expect_start("ERR;a;unauthenticated;wrong");
    client.expect_start("ERR;j1;unauthenticated;");
    client.expect_start("OK;a;alice;");
    client.expect("OK;j2;den;0");
    client.until("OK;s;1;");
    client.until("ERR;a;conflict;");
}

/// The end of a connection in the middle of everything leaves nothing behind that is counted.
#[test]
fn whoever_leaves_while_it_is_let_in_is_not_there() {
    let mut house = House::of(
        super::strict()
            .set("limits.connections_per_account", 1)
            .set("limits.log_ins_per_minute", 0),
    );
    house.add("alice");
    let line = plain("alice", PASSWORD);
    for _ in 0..40 {
        drop(house.send(&line));
    }
    super::until_ok(&mut house.server.connect(), &line);
}
