//! REGISTER: closed, by invitation, open.

use gencomm::store::accounts::Accounts;

use super::{House, OTHER, PASSWORD, base64, builder, entry, plain};
use crate::support::fresh_address;

fn register(name: &str, password: &str, invite: &str) -> String {
    format!("REGISTER;a;{name};{};{invite}", base64(password))
}

#[test]
fn a_server_that_is_closed_takes_nobody() {
    let mut house = House::open();
    house.add("alice");
    let code = house
        .accounts
        .add_invite(1, None, "tests", &entry("x"))
        .expect("a code");
    let mut client = house.server.connect();
    for line in [
        register("bob", PASSWORD, ""),
        register("bob", PASSWORD, &code),
        register("alice", PASSWORD, ""),
        register("bob", "short", ""),
    ] {
        client.send(&line);
        client.expect_start("ERR;a;forbidden;this server does not take registrations");
    }
}

#[test]
fn an_invitation_is_good_for_one_account_and_tells_nobody_of_others() {
    let mut house = House::of(builder().set("auth.registration", "invite"));
    house.add("alice");
    let code = house
        .accounts
        .add_invite(1, None, "tests", &entry("x"))
        .expect("a code");
    let expired = gencomm::edge::wire::timestamp::Timestamp::from_micros(1);
    let old = house
        .accounts
        .add_invite(1, Some(expired), "tests", &entry("x"))
        .expect("a code");
    let mut client = house.server.connect();
    client.send(&register("bob", PASSWORD, ""));
    client.expect_start("ERR;a;forbidden;an account needs an invitation");
    // Without a good one the names that are taken are not told from others.
    let mut told = Vec::new();
    for (name, invite) in [
        ("alice", "gci_x"),
        ("bob", "gci_x"),
        ("al1ce", "\u{430}"),
        ("bob", &*old),
    ] {
        client.send(&register(name, PASSWORD, invite));
        told.push(client.expect_start("ERR;a;forbidden;"));
    }
    assert!(told.iter().all(|line| *line == told[0]), "{told:?}");
    // A name that cannot be had uses nothing up.
    for name in ["alice", "ALICE", "al1ce"] {
        client.send(&register(name, PASSWORD, &code));
        client.expect_start("ERR;a;conflict;");
    }
    client.send(&register("Bob", "password1", &code));
    client.expect_start("ERR;a;bad-request;that is one of the passwords");
    client.ask(&register("Bob", PASSWORD, &code), "OK;a;Bob");
    // The same connection goes on as whoever it likes; the code is used up.
    client.send(&register("eve", PASSWORD, &code));
    client.expect_start("ERR;a;forbidden;");
    client.send(&plain("bob", PASSWORD));
    client.expect_start("OK;a;Bob;gcr_");
    client.send(&register("eve", PASSWORD, &code));
    client.expect_start("ERR;a;conflict;");
}

/// Two who redeem the last use of one invitation at the same moment.
#[test]
fn an_invitation_is_used_once_however_many_try() {
    let mut house = House::of(builder().set("auth.registration", "invite"));
    let code = house
        .accounts
        .add_invite(2, None, "tests", &entry("x"))
        .expect("a code");
    let mut clients: Vec<_> = (0..8)
        .map(|at| house.send(&register(&format!("new{at}x{at}"), PASSWORD, &code)))
        .collect();
    let answers = clients.iter_mut().map(crate::support::Gc2::line);
    let let_in = answers.filter(|line| {
        // Each is told one or the other.
        assert!(
            line.starts_with("OK;a;new") || line.starts_with("ERR;a;forbidden;"),
            "{line}"
        );
        line.starts_with("OK;")
    });
    assert_eq!(let_in.count(), 2);
}

#[test]
fn an_open_server_takes_each_name_once() {
    let mut house = House::of(
        builder()
            .set("auth.registration", "open")
            .set("auth.bytes", "16KiB"),
    );
    house.add("alice");
    let mut client = house.server.connect();
    for name in ["alice", "ALICE", "Al1ce"] {
        client.send(&register(name, PASSWORD, ""));
        client.expect_start("ERR;a;conflict;");
    }
    for name in [
        "",
        "al ice",
        ".bob",
        "b\0b",
        "\u{430}lice",
        "b\u{200d}ob",
        &"x".repeat(33),
    ] {
        client.send(&register(name, PASSWORD, ""));
        client.expect_start("ERR;a;bad-request;");
    }
    for (password, reason) in [
        ("7 bytes", "at least 8"),
        (&*"x y z".repeat(52), "at most 256"),
        ("", "at least 8"),
        ("password1", "tried first"),
        ("bobbobbob", ""),
        ("tuesday\0rain", "control characters"),
    ] {
        client.send(&register("bob", password, ""));
        let line = client.expect_start("ERR;a;bad-request;");
        assert!(line.contains(reason), "{line}");
    }
    let many: Vec<_> = (0..8)
        .map(|_| house.send(&register("bob", PASSWORD, "")))
        .collect();
    let mut told: Vec<String> = many.into_iter().map(|mut client| client.line()).collect();
    told.sort();
    assert_eq!(told.pop().as_deref(), Some("OK;a;bob"));
    assert!(
        told.iter().all(|line| line.starts_with("ERR;a;conflict;")),
        "{told:?}"
    );
    house.enter(&plain("bob", PASSWORD)).check_alive();
    house
        .send(&plain("bob", OTHER))
        .expect_start("ERR;a;unauthenticated;");
}

/// Registrations are counted with the log-ins of their address.
#[test]
fn so_many_registrations_and_no_more() {
    let house = House::of(
        super::strict()
            .set("auth.registration", "open")
            .set("limits.log_ins_per_minute", 3),
    );
    let (here, there) = (fresh_address(), fresh_address());
    let mut refused = 0;
    for at in 0..8 {
        let line = register(&format!("new{at}x{at}"), PASSWORD, "");
        let answer = house.send_from(&line, here).line();
        if answer.starts_with("ERR;a;rate-limited;") {
            assert!(answer.contains("try again in "), "{answer}");
            refused += 1;
        }
    }
    assert!(refused >= 4, "{refused} of 8 refused");
    let mut other = house.send_from(&register("elsewhere", PASSWORD, ""), there);
    other.expect("OK;a;elsewhere");
}
