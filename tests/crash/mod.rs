//! `kill -9` under load: what was answered with OK is there, once, in order.

mod kills;
mod removals;

use std::collections::BTreeMap;

use crate::support::{Gc2, Said, Senders, Server, number};

const ROUNDS: usize = 20;
const SENDERS: usize = 50;

/// Sends what was left without an answer once more, with the same tags, each as its own user; returns it with its ids.
fn send_again(server: &Server, said: &[Said]) -> Vec<Said> {
    let again = said.iter().map(|said| {
        let mut client = server.member(&said.user, "den");
        let mut line = String::new();
        // Twice, so that the repetition meets itself too.
        for _ in 0..2 {
            client.send(&format!("SEND;{};den;{}", said.tag, said.body));
            line = client.until(&format!("OK;{};", said.tag)).1;
        }
        let id = number(&line, 2);
        Said { id, ..said.clone() }
    });
    again.collect()
}

fn rounds_of_kill_9(server: &mut Server, per_round: usize) {
    let mut kept: BTreeMap<u64, Said> = BTreeMap::new();
    let mut repeated = 0;
    for round in 0..ROUNDS {
        let senders = Senders::start(server.address(), "den", SENDERS);
        // Each time at another number, so at another place of a commit.
        senders.wait_for(per_round + round * 7);
        server.kill9();
        let report = senders.collect();
        assert!(report.refused.is_empty(), "{:?}", report.refused.first());
        server.restart();
        let again = send_again(server, &report.unanswered);
        repeated += again.len();
        for said in report.kept.into_iter().chain(again) {
            let id = said.id;
            assert!(kept.insert(id, said).is_none(), "id {id} was given twice");
        }
        let mut reader = server.guest("reader");
        let stored = reader.whole_history("den");
        check(&stored, &kept, round);
    }
    assert!(repeated > 0, "no sender was ever interrupted");
    // A reader from the start sees the same, and after a clean stop it is the same.
    let expected: Vec<u64> = kept.keys().copied().collect();
    assert!(server.term().success());
    server.restart();
    let mut reader = server.guest("reader");
    reader.join("den", "after=0");
    for id in expected {
        reader.expect_start(&format!("MSG;den;{id};"));
    }
}

/// Every message was either answered or repeated, so the room holds exactly these.
fn check(stored: &[(u64, String)], kept: &BTreeMap<u64, Said>, round: usize) {
    let stored_now = stored.iter().map(|(id, body)| (*id, body.as_str()));
    let expected = kept.iter().map(|(id, said)| (*id, said.body.as_str()));
    for (stored, expected) in stored_now.zip(expected) {
        assert_eq!(stored, expected, "round {round}");
    }
    assert_eq!(stored.len(), kept.len(), "round {round}");
}

#[test]
fn twenty_rounds_under_load_from_fifty_senders() {
    let mut server = Server::builder()
        .set("storage.segment_bytes", "256KiB")
        .start();
    rounds_of_kill_9(&mut server, 200);
}

#[test]
fn a_killed_process_loses_nothing_in_the_less_durable_modes_either() {
    for durability in ["interval", "os"] {
        let mut server = Server::builder()
            .set("storage.durability", durability)
            .start();
        let mut last = 0;
        let mut count = 0;
        for _ in 0..4 {
            let senders = Senders::start(server.address(), "den", 10);
            senders.wait_for(300);
            server.kill9();
            let report = senders.collect();
            server.restart();
            let again = send_again(&server, &report.unanswered);
            let mut ids: Vec<u64> = report
                .kept
                .iter()
                .chain(&again)
                .map(|said| said.id)
                .collect();
            ids.sort_unstable();
            assert!(ids[0] > last, "ids never go back");
            last = *ids.last().expect("messages");
            count += ids.len();
            assert_eq!(server.guest("reader").whole_history("den").len(), count);
        }
    }
}

#[test]
fn a_spoilt_end_of_the_journal_is_cut_and_kept_aside() {
    let mut server = Server::start();
    let mut ann: Gc2 = server.member("ann", "den");
    let ids: Vec<u64> = (0..20)
        .map(|at| ann.say("den", &format!("t{at}"), "x"))
        .collect();
    server.kill9();
    // The last group of the journal is spoilt, as by a write that did not end. The segments have it already, so nothing is lost.
    let half = ["journal-0", "journal-1"]
        .map(|name| server.data_dir().join("log").join(name))
        .into_iter()
        .find(|path| {
            std::fs::read(path).is_ok_and(|bytes| memchr::memmem::find(&bytes, b"GCGR").is_some())
        });
    let path = half.expect("a journal with groups");
    let mut bytes = std::fs::read(&path).expect("the journal");
    let last = memchr::memmem::rfind(&bytes, b"GCGR").expect("a group");
    bytes[last + 40] ^= 0xFF;
    std::fs::write(&path, bytes).expect("the journal");
    server.restart();
    let stored = server.guest("reader").whole_history("den");
    let stored: Vec<u64> = stored.into_iter().map(|(id, _)| id).collect();
    assert_eq!(stored, ids);
    let quarantine = server.data_dir().join("log/quarantine");
    let kept = std::fs::read_dir(quarantine).map_or(0, Iterator::count);
    assert!(kept > 0, "nothing in quarantine");
    let mut ann = server.member("ann", "den");
    assert!(ann.say("den", "new", "y") > ids[19]);
}
