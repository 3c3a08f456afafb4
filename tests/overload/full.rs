//! What full means: rows of the table in `docs/architecture.md` that no other test looks at.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gencomm::store::accounts::Role;

use super::{MIB, mib};
use crate::rooms::House;
use crate::support::{Gc2, Server, fresh_tag};

/// Talks in `room` until `reader`, who does not read, is behind: its socket takes no more.
fn fill_socket_of(room: &str, speaker: &mut Gc2) {
    let body = "x".repeat(8000);
    for _ in 0..1000 {
        speaker.send(&format!("SEND;;{room};{body}"));
        speaker.expect_start(&format!("MSG;{room};"));
    }
}

#[test]
fn who_is_behind_in_too_many_conversations_is_closed_and_nothing_is_lost() {
    const CONVERSATIONS: usize = 1024;
    let mut house = House::of(
        Server::builder()
            .set("server.shards", 1)
            .set("storage.durability", "os"),
    );
    let bob = house.add("bob", Role::Member);
    let mut slow = Gc2::connect_with_buffer(house.server.address(), 4096);
    slow.send(&bob);
    slow.expect_start("OK;a;");
    slow.join("den", "");
    let mut fast = house.connect(&bob);
    fill_socket_of("den", &mut house.server.member("speaker", "den"));
    // bob writes to so many from his other connection; the slow one is to hear it too.
    let others: Vec<String> = (0..=CONVERSATIONS).map(|at| format!("acc{at}")).collect();
    for name in &others {
        house.add(name, Role::Member);
    }
    for name in &others[..CONVERSATIONS] {
        fast.send(&format!("SEND;;@{name};hello {name}"));
    }
    for _ in 0..CONVERSATIONS {
        fast.expect_start("MSG;@acc");
    }
    assert!(!house.server.log_text().contains("behind in too many"));
    fast.say(
        &format!("@{}", others[CONVERSATIONS]),
        "last",
        "one too many",
    );
    house
        .server
        .wait_for_log("behind in too many conversations");
    let said = slow.until_closed();
    let last = said.last().expect("lines");
    assert!(
        last.starts_with("MSG;den;") || last == "BYE;unavailable;1",
        "{last:?}"
    );
    // It comes back, and has it all.
    let mut slow = house.connect(&bob);
    for name in [&others[0], &others[500], &others[CONVERSATIONS]] {
        let stored = slow.whole_history(&format!("@{name}"));
        assert_eq!(stored.len(), 1, "{name}");
    }
}

#[test]
fn presence_lines_that_nobody_reads_are_dropped() {
    /// At 100 bytes each, several times what may wait: 16 KiB at the seat, 64 KiB behind it.
    const CHANGES: usize = 3000;
    let server = Server::builder().set("server.shards", 1).start();
    let lounge = "l".repeat(60);
    let mut slow = Gc2::connect_with_buffer(server.address(), 4096);
    slow.send("HELLO;h;2;tests;presence=on");
    slow.expect_start("WELCOME;h;2;");
    slow.login("slow");
    slow.join(&lounge, "");
    slow.join("den", "");
    let mut speaker = server.member("speaker", "den");
    slow.expect("JOINED;den;speaker");
    fill_socket_of("den", &mut speaker);
    let mut busy = server.guest(&"b".repeat(30));
    let change = format!("JOIN;j;{lounge};\nPART;p;{lounge}\n");
    for _ in 0..CHANGES / 20 {
        busy.send_bytes(change.repeat(10).as_bytes());
        for _ in 0..10 {
            busy.expect_start("OK;j;");
            busy.expect_start("OK;p;");
        }
    }
    let end = speaker.say("den", &fresh_tag(), "the end");
    let (lines, _) = slow.until(&format!("MSG;den;{end};"));
    let (messages, presence): (Vec<_>, Vec<_>) =
        lines.iter().partition(|line| line.starts_with("MSG;den;"));
    let told = presence.len();
    println!("{told} of {CHANGES} changes were told");
    assert_eq!(messages.len(), 1000);
    assert!(told > 0 && told < CHANGES, "{told}");
    let bytes: usize = presence.iter().map(|line| line.len() + 1).sum();
    assert!(bytes < 96 * 1024, "{bytes}");
    // What comes now is told again.
    busy.join(&lounge, "");
    slow.until(&format!("JOINED;{lounge};"));
}

