//! Peers that are gone without a word: no FIN, no reset, no acknowledgement.

use std::time::{Duration, Instant};

use super::space::{self, Link, Space, connect, member, watcher};
use crate::support::{Gc2, Server, fresh_tag, rounds};

/// What a loaded machine may add to a deadline: looks at everybody come twice a second, and lines take their time.
const SLACK: Duration = Duration::from_secs(2);

fn builder(interval: Duration, timeout: Duration) -> crate::support::Builder {
    Server::builder()
        .set("heartbeat.interval", format!("{}ms", interval.as_millis()))
        .set("heartbeat.timeout", format!("{}ms", timeout.as_millis()))
}

/// Waits until the watcher hears that `name` is gone; what else comes is skipped.
fn until_parted(watcher: &mut Gc2, name: &str) -> Instant {
    watcher.until(&format!("PARTED;den;{name}"));
    Instant::now()
}

#[test]
fn whoever_is_silent_and_unreachable_is_let_go_in_time() {
    if !space::is_possible() {
        return;
    }
    let (interval, timeout) = (Duration::from_secs(2), Duration::from_secs(3));
    let space = Space::new();
    let server = space.serve(builder(interval, timeout));
    let (near, far) = (
        space.address(&server, Link::Near),
        space.address(&server, Link::Far),
    );
    let mut watcher = space.on(Link::Near, || watcher(near, "watcher", "den"));
    let _dead = space.on(Link::Far, || member(far, "dead", "den"));
    space.cut();
    let cut = Instant::now();
    let took = until_parted(&mut watcher, "dead") - cut;
    println!("silent: let go after {took:?}");
    assert!(took < interval + timeout + SLACK, "{took:?}");
    watcher.send("WHO;w;den");
    let (who, _) = watcher.until("OK;w;");
    assert_eq!(who, ["USER;w;watcher;guest"]);
}

/// It hears others and says nothing: the server's messages are on their way to it when it dies, and are never acknowledged. Its last line
/// is much older than its last acknowledgement, so its time to answer ends before its TCP has been silent for long enough.
#[test]
fn whoever_dies_with_messages_on_the_way_is_let_go_in_time() {
    if !space::is_possible() {
        return;
    }
    let (interval, timeout) = (Duration::from_secs(2), Duration::from_secs(6));
    let space = Space::new();
    let server = space.serve(builder(interval, timeout));
    let (near, far) = (
        space.address(&server, Link::Near),
        space.address(&server, Link::Far),
    );
    let mut watcher = space.on(Link::Near, || watcher(near, "watcher", "den"));
    let mut speaker = space.on(Link::Near, || member(near, "speaker", "den"));
    let mut dead = space.on(Link::Far, || member(far, "dead", "den"));
    let last_word = Instant::now();
    while last_word.elapsed() < interval - Duration::from_millis(300) {
        let id = speaker.say("den", &fresh_tag(), "heard");
        dead.until(&format!("MSG;den;{id};"));
    }
    space.cut();
    let cut = Instant::now();
    let watching = std::thread::spawn(move || until_parted(&mut watcher, "dead"));
    let mut messages = 0;
    while !watching.is_finished() {
        speaker.send("SEND;;den;not heard by all");
        messages += 1;
        std::thread::sleep(Duration::from_millis(10));
    }
    let gone = watching.join().expect("the watcher");
    let took = gone - cut;
    println!(
        "with {messages} messages on the way: let go after {took:?}; {}",
        space.orphans()
    );
    assert!(took < interval + timeout + SLACK, "{took:?}");
    server.wait_for_log("acknowledges nothing");
}

