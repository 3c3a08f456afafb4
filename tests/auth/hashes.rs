//! How passwords are kept: today's parameters, a verifier where one is wanted, a queue that has an end.

use gencomm::edge::wire::sasl::scram::client::Binding;
use gencomm::store::accounts::secret::password::{self, Params};
use gencomm::store::accounts::secret::scram as verifiers;
use gencomm::store::accounts::{Accounts, Role, Secrets, SecretsChange};

use super::scram::log_in;
use super::{House, OTHER, PASSWORD, builder, plain, strict};
use crate::support::{Gc2, fresh_address};

const OLD: Params = Params {
    memory_kib: 2048,
    passes: 2,
    lanes: 1,
};

impl House {
    fn hash(&mut self, name: &str) -> String {
        self.kept(name).password.expect("a hash")
    }

    fn kept(&mut self, name: &str) -> Secrets {
        let found = self.accounts.secrets(name).expect("the accounts");
        found.expect("an account").1
    }
}

fn old(password: &str) -> Secrets {
    Secrets {
        password: Some(password::hash(password, OLD).expect("a hash")),
        scram: None,
    }
}

#[test]
fn an_older_hash_is_made_anew_at_the_next_log_in() {
    let mut house = House::open();
    house.add_with("alice", Role::Member, old(PASSWORD));
    let before = house.hash("alice");
    assert!(before.contains("m=2048,t=2,p=1"), "{before}");
    house
        .send(&plain("alice", OTHER))
        .expect_start("ERR;a;unauthenticated;");
    assert_eq!(house.hash("alice"), before);
    let (mut first, token) = house.enter_for_token(&plain("alice", PASSWORD));
    let after = house.hash("alice");
    assert!(
        after.starts_with("$argon2id$v=19$m=1024,t=1,p=1$"),
        "{after}"
    );
    assert!(house.kept("alice").scram.is_none());
    // It is no other password: nobody has to go, and no token ends.
    house.enter(&plain("alice", PASSWORD)).check_alive();
    house.enter(&super::token_line(&token)).check_alive();
    first.check_alive();
    assert_eq!(house.hash("alice"), after, "made anew once");
}

#[test]
fn a_verifier_comes_with_the_next_password_once_it_is_wanted() {
    let mut house = House::of(builder().set("auth.scram", "true"));
    house.add_with(
        "alice",
        Role::Member,
        Secrets {
            scram: None,
            ..super::secrets(PASSWORD)
        },
    );
    // One of fewer rounds than today's would be told from one that is made up.
    let few = verifiers::derive(OTHER, 5000).expect("a verifier");
    house.add_with(
        "bob",
        Role::Member,
        Secrets {
            scram: Some(few),
            ..super::secrets(OTHER)
        },
    );
    let mut client = house.server.connect();
    let line = log_in(
        &mut client,
        "SCRAM-SHA-256",
        "alice",
        PASSWORD,
        Binding::None,
    );
    assert_eq!(line, "ERR;a;unauthenticated;wrong name or password");
    for (name, password) in [("alice", PASSWORD), ("bob", OTHER)] {
        house.enter(&plain(name, password)).check_alive();
        let verifier = house.kept(name).scram.expect("a verifier");
        assert_eq!(
            (verifier.iterations, verifier.salt.len()),
            (super::ROUNDS, 16)
        );
        let mut client = house.server.connect();
        let line = log_in(&mut client, "SCRAM-SHA-256", name, password, Binding::None);
        assert!(line.starts_with(&format!("OK;a;{name};")), "{line}");
    }
}

/// A password that is set while an upgrade of the old one is on its way stays.
#[test]
fn an_upgrade_that_comes_too_late_is_none() {
    let mut house = House::open();
    house.add_with("alice", Role::Member, old(PASSWORD));
    let expected = house.hash("alice");
    house.set_password("alice", OTHER);
    let change = SecretsChange::Upgrade {
        expected: &expected,
    };
    let late = house
        .accounts
        .set_secrets("alice", &super::secrets(PASSWORD), change);
    assert!(late.expect("the accounts").is_none());
    house.enter(&plain("alice", OTHER)).check_alive();
    house
        .send(&plain("alice", PASSWORD))
        .expect_start("ERR;a;unauthenticated;");
}

/// A hash that nobody should compute has no password.
#[test]
fn a_hash_that_asks_for_too_much_is_not_computed() {
    let mut house = House::open();
    let greedy = "$argon2id$v=19$m=4194304,t=1000,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (at, hash) in [
        greedy,
        "",
        "plain",
        "$argon2i$v=19$m=1024,t=1,p=1$AAAA$AAAA",
    ]
    .iter()
    .enumerate()
    {
        let secrets = Secrets {
            password: Some((*hash).to_owned()),
            scram: None,
        };
        let name = format!("user{at}x");
        house.add_with(&name, Role::Member, secrets);
        house
            .send(&plain(&name, PASSWORD))
            .expect_start("ERR;a;unauthenticated;wrong");
    }
}

/// A queue of one: of ten who come at once some are told to come back, and everybody is told something.
#[test]
fn who_finds_the_queue_full_is_told_to_come_back() {
    let mut house = House::of(
        strict()
            .set("auth.argon2_memory", "64MiB")
            .set("auth.argon2_passes", 3)
            .set("auth.hash_threads", 1)
            .set("auth.hash_queue", 1)
            .set("auth.deadline", "60s")
            .set("auth.bytes", "64KiB")
            .set("limits.log_ins_per_minute", 0),
    );
    house.add("alice");
    let mut clients: Vec<Gc2> = (0..10)
        .map(|at| house.send_from(&plain(&format!("nobody{at}"), PASSWORD), fresh_address()))
        .collect();
    let (mut wrong, mut full) = (0, 0);
    for client in &mut clients {
        let line = client.line();
        if line.starts_with("ERR;a;unauthenticated;wrong") {
            wrong += 1;
        } else {
            assert_eq!(
                line,
                "ERR;a;unavailable;too many log-ins are waiting (auth.hash_queue); try again in 2 s"
            );
            full += 1;
        }
    }
    assert!(
        wrong >= 1 && full >= 1,
        "{wrong} looked at, {full} sent back"
    );
    // They are still there and may, and each is told one thing at a time.
    for client in &mut clients {
        super::until_ok(client, &plain("alice", PASSWORD));
        client.ask("PING;p;x", "PONG;p;x");
    }
}
