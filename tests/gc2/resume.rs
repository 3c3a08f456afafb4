//! Resume: `JOIN;…;after={last id seen}` yields exactly what was missed, wherever the connection was cut off.

use std::net::SocketAddr;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::support::{Gc2, PATIENCE, Senders, Server, assert_same_ids, number};

/// A reader at work, and the way to tell it which id is the last.
type Reader = (JoinHandle<Vec<u64>>, Sender<u64>);

/// Reads `den` over many connections, each cut off at a place that `seed` decides, mostly with lines unread, until it has seen the id
/// that it is told is the last. Ends with the ids in the order seen.
fn read_in_pieces(server: SocketAddr, seed: u64, form: &'static str) -> Reader {
    let (sender, told) = channel();
    let reader = std::thread::spawn(move || {
        let (mut ids, mut random, mut end): (Vec<u64>, _, _) = (Vec::new(), seed, u64::MAX);
        loop {
            end = told.try_recv().unwrap_or(end);
            let last = ids.last().copied().unwrap_or(0);
            if last >= end {
                return ids;
            }
            // xorshift
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let mut client = Gc2::connect_with_buffer(server, 4096 << (random % 4));
            client.send(&format!("HELLO;h;2;tests;body={form}"));
            client.expect_start("WELCOME;h;");
            client.login(&format!("cut{seed}"));
            client.send(&format!("JOIN;j;den;after={last}"));
            client.expect_start("OK;j;den;");
            for _ in 0..(random >> 8) % 600 {
                // Nothing new just now: also a place to be cut off at.
                let Ok(line) = client.try_line_bytes(Duration::from_millis(20)) else {
                    break;
                };
                let line = String::from_utf8(line).expect("UTF-8");
                assert!(line.starts_with("MSG;den;"), "{line:?}");
                ids.push(number(&line, 2));
            }
        }
    });
    (reader, sender)
}

#[test]
fn every_id_comes_once_and_in_order_however_often_the_reader_is_cut_off() {
    // A small tail, so that readers fall out of it and go on from the log.
    let server = Server::builder()
        .set("rooms.tail_bytes", "64KiB")
        .set("storage.segment_bytes", "256KiB")
        .start();
    let senders = Senders::start(server.address(), "den", 50);
    let forms = ["text", "c16", "text", "c16"];
    let mut readers: Vec<Reader> = (1..)
        .zip(forms)
        .map(|(seed, form)| read_in_pieces(server.address(), seed, form))
        .collect();
    senders.wait_for(6000);
    let report = senders.finish();
    assert!(report.refused.is_empty() && report.unanswered.is_empty());
    let mut expected: Vec<u64> = report.kept.iter().map(|said| said.id).collect();
    expected.sort_unstable();
    let end = *expected.last().expect("messages");
    // And one that reads without load, from the log alone.
    readers.push(read_in_pieces(server.address(), 99, "text"));
    for (reader, told) in readers {
        told.send(end).expect("a reader");
        assert_same_ids(&reader.join().expect("a reader"), &expected, "a reader");
    }
}

#[test]
fn a_reader_that_stays_sees_the_same_as_the_log() {
    let server = Server::builder().set("rooms.tail_bytes", "64KiB").start();
    let address = server.address();
    let mut stays = server.guest("stays");
    stays.join("den", "after=0");
    let reader = std::thread::spawn(move || {
        let mut ids = Vec::new();
        loop {
            let line = stays.line();
            if line.ends_with(";the end") {
                return ids;
            }
            ids.push(number(&line, 2));
        }
    });
    let senders = Senders::start(address, "den", 20);
    senders.wait_for(1500);
    let report = senders.finish();
    server.member("closer", "den").say("den", "end", "the end");
    let mut expected: Vec<u64> = report.kept.iter().map(|said| said.id).collect();
    expected.sort_unstable();
    assert_same_ids(&reader.join().expect("the reader"), &expected, "the reader");
}

/// Reads the messages of `den` with these ids, less those that a GAP takes away; returns the last GAP.
fn hear_all_but_gaps(client: &mut Gc2, ids: &[u64]) -> Option<u64> {
    let (mut missing, mut gap) = (ids, None);
    while let Some(next) = missing.first() {
        let line = client.line();
        if let Some(first_kept) = line.strip_prefix("GAP;den;") {
            let first_kept: u64 = first_kept.parse().expect("an id");
            assert!(first_kept > *next, "{line:?} takes nothing from {next} on");
            missing = &missing[missing.partition_point(|id| *id < first_kept)..];
            gap = Some(first_kept);
        } else {
            assert!(line.starts_with(&format!("MSG;den;{next};")), "{line:?}");
            missing = &missing[1..];
        }
    }
    gap
}

