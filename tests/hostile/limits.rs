//! Limits that are reached: the right `ERR`, which names the key, and no harm to the rest.

use crate::support::{Senders, Server, assert_same_ids};

#[test]
fn no_more_rooms_than_allowed() {
    let server = Server::builder().set("limits.rooms", 3).start();
    let mut ann = server.guest("ann");
    for at in 0..3 {
        ann.join(&format!("r{at}"), "");
        ann.say(&format!("r{at}"), &format!("t{at}"), "x");
    }
    ann.join("onemore", "");
    ann.send("SEND;t;onemore;x");
    let refusal = ann.until("ERR;t;unavailable;").1;
    assert!(refusal.contains("limits.rooms"), "{refusal:?}");
    ann.say("r0", "again", "y");
}

#[test]
fn no_more_tags_than_allowed_and_what_has_none_passes() {
    let server = Server::builder().set("limits.tags", 10).start();
    let mut ann = server.member("ann", "den");
    let mut refused = 0;
    for at in 0..20 {
        ann.send(&format!("SEND;t{at};den;x"));
        loop {
            let line = ann.line();
            if line.starts_with(&format!("ERR;t{at};unavailable;")) {
                assert!(line.contains("limits.tags"), "{line:?}");
                refused += 1;
                break;
            }
            if line.starts_with(&format!("OK;t{at};")) {
                break;
            }
        }
    }
    assert!((1..=10).contains(&refused), "{refused} of 20 refused");
    ann.send("SEND;;den;untagged");
    ann.until("MSG;den;");
}

#[test]
fn a_small_queue_before_the_log_slows_senders_down_and_loses_nothing() {
    let server = Server::builder()
        .set("limits.log_queue_bytes", "64KiB")
        .start();
    let senders = Senders::with_body(server.address(), "den", 30, &"x".repeat(7000));
    senders.wait_for(600);
    let report = senders.finish();
    assert!(report.refused.is_empty() && report.unanswered.is_empty());
    let mut expected: Vec<u64> = report.kept.iter().map(|said| said.id).collect();
    expected.sort_unstable();
    let stored = server.guest("reader").whole_history("den");
    let stored: Vec<u64> = stored.into_iter().map(|(id, _)| id).collect();
    assert_same_ids(&stored, &expected, "HISTORY");
}

#[test]
fn a_connection_that_pipelines_into_a_small_queue_is_not_forgotten() {
    let server = Server::builder()
        .set("limits.log_queue_bytes", "64KiB")
        .start();
    let body = "x".repeat(7000);
    let mut clients: Vec<_> = (0..4)
        .map(|at| server.member(&format!("c{at}"), &format!("r{at}")))
        .collect();
    let writers: Vec<_> = clients
        .iter()
        .enumerate()
        .map(|(at, client)| {
            let text: String = (0..100)
                .map(|n| format!("SEND;t{n};r{at};{body}\n"))
                .collect();
            let mut socket = client.stream().try_clone().expect("the socket");
            std::thread::spawn(move || std::io::Write::write_all(&mut socket, text.as_bytes()))
        })
        .collect();
    for client in &mut clients {
        for n in 0..100 {
            client.until(&format!("OK;t{n};"));
        }
    }
    for writer in writers {
        writer.join().expect("a writer").expect("writing");
    }
}
