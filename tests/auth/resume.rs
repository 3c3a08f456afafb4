//! Resume tokens: what they outlive, and what ends them.

use std::process::Command;

use gencomm::store::accounts::{Accounts, Role, State};

use super::{House, OTHER, PASSWORD, base64, builder, entry, plain, token_line};
use crate::support::PATIENCE;

const NOT_VALID: &str = "ERR;a;unauthenticated;this token is not valid";

#[test]
fn a_token_outlives_the_server_and_yields_another() {
    let mut house = House::open();
    house.add("Alice");
    let (mut alice, first) = house.enter_for_token(&plain("alice", PASSWORD));
    alice.join("den", "");
    let id = alice.say("den", "t", "before");
    assert_eq!(house.server.term().code(), Some(0));
    house.server.restart();
    let (_, second) = house.enter_for_token(&token_line(&first));
    house.server.kill9();
    house.server.restart();
    for token in [&first, &second] {
        let (mut back, _) = house.enter_for_token(&token_line(token));
        // What it sent is its own still.
        back.join("den", "after=0");
        back.expect(&format!(
            "MSG;den;{id};{};Alice;before",
            time_of(&mut house.server.guest("guest"), id)
        ));
    }
}

fn time_of(client: &mut crate::support::Gc2, id: u64) -> String {
    client.send(&format!("GET;g;{id}"));
    let line = client.until("HIST;g;").1;
    line.split(';').nth(4).expect("a time").to_owned()
}

#[test]
fn a_token_of_another_server_is_none() {
    let (mut here, mut there) = (House::open(), House::open());
    here.add("alice");
    there.add("alice");
    let (_, token) = here.enter_for_token(&plain("alice", PASSWORD));
    there.send(&token_line(&token)).expect_start(NOT_VALID);
    // Nor one that was changed anywhere.
    let mut client = here.server.connect();
    for at in (4..token.len()).step_by(7) {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        client.send(&format!("AUTH;a;TOKEN;{}", base64(changed)));
        client.expect_start(NOT_VALID);
    }
    client.send(&token_line(&token));
    client.expect_start("OK;a;alice;");
}

/// Each of these ends the tokens from before and the connections that are there; a new log-in is possible again, or is not.
#[test]
fn what_changes_an_account_ends_its_tokens() {
    type Change = fn(&mut House);
    let changes: [(&str, Change, Option<&str>); 6] = [
        (
            "passwd",
            |house| house.set_password("alice", OTHER),
            Some(OTHER),
        ),
        ("gencomm user passwd", by_command, Some(OTHER)),
        (
            "suspend",
            |house| {
                let suspended = house
                    .accounts
                    .set_state("alice", State::Suspended, &entry("x"));
                suspended.expect("a state");
            },
            None,
        ),
        (
            "suspend and restore",
            |house| {
                for state in [State::Suspended, State::Active] {
                    let set = house.accounts.set_state("alice", state, &entry("x"));
                    set.expect("a state");
                }
            },
            Some(PASSWORD),
        ),
        (
            "role",
            |house| {
                let set = house.accounts.set_role("alice", Role::Bot, &entry("x"));
                set.expect("a role");
            },
            Some(PASSWORD),
        ),
        (
            "remove, and take the name again",
            |house| {
                house.accounts.remove("alice", &entry("x")).expect("gone");
                house.add("alice");
            },
            Some(PASSWORD),
        ),
    ];
    for (what, change, password) in changes {
        let mut house = House::open();
        house.add("alice");
        let (mut there, token) = house.enter_for_token(&plain("alice", PASSWORD));
        house.enter(&token_line(&token)).check_alive();
        change(&mut house);
        let said = there.until_closed();
        let bye = if what == "suspend" {
            "BYE;suspended;0"
        } else {
            "BYE;account;0"
        };
        assert_eq!(said, [bye], "{what}");
        house.send(&token_line(&token)).expect_start(NOT_VALID);
        match password {
            Some(password) => house.enter(&plain("alice", password)).check_alive(),
            None => {
                let mut client = house.send(&plain("alice", PASSWORD));
                client.expect_start("ERR;a;forbidden;this account is suspended");
            }
        }
        // Not after a restart either.
        house.server.kill9();
        house.server.restart();
        house.send(&token_line(&token)).expect_start(NOT_VALID);
    }
}

fn by_command(house: &mut House) {
    use std::io::Write;
    use std::process::Stdio;
    let mut command = Command::new(env!("CARGO_BIN_EXE_gencomm"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GENCOMM__") {
            command.env_remove(name);
        }
    }
    let config = house.server.home().join("config");
    command
        .args(["user", "passwd", "alice", "--password-stdin", "--config"])
        .arg(config)
        .env("GENCOMM__SERVER__DATA_DIR", house.server.data_dir())
        .env("GENCOMM__AUTH__ARGON2_MEMORY", "1MiB")
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut child = command.spawn().expect("the program runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    writeln!(stdin, "{OTHER}").expect("taken");
    drop(stdin);
    assert!(child.wait().expect("an end").success());
}

#[test]
fn a_token_that_is_too_old_is_none() {
    let mut house = House::of(builder().set("auth.resume", "1s"));
    house.add("alice");
    let (_, token) = house.enter_for_token(&plain("alice", PASSWORD));
    let mut client = house.server.connect();
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        assert!(std::time::Instant::now() < end, "never too old");
        client.send(&token_line(&token));
        let answer = client.line();
        if answer.starts_with(NOT_VALID) {
            break;
        }
        assert!(answer.starts_with("OK;a;alice;"), "{answer}");
        client = house.server.connect();
    }
    // The connection that it came with stays.
    house.enter(&plain("alice", PASSWORD)).check_alive();
}

#[test]
fn without_resume_there_is_no_token_and_none_is_taken() {
    let mut house = House::open();
    house.add("alice");
    let (_, token) = house.enter_for_token(&plain("alice", PASSWORD));
    let data = house.server.data_dir();
    house.server.kill9();
    let house = House::with(builder().set("auth.resume", "0s").data_dir(&data).start());
    house.send(&token_line(&token)).expect_start(NOT_VALID);
    house.send(&plain("alice", PASSWORD)).expect("OK;a;alice;");
}