#[test]
fn what_retention_has_removed_is_told_as_a_gap() {
    let server = Server::builder()
        .set("storage.segment_bytes", "4KiB")
        .set("storage.retain_messages", 50)
        .start();
    let mut ann = server.member("ann", "den");
    let ids: Vec<u64> = (0..400)
        .map(|at| {
            ann.say(
                "den",
                &format!("t{at}"),
                &format!("message {at} {}", "x".repeat(80)),
            )
        })
        .collect();
    // Whole segments are removed in the background; how far it has come is the server's matter, and it goes on while bob reads.
    let end = std::time::Instant::now() + PATIENCE;
    let gap = loop {
        let mut bob = server.guest("bob");
        bob.send("JOIN;j;den;after=0");
        bob.expect(&format!("OK;j;den;{}", ids[399]));
        if let Some(gap) = hear_all_but_gaps(&mut bob, &ids) {
            break gap;
        }
        assert!(
            std::time::Instant::now() < end,
            "retention never removed anything"
        );
    };
    assert!(gap > 1 && ids[399 - 49] >= gap, "{gap}");
    // Nothing is missing for who has seen the rest.
    let mut bob = server.guest("bob");
    bob.send(&format!("JOIN;j;den;after={}", ids[398]));
    bob.expect(&format!("OK;j;den;{}", ids[399]));
    bob.expect_start(&format!("MSG;den;{};", ids[399]));
    bob.send(&format!("GET;g;{}", ids[0]));
    bob.expect_start("ERR;g;not-found;");
}

#[test]
fn an_after_beyond_the_end_is_a_conflict_even_after_a_restart() {
    let mut server = Server::start();
    let id = server.member("ann", "den").say("den", "t", "x");
    server.restart();
    let mut bob = server.guest("bob");
    for beyond in [id + 1_000_000, u64::MAX] {
        bob.send(&format!("JOIN;j;den;after={beyond}"));
        bob.expect_start("ERR;j;conflict;");
    }
    bob.send("JOIN;j;den;after=99999999999999999999999");
    bob.expect_start("ERR;j;conflict;");
    bob.ask(&format!("JOIN;j;den;after={id}"), &format!("OK;j;den;{id}"));
}

#[test]
fn nothing_is_lost_when_the_tails_have_no_room_together() {
    let server = Server::builder()
        .set("rooms.tail_bytes", "8KiB")
        .set("rooms.tails_bytes", "8KiB")
        .start();
    let (mut ann, mut bob) = (server.guest("ann"), server.guest("bob"));
    for room in 0..20 {
        ann.join(&format!("room{room}"), "");
        bob.join(&format!("room{room}"), "");
    }
    // Each room's newest block alone is more than twice what all of them may hold.
    let body = "long ".repeat(300);
    let mut asked = String::new();
    for at in 0..400 {
        asked += &format!("SEND;;room{};{at} {body}\n", at % 20);
    }
    ann.send_bytes(asked.as_bytes());
    for reader in [&mut ann, &mut bob] {
        let mut heard = vec![Vec::new(); 20];
        for _ in 0..400 {
            let line = reader.expect_start("MSG;room");
            let body = line.splitn(6, ';').nth(5).unwrap();
            let at: usize = body.split(' ').next().unwrap().parse().unwrap();
            heard[at % 20].push(at);
        }
        for (room, heard) in heard.into_iter().enumerate() {
            assert!(heard.into_iter().eq((room..400).step_by(20)));
        }
    }
}

/// A shard's clients may have so many pages of the log under way; the others wait for theirs.
const PAGES_UNDER_WAY: usize = 32;

#[test]
fn many_more_come_back_at_once_than_may_have_a_page_under_way() {
    let server = Server::builder()
        .set("server.shards", 1)
        .set("rooms.tail_bytes", "64KiB")
        .start();
    let mut ann = server.member("ann", "den");
    let text = "x".repeat(400);
    let ids: Vec<u64> = (0..600)
        .map(|at| ann.say("den", &format!("t{at}"), &text))
        .collect();
    let last = *ids.last().expect("some");
    // All ask before any of them reads, and some go while they wait.
    let mut back: Vec<Gc2> = (0..4 * PAGES_UNDER_WAY)
        .map(|number| {
            let mut client = server.guest(&format!("back{number}"));
            client.send("JOIN;j;den;after=0");
            client
        })
        .collect();
    let mut number = 0;
    back.retain(|_| {
        number += 1;
        number % 5 != 0
    });
    for client in &mut back {
        client.expect(&format!("OK;j;den;{last}"));
        for id in &ids {
            client.expect_start(&format!("MSG;den;{id};"));
        }
    }
    // None is taken for ever.
    for round in 0..PAGES_UNDER_WAY + 1 {
        let mut client = server.guest(&format!("late{round}"));
        client.send("JOIN;j;den;after=0");
        client.expect(&format!("OK;j;den;{last}"));
        client.expect_start(&format!("MSG;den;{};", ids[0]));
    }
}
