//! Messages are sent and removed while readers are cut off and come back.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::support::{Gc2, Server, assert_same_ids, number};

const SENDERS: usize = 5;
const MESSAGES: usize = 300;

/// How readers want bodies, and how `the end` looks to them.
const FORMS: [(&str, &str); 2] = [("text", ";the end"), ("c16", ";EHIGFGACFGOGEG")];

/// Sends, and removes every third of its messages a little later; ends with the ids it has kept and the ones it has removed.
fn send_and_remove(server: SocketAddr, name: String) -> JoinHandle<(Vec<u64>, Vec<u64>)> {
    std::thread::spawn(move || {
        let mut client = Gc2::connect(server);
        client.login(&name);
        client.join("den", "");
        let (mut kept, mut removed) = (Vec::new(), Vec::new());
        for at in 0..MESSAGES {
            let id = client.say("den", &format!("{name}.{at}"), "said and perhaps regretted");
            kept.push(id);
            if at % 3 == 2 {
                let regretted = kept.remove(kept.len() - 2);
                client.send(&format!("DELETE;d{at};{regretted}"));
                client.until(&format!("OK;d{at};{regretted}"));
                removed.push(regretted);
            }
        }
        (kept, removed)
    })
}

#[derive(Default)]
struct Heard {
    messages: Vec<u64>,
    gone: BTreeSet<u64>,
}

/// Reads over many connections until the message `the end`. What was said to be gone must not come again.
fn read_in_pieces(server: SocketAddr, seed: u64) -> JoinHandle<Heard> {
    std::thread::spawn(move || {
        let (mut heard, mut random) = (Heard::default(), seed);
        loop {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let last = heard.messages.last().copied().unwrap_or(0);
            let mut client = Gc2::connect_with_buffer(server, 4096);
            let (form, end) = FORMS[seed as usize % 2];
            client.send(&format!("HELLO;h;2;tests;body={form}"));
            client.expect_start("WELCOME;h;");
            client.login(&format!("cut{seed}"));
            client.send(&format!("JOIN;j;den;after={last}"));
            client.expect_start("OK;j;den;");
            for _ in 0..(random >> 33) % 200 {
                let Ok(line) = client.try_line_bytes(Duration::from_millis(20)) else {
                    break;
                };
                let line = String::from_utf8(line).expect("UTF-8");
                let id = number(&line, 2);
                if line.starts_with("GONE;den;") {
                    heard.gone.insert(id);
                } else if line.ends_with(end) {
                    return heard;
                } else {
                    assert!(line.starts_with("MSG;den;"), "{line:?}");
                    assert!(!heard.gone.contains(&id), "{id} came back");
                    heard.messages.push(id);
                }
            }
        }
    })
}

fn nothing_is_missed(meanwhile: impl FnOnce(&Server)) {
    let server = Server::builder()
        .set("rooms.tail_bytes", "16KiB")
        .set("storage.segment_bytes", "32KiB")
        .start();
    let address = server.address();
    let senders: Vec<_> = (0..SENDERS)
        .map(|at| send_and_remove(address, format!("s{at}")))
        .collect();
    let readers: Vec<_> = (1..=4).map(|seed| read_in_pieces(address, seed)).collect();
    meanwhile(&server);
    let (mut kept, mut removed) = (Vec::new(), BTreeSet::new());
    for sender in senders {
        let (its_kept, its_removed) = sender.join().expect("a sender");
        kept.extend(its_kept);
        removed.extend(its_removed);
    }
    kept.sort_unstable();
    let mut closer = server.member("closer", "den");
    let end = closer.say("den", "end", "the end");
    for reader in readers {
        let heard = reader.join().expect("a reader");
        assert!(
            heard.messages.is_sorted_by(|a, b| a < b),
            "out of order or doubled"
        );
        let (gone, live): (Vec<u64>, Vec<u64>) = heard
            .messages
            .into_iter()
            .partition(|id| removed.contains(id));
        assert_same_ids(&live, &kept, "a reader");
        for id in gone {
            assert!(heard.gone.contains(&id), "nobody said that {id} is gone");
        }
    }
    kept.push(end);
    let stored: Vec<u64> = closer
        .whole_history("den")
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_same_ids(&stored, &kept, "HISTORY");
}

#[test]
fn nothing_is_missed_doubled_or_brought_back() {
    nothing_is_missed(|_| ());
}

#[cfg(feature = "fault-injection")]
#[test]
fn nor_when_actors_panic_meanwhile() {
    nothing_is_missed(|server| {
        let mut provoker = server.guest("provoker");
        for place in [
            "after-commit",
            "room",
            "half-told",
            "codec",
            "before-commit",
            "log",
        ] {
            // One panic after the other, each while commits go on.
            let seen = newest(&mut provoker);
            while newest(&mut provoker) < seen + 60 {}
            provoker.ask(&format!("PROVOKE;p;{place}"), &format!("OK;p;{place}"));
        }
    });
}

/// The newest id of the room; 0 before there is one.
#[cfg(feature = "fault-injection")]
fn newest(client: &mut Gc2) -> u64 {
    client.send("HISTORY;n;den;last=1;");
    let mut newest = 0;
    loop {
        let line = client.line();
        if line.starts_with("OK;n;") || line.starts_with("ERR;n;not-found;") {
            return newest;
        }
        newest = number(&line, 3);
    }
}
