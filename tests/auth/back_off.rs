//! Waits after wrong passwords, by account and by address; and that nobody learns who has an account.

use std::time::{Duration, Instant};

use gencomm::edge::wire::sasl::scram::client::Binding;

use super::scram::{begin, step};
use super::{House, OTHER, PASSWORD, builder, plain, strict};
use crate::support::{Gc2, fresh_address};

/// Tries until it is told to wait; how many were looked at before.
fn until_told_to_wait(client: &mut Gc2, line: impl Fn(usize) -> String) -> usize {
    for at in 0..100 {
        client.send(&line(at));
        let answer = client.line();
        if answer.starts_with("ERR;a;rate-limited;") {
            assert!(
                answer.contains("; try again in ") && answer.ends_with(" s"),
                "{answer}"
            );
            return at;
        }
        assert_eq!(answer, "ERR;a;unauthenticated;wrong name or password");
    }
    panic!("never told to wait");
}

#[test]
fn an_account_waits_from_wherever_it_is_tried_and_no_token_does() {
    let mut house = House::of(strict().set("auth.bytes", "64KiB"));
    house.add("alice");
    house.add("bob");
    let token = house.token("alice", "first");
    // Whether there is such an account makes no difference.
    for name in ["alice", "nobody"] {
        let mut client = Gc2::connect_from(house.server.address(), fresh_address());
        let looked_at = until_told_to_wait(&mut client, |_| plain(name, OTHER));
        // A machine that stands still for a second lets one more pass.
        assert!((6..=8).contains(&looked_at), "{name}: {looked_at}");
    }
    // Nor does it matter whether it is right now, and from where it comes.
    let mut guesses = (0..20).map(|_| {
        let mut client = house.send_from(&plain("alice", OTHER), fresh_address());
        client.line()
    });
    assert!(
        guesses
            .any(|line| line
                .starts_with("ERR;a;rate-limited;too many wrong passwords for this name"))
    );
    let mut other = house.send_from(&plain("bob", PASSWORD), fresh_address());
    other.expect_start("OK;a;bob;");
    let mut by_token = house.send_from(&token, fresh_address());
    by_token.expect_start("OK;a;alice;");
    // Who waits for so long gets in, and then all is forgiven.
    let mut owner = Gc2::connect_from(house.server.address(), fresh_address());
    super::until_ok(&mut owner, &plain("alice", PASSWORD));
    let mut client = Gc2::connect_from(house.server.address(), fresh_address());
    let looked_at = until_told_to_wait(&mut client, |_| plain("alice", OTHER));
    assert!((6..=8).contains(&looked_at), "{looked_at}");
}

/// Names differ, so no account waits; the address does.
#[test]
fn an_address_waits_whatever_names_it_tries() {
    let mut house = House::of(strict().set("auth.bytes", "64KiB"));
    house.add("alice");
    let here = fresh_address();
    let mut client = Gc2::connect_from(house.server.address(), here);
    let looked_at = until_told_to_wait(&mut client, |at| plain(&format!("nobody{at}"), OTHER));
    assert!((11..=13).contains(&looked_at), "{looked_at}");
    for line in [plain("alice", PASSWORD), "AUTH;a;GUEST;gus".to_owned()] {
        let mut told = house.send_from(&line, here);
        let answer = told.line();
        let is_over = answer.starts_with("OK;a;");
        assert!(
            is_over || answer.starts_with("ERR;a;rate-limited;"),
            "{answer}"
        );
    }
    let mut there = house.send_from(&plain("alice", PASSWORD), fresh_address());
    there.expect_start("OK;a;alice;");
}

/// Guesses that come all at once are not looked at any more often than one after the other.
#[test]
fn guesses_at_once_wait_as_those_in_a_row() {
    let mut house = House::of(
        strict()
            .set("auth.hash_threads", 1)
            .set("auth.scram", "true"),
    );
    house.add("alice");
    let mut clients: Vec<Gc2> = (0..40)
        .map(|_| Gc2::connect_from(house.server.address(), fresh_address()))
        .collect();
    for client in &mut clients {
        client.send(&plain("alice", OTHER));
    }
    let looked_at = count_looked_at(&mut clients);
    assert!(
        (6..20).contains(&looked_at),
        "{looked_at} of 40 passwords looked at"
    );

    // As many exchanges begun before the first of them is finished.
    house.add("bob");
    let mut clients: Vec<Gc2> = (0..40)
        .map(|_| Gc2::connect_from(house.server.address(), fresh_address()))
        .collect();
    let proofs: Vec<String> = clients
        .iter_mut()
        .map(|client| {
            let begun = begin(client, "SCRAM-SHA-256", "bob", OTHER, Binding::None);
            begun.expect("an exchange").1
        })
        .collect();
    for (client, proof) in clients.iter_mut().zip(&proofs) {
        client.send(&step("SCRAM-SHA-256", proof));
    }
    let looked_at = count_looked_at(&mut clients);
    assert!(
        (6..20).contains(&looked_at),
        "{looked_at} of 40 proofs looked at"
    );
}

fn count_looked_at(clients: &mut [Gc2]) -> usize {
    let answers = clients.iter_mut().map(Gc2::line);
    let wrong = answers.filter(|line| {
        let is_wrong = line.starts_with("ERR;a;unauthenticated;wrong name or password");
        assert!(
            is_wrong || line.starts_with("ERR;a;rate-limited;"),
            "{line}"
        );
        is_wrong
    });
    wrong.count()
}

/// The exempt never wait.
#[test]
fn who_is_exempt_does_not_wait() {
    let mut house = House::of(
        builder()
            .set("auth.bytes", "64KiB")
            .set("limits.log_ins_per_minute", 1),
    );
    house.add("alice");
    let mut client = house.server.connect();
    for _ in 0..30 {
        client.ask(
            &plain("alice", OTHER),
            "ERR;a;unauthenticated;wrong name or password",
        );
    }
    client.send(&plain("alice", PASSWORD));
    client.expect_start("OK;a;alice;");
}

/// A name without account, one without password and a wrong password take the same work: hashes of many milliseconds, whose medians
/// are alike. Whoever was refused before hashing would be quicker by far more than half.
#[test]
fn the_time_tells_nobody_who_has_an_account() {
    let mut house = House::of(
        builder()
            .set("auth.bytes", "64KiB")
            .set("auth.argon2_memory", "16MiB")
            .set("auth.argon2_passes", 2)
            .set("auth.deadline", "60s"),
    );
    let params = gencomm::store::accounts::secret::password::Params {
        memory_kib: 16 * 1024,
        passes: 2,
        lanes: 1,
    };
    let secrets = gencomm::store::accounts::Secrets {
        password: gencomm::store::accounts::secret::password::hash(PASSWORD, params).ok(),
        scram: None,
    };
    house.add_with("alice", gencomm::store::accounts::Role::Member, secrets);
    house.add_bot("builder");
    let mut client = house.server.connect();
    let mut times: [Vec<Duration>; 3] = Default::default();
    // By turns, so that whatever else the machine does meets all of them.
    for _ in 0..25 {
        for (name, times) in ["alice", "nobody", "builder"].iter().zip(&mut times) {
            let begun = Instant::now();
            client.ask(
                &plain(name, OTHER),
                "ERR;a;unauthenticated;wrong name or password",
            );
            times.push(begun.elapsed());
        }
    }
    let medians = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    let (least, most) = (medians.iter().min(), medians.iter().max());
    let (least, most) = (least.expect("three"), most.expect("three"));
    assert!(*most < *least * 2, "{medians:?}");
}