/// As much as its socket takes, and more: the server is blocked on it when it dies.
#[test]
fn whoever_dies_with_a_full_socket_is_let_go_in_time() {
    if !space::is_possible() {
        return;
    }
    let (interval, timeout) = (Duration::from_secs(2), Duration::from_secs(3));
    let space = Space::new();
    let server = space.serve(builder(interval, timeout).set("storage.durability", "os"));
    let (near, far) = (
        space.address(&server, Link::Near),
        space.address(&server, Link::Far),
    );
    let mut watcher = space.on(Link::Near, || watcher(near, "watcher", "lobby"));
    let mut speaker = space.on(Link::Near, || member(near, "speaker", "den"));
    let _dead = space.on(Link::Far, || {
        let mut client = member(far, "dead", "den");
        client.join("lobby", "");
        client
    });
    space.cut();
    let cut = Instant::now();
    let watching = std::thread::spawn(move || {
        watcher.until("PARTED;lobby;dead");
        Instant::now()
    });
    let body = "x".repeat(8000);
    for _ in 0..1500 {
        speaker.send(&format!("SEND;;den;{body}"));
        speaker.expect_start("MSG;den;");
    }
    let took = watching.join().expect("the watcher") - cut;
    println!(
        "with a full socket: let go after {took:?}; {}",
        space.orphans()
    );
    assert!(took < interval + timeout + SLACK, "{took:?}");
}

#[test]
fn a_thousand_that_die_at_once_are_let_go_and_come_back_without_gap_or_double() {
    if !space::is_possible() {
        return;
    }
    let count = rounds("GENCOMM_DEAD", 1000, 1000);
    let (interval, timeout) = (Duration::from_secs(4), Duration::from_secs(4));
    let space = Space::new();
    let server = space.serve(builder(interval, timeout));
    let (near, far) = (
        space.address(&server, Link::Near),
        space.address(&server, Link::Far),
    );
    let mut watcher = space.on(Link::Near, || watcher(near, "watcher", "den"));
    let mut speaker = space.on(Link::Near, || member(near, "speaker", "den"));
    let say = |speaker: &mut Gc2, count: usize| -> Vec<u64> {
        (0..count)
            .map(|_| speaker.say("den", &fresh_tag(), "hello"))
            .collect()
    };
    let before = server.resident_bytes();
    let name = |at: usize| format!("c{at}");
    // Each hears at once what it has missed.
    let come = |from: &str, missed: &[u64]| -> Vec<Gc2> {
        let one = |at| {
            let mut client = connect(far);
            client.login(&name(at));
            client.send(&format!("JOIN;join;den;{from}"));
            client.until("OK;join;");
            for id in missed {
                client.expect_start(&format!("MSG;den;{id};"));
            }
            client
        };
        space.on(Link::Far, || (0..count).map(one).collect())
    };
    let mut clients = come("", &[]);
    let full = server.resident_bytes();
    let first = say(&mut speaker, 5);
    for client in &mut clients {
        for id in &first {
            client.until(&format!("MSG;den;{id};"));
        }
    }
    space.unplug();
    let cut = Instant::now();
    // What they would say at their end goes nowhere.
    drop(clients);
    let mut parted = 0;
    // Presence is a moment, and some may be missing: who is there is what WHO says.
    loop {
        watcher.send("WHO;w;den");
        let (lines, answer) = watcher.until("OK;w;");
        parted += lines
            .iter()
            .filter(|line| line.starts_with("PARTED;den;c"))
            .count();
        if answer == "OK;w;2" {
            break;
        }
        speaker.check_alive();
        assert!(
            cut.elapsed() < interval + timeout + 2 * SLACK,
            "{answer} are still there"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = cut.elapsed();
    watcher.check_alive();
    let missed = say(&mut speaker, 200);
    let reaped = server.resident_bytes();
    println!(
        "{count} died: let go after {took:?}, {parted} told; resident {} KiB before, {} with them, {} without; {}",
        before / 1024,
        full / 1024,
        reaped / 1024,
        space.orphans(),
    );
    assert!(parted > 0 && parted <= count, "{parted}");
    space.plug_in();
    let mut clients = come(&format!("after={}", first[4]), &missed);
    // And nothing of it twice.
    let last =
        space
            .on(Link::Near, || member(near, "late", "den"))
            .say("den", &fresh_tag(), "all here");
    for client in clients.iter_mut().rev().take(count / 4) {
        client.expect_start(&format!("MSG;den;{last};"));
    }
    let again = server.resident_bytes();
    println!("and came back: {} KiB", again / 1024);
    // What they left is used again.
    assert!(again < full + full / 2, "{again} bytes after {full}");
}