/// Many catch up with much, each page by page; who wants one page gets it in its turn, not behind all of theirs.
#[test]
fn who_wants_one_page_of_the_log_waits_for_a_turn_and_no_longer() {
    const READERS: u64 = 64;
    const MESSAGES: usize = 2500;
    let server = Server::builder()
        .set("server.shards", 1)
        .set("rooms.tail_bytes", "8KiB")
        .set("storage.durability", "os")
        .start();
    let mut ann = server.member("ann", "den");
    let body = "x".repeat(7000);
    for _ in 0..MESSAGES {
        ann.send(&format!("SEND;;den;{body}"));
        ann.expect_start("MSG;den;");
    }
    ann.join("small", "");
    let ids: Vec<u64> = (0..10)
        .map(|_| ann.say("small", &fresh_tag(), &body))
        .collect();
    let (read, stop) = <(Arc<AtomicU64>, Arc<AtomicBool>)>::default();
    let readers = (0..READERS).map(|at| {
        let mut client = server.guest(&format!("r{at}"));
        let (read, stop) = (read.clone(), stop.clone());
        client.send("JOIN;j;den;after=0");
        std::thread::spawn(move || {
            client.expect_start("OK;j;");
            for _ in 0..MESSAGES {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let line = client.expect_start("MSG;den;");
                read.fetch_add(line.len() as u64, Ordering::Relaxed);
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    let between: Vec<u64> = (0..9)
        .map(|at| {
            let mut late = server.guest(&format!("late{at}"));
            let before = read.load(Ordering::Relaxed);
            late.send("JOIN;j;small;after=0");
            late.expect(&format!("OK;j;small;{}", ids[9]));
            for id in &ids {
                late.expect_start(&format!("MSG;small;{id};"));
            }
            read.load(Ordering::Relaxed) - before
        })
        .collect();
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.join().expect("a reader");
    }
    println!("bytes for {READERS} others before a page for one: {between:?}");
    // What lies in their sockets already may come in between too. Far less than all that they want, which is what it would be if they
    // kept their turns.
    let all = READERS * MESSAGES as u64 * body.len() as u64;
    assert!(between.iter().all(|bytes| *bytes < all / 3), "{between:?}");
}

/// Leaves rooms with a page of the log under way, and joins others: a page that comes late is for nobody.
#[test]
fn a_page_of_a_room_just_left_is_not_told() {
    let server = Server::builder()
        .set("server.shards", 1)
        .set("rooms.tail_bytes", "8KiB")
        .set("storage.durability", "os")
        .start();
    // A page of the first is long in coming: it has more lines than any other.
    let mut ann = server.member("ann", "one");
    for at in 0..3000 {
        ann.send(&format!("SEND;;one;{at}"));
        ann.expect_start("MSG;one;");
    }
    ann.join("two", "");
    let ids: Vec<u64> = (0..20)
        .map(|_| ann.say("two", &fresh_tag(), &"x".repeat(1000)))
        .collect();
    let mut bob = server.guest("bob");
    for round in 0..300 {
        bob.send("JOIN;j;one;after=0");
        if round % 2 > 0 {
            bob.expect_start("OK;j;one;");
        }
        if round % 4 > 2 {
            bob.expect_start("MSG;one;");
        }
        bob.send_bytes(b"PART;p;one\nJOIN;k;two;after=0\n");
        bob.until("OK;p;one");
        bob.expect_start("OK;k;two;");
        for id in &ids {
            let line = bob.line();
            let is_next = line.starts_with(&format!("MSG;two;{id};"));
            assert!(is_next, "round {round}: {:?}", line.get(..40));
        }
        bob.ask("PART;p;two", "OK;p;two");
    }
}

#[test]
fn answers_of_history_and_rooms_that_nobody_reads_are_not_piled_up() {
    let server = Server::builder().set("storage.durability", "os").start();
    let mut ann = server.member("ann", "den");
    let body = "x".repeat(8000);
    for _ in 0..1000 {
        ann.send(&format!("SEND;;den;{body}"));
        ann.expect_start("MSG;den;");
    }
    let lines: String = (0..600).map(|at| format!("JOIN;j;room{at};\n")).collect();
    ann.send_bytes(lines.as_bytes());
    for _ in 0..600 {
        ann.expect_start("OK;j;");
    }
    let before = server.resident_bytes();
    // 160 MB of answers, if anybody read them.
    let mut deaf: Vec<Gc2> = (0..20)
        .map(|at| {
            let mut client = Gc2::connect_with_buffer(server.address(), 4096);
            client.login(&format!("deaf{at}"));
            client.send_bytes("HISTORY;h;den;;1000\nROOMS;r\n".repeat(50).as_bytes());
            client
        })
        .collect();
    // Each has begun to get its first one.
    for client in &mut deaf {
        client.expect_start("HIST;h;den;");
    }
    ann.check_alive();
    let grown = server.resident_bytes().saturating_sub(before);
    println!(
        "20 clients with 50 histories of 8 MB each: {} more",
        mib(grown)
    );
    assert!(grown < 24 * MIB, "grew by {}", mib(grown));
    // What each gets is right to the end of the first.
    let mut client = deaf.swap_remove(3);
    for _ in 1..1000 {
        client.expect_start("HIST;h;den;");
    }
    client.expect("OK;h;1000");
    for _ in 0..600 {
        client.expect_start("ROOM;r;");
    }
}

/// Groups of more than a commit takes: many clients with as much on the way as each may have.
#[test]
fn what_is_too_much_for_one_group_goes_into_the_next() {
    const SENDERS: usize = 24;
    const EACH: usize = 120;
    let server = Server::builder().start();
    let mut witness = server.member("witness", "den");
    let mut senders: Vec<Gc2> = (0..SENDERS)
        .map(|at| server.member(&format!("s{at}"), &format!("r{at}")))
        .collect();
    for sender in &mut senders {
        sender.join("den", "");
    }
    let body = "x".repeat(8000);
    // While the server stands still, so that all of it is there at once: 23 MB.
    let writers: Vec<_> = server.while_stopped(|| {
        let writers = senders.iter().map(|sender| {
            let mut socket = sender.stream().try_clone().expect("the socket");
            let lines: String = (0..EACH)
                .map(|at| format!("SEND;{at};den;{at} {body}\n"))
                .collect();
            std::thread::spawn(move || socket.write_all(lines.as_bytes()).expect("taken"))
        });
        let writers = writers.collect();
        std::thread::sleep(Duration::from_millis(200));
        writers
    });
    let mut next = [0; SENDERS];
    let readers: Vec<_> = senders
        .into_iter()
        .map(|mut sender| {
            std::thread::spawn(move || {
                for at in 0..EACH {
                    sender.until(&format!("OK;{at};"));
                }
            })
        })
        .collect();
    for _ in 0..SENDERS * EACH {
        let line = witness.expect_start("MSG;den;");
        let fields: Vec<&str> = line.splitn(6, ';').collect();
        let who: usize = fields[4].trim_start_matches('s').parse().expect("a sender");
        let at = fields[5]
            .split(' ')
            .next()
            .and_then(|at| at.parse::<usize>().ok());
        assert_eq!(at, Some(next[who]));
        next[who] += 1;
    }
    for thread in writers.into_iter().chain(readers) {
        thread.join().expect("no panic");
    }
}
