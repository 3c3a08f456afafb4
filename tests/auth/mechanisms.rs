//! PLAIN and TOKEN: what is let in, and all that is not.

use gencomm::store::accounts::{Role, Secrets};

use super::{House, OTHER, PASSWORD, base64, builder, plain, secrets, token_line};

#[test]
fn a_password_and_a_token_log_in() {
    let mut house = House::open();
    house.add("Alice");
    let bot = house.add_bot("builder");
    let mut alice = house.send(&plain("aLICE", PASSWORD));
    let answer = alice.expect_start("OK;a;Alice;gcr_");
    assert!(!answer.contains(PASSWORD));
    alice.send(&plain("alice", PASSWORD));
    alice.expect_start("ERR;a;conflict;");
    // The identity to act as may be repeated, if it is the same.
    let line = format!(
        "AUTH;a;PLAIN;{}",
        base64(format!("alice\0alice\0{PASSWORD}"))
    );
    house.enter(&line).check_alive();
    // Whoever has a token for good needs none for coming back.
    house.send(&bot).expect("OK;a;builder;");
}

#[test]
fn what_is_wrong_is_told_and_the_connection_stays() {
    let mut house = House::of(builder().set("auth.bytes", "16KiB"));
    house.add("alice");
    house.add_with("builder", Role::Bot, Secrets::default());
    let mut client = house.server.connect();
    let wrong = "ERR;a;unauthenticated;wrong name or password";
    for line in [
        plain("alice", OTHER),
        plain("nobody", PASSWORD),
        plain("builder", PASSWORD),
        // Shorter and longer than any password can be.
        plain("alice", "7 bytes"),
        plain("alice", &"x".repeat(257)),
        plain("alice", "tuesday rain\ton tin"),
        plain("alice", &format!("{PASSWORD} ")),
        plain("alice", &PASSWORD.to_uppercase()),
    ] {
        client.ask(&line, wrong);
    }
    for data in [
        // Not base64 as it has to be.
        "*",
        "AGE",
        "AGE=AA",
        "AG-_",
        "YR==",
        "====",
        "AGFsaWNlAHR1ZXNkYXk= ",
    ] {
        for mechanism in ["PLAIN", "TOKEN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"] {
            client.send(&format!("AUTH;a;{mechanism};{data}"));
            client.expect_start("ERR;a;bad-request;the base64 ");
        }
        client.send(&format!("REGISTER;r;new;{data}"));
        client.expect_start("ERR;r;bad-request;the base64 ");
    }
    for message in [
        &b""[..],
        b"alice",
        b"\0alice",
        b"\0\0",
        b"\0\0password",
        b"\0alice\0",
        b"\0alice\0tues\0day",
        b"root\0alice\0tuesday rain on tin",
        b"\0al ice\0tuesday rain on tin",
        b"\0alice;\0tuesday rain on tin",
        b"\0.alice\0tuesday rain on tin",
        b"\0\xff\0tuesday rain on tin",
        // Look-alikes: Cyrillic, full width, a zero-width joiner.
        "\0\u{430}lice\0tuesday rain on tin".as_bytes(),
        "\0\u{ff41}lice\0tuesday rain on tin".as_bytes(),
        "\0al\u{200d}ice\0tuesday rain on tin".as_bytes(),
    ] {
        client.send(&format!("AUTH;a;PLAIN;{}", base64(message)));
        client.expect_start("ERR;a;bad-request;");
    }
    for token in [
        "", "gct_", "gcr_", "gci_x", "password", "gcr_AAAA", "gct_\0", "\u{430}",
    ] {
        client.send(&token_line(token));
        client.expect_start("ERR;a;unauthenticated;this token is not valid");
    }
    client.send(&format!("AUTH;a;TOKEN;{}", base64(b"\xff\xfe")));
    client.expect_start("ERR;a;bad-request;what is encoded is not UTF-8");
    client.send("AUTH;a;EXTERNAL;");
    client.expect_start("ERR;a;unsupported;");
    client.send("AUTH;a;CRAM-MD5;");
    client.expect_start("ERR;a;unsupported;");
    client.send(&plain("alice", PASSWORD));
    client.expect_start("OK;a;alice;");
}

/// A password of the longest length works to its last byte, and nothing is cut.
#[test]
fn no_password_is_cut() {
    let mut house = House::of(builder().set("auth.bytes", "16KiB"));
    let long: String = ('a'..='z').cycle().step_by(3).take(256).collect();
    house.add_with("long", Role::Member, secrets(&long));
    let mut client = house.server.connect();
    for other in [
        &long[..255],
        &format!("{long}x"),
        &format!("{}_", &long[..255]),
    ] {
        client.send(&plain("long", other));
        client.expect_start("ERR;a;unauthenticated;");
    }
    client.send(&plain("long", &long));
    client.expect_start("OK;a;long;");
}

/// One password, its accents composed in two ways.
#[test]
fn a_password_is_what_it_says_however_it_is_composed() {
    let mut house = House::open();
    house.add_with("zoe", Role::Member, secrets("caf\u{e9} noir et blanc"));
    house.enter(&plain("zoe", "cafe\u{301} noir et blanc"));
}

#[test]
fn ten_megabytes_of_password_are_not_kept() {
    let mut house = House::open();
    house.add("alice");
    let before = house.server.resident_bytes();
    let mut client = house.server.connect();
    client.send_bytes(b"AUTH;a;PLAIN;");
    for _ in 0..10 {
        client.send_bytes(&vec![b'A'; 1 << 20]);
    }
    client.send_bytes(b"\n");
    client.expect_start("ERR;a;too-large;");
    let grown = house.server.resident_bytes().saturating_sub(before);
    assert!(grown < 8 << 20, "grew by {grown} bytes");
    client.send(&plain("alice", PASSWORD));
    client.expect_start("OK;a;alice;");
}

#[test]
fn scram_is_offered_only_where_it_is_switched_on() {
    let mut house = House::open();
    house.add("alice");
    let line = format!("AUTH;a;SCRAM-SHA-256;{}", base64("n,,n=alice,r=nonce"));
    house
        .send(&line)
        .expect_start("ERR;a;unsupported;SCRAM is not offered here (auth.scram)");
}
