//! PASSWD: one's own password.

use gencomm::store::accounts::{Accounts, Role};

use super::{House, OTHER, PASSWORD, base64, entry, plain, token_line};
use crate::support::fresh_address;

fn passwd(old: &str, new: &str) -> String {
    format!("PASSWD;p;{};{}", base64(old), base64(new))
}

#[test]
fn another_password_ends_every_other_connection_and_every_token() {
    let mut house = House::of(super::builder().set("server.shards", 3));
    house.add("Alice");
    let (mut alice, token) = house.enter_for_token(&plain("alice", PASSWORD));
    let mut others: Vec<_> = (0..6)
        .map(|_| house.enter(&plain("alice", PASSWORD)))
        .collect();
    alice.ask(&passwd(PASSWORD, OTHER), "OK;p");
    for other in &mut others {
        assert_eq!(other.until_closed(), ["BYE;account;0"]);
    }
    for line in [plain("alice", PASSWORD), token_line(&token)] {
        house.send(&line).expect_start("ERR;a;unauthenticated;");
    }
    let (mut again, token) = house.enter_for_token(&plain("alice", OTHER));
    house.enter(&token_line(&token)).check_alive();
    // Who changed it stays, and so may change it once more.
    alice.check_alive();
    alice.ask(&passwd(OTHER, PASSWORD), "OK;p");
    assert_eq!(again.until_closed(), ["BYE;account;0"]);
    alice.check_alive();
}

#[test]
fn what_is_not_right_changes_nothing() {
    let mut house = House::open();
    house.add("alice");
    let bot = house.add_bot("builder");
    let mut alice = house.enter(&plain("alice", PASSWORD));
    for (line, code) in [
        (passwd(OTHER, "another good one"), "unauthenticated"),
        (passwd("", "another good one"), "unauthenticated"),
        (passwd(PASSWORD, "short"), "bad-request"),
        (passwd(PASSWORD, &"long".repeat(65)), "bad-request"),
        (passwd(PASSWORD, "password1"), "bad-request"),
        (passwd(PASSWORD, "alicealice"), "bad-request"),
        (passwd(PASSWORD, "tuesday\0rain"), "bad-request"),
        ("PASSWD;p".to_owned(), "bad-request"),
        ("PASSWD;p;*;*".to_owned(), "bad-request"),
        (format!("PASSWD;p;{};", base64(PASSWORD)), "bad-request"),
        (format!("PASSWD;p;{};/w==", base64(PASSWORD)), "bad-request"),
    ] {
        alice.send(&line);
        alice.expect_start(&format!("ERR;p;{code};"));
    }
    house.enter(&plain("alice", PASSWORD)).check_alive();
    alice.check_alive();
    let mut guest = house.server.guest("gus");
    guest.send(&passwd(PASSWORD, OTHER));
    guest.expect_start("ERR;p;forbidden;guests have no password");
    let mut bot = house.enter(&bot);
    bot.send(&passwd(PASSWORD, OTHER));
    bot.expect_start("ERR;p;forbidden;your account has no password");
}

/// Somebody whose role was taken does not keep it by setting another password before that is heard of.
#[test]
fn who_was_let_in_as_something_else_cannot_stay_by_it() {
    for round in 0..10 {
        let mut house = House::open();
        house.add_with("alice", Role::Admin, super::secrets(PASSWORD));
        let mut alice = house.enter(&plain("alice", PASSWORD));
        let set = house.accounts.set_role("alice", Role::Member, &entry("x"));
        set.expect("a role");
        alice.send(&passwd(PASSWORD, OTHER));
        let said = alice.until_closed();
        assert!(
            said.contains(&"BYE;account;0".to_owned()),
            "{round}: {said:?}"
        );
    }
}

/// Passwords are not guessed on a connection that is there either.
#[test]
fn guessing_the_old_password_is_slowed_down() {
    let mut house = House::of(super::strict().set("limits.commands_per_second", 0));
    house.add("alice");
    let mut alice = house.send_from(&plain("alice", PASSWORD), fresh_address());
    alice.expect_start("OK;a;");
    let mut wrong = 0;
    for _ in 0..30 {
        alice.send(&passwd(OTHER, "another good one"));
        let line = alice.line();
        if line.starts_with("ERR;p;unauthenticated;") {
            wrong += 1;
        } else {
            assert!(
                line.starts_with("ERR;p;rate-limited;") && line.contains("try again in "),
                "{line}"
            );
        }
    }
    assert!((6..20).contains(&wrong), "{wrong} of 30 looked at");
}
