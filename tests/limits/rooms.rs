//! Messages of one room, from everybody together, wherever they are.

use super::{guest, member, strict};
use crate::support::{Gc2, Stop};

#[test]
fn all_senders_of_a_room_share_its_rate_over_shards() {
    let server = strict()
        .set("limits.room_messages_per_second", 2)
        .set("limits.room_messages_burst", 40)
        .set("server.shards", 3)
        .start();
    let mut senders: Vec<Gc2> = (0..8)
        .map(|at| member(&server, &format!("s{at}"), "den"))
        .collect();
    let mut quiet = member(&server, "quiet", "attic");
    for (at, sender) in senders.iter_mut().enumerate() {
        let text: String = (0..15)
            .map(|n| format!("SEND;s{at}n{n};den;s{at}n{n}\n"))
            .collect();
        sender.send_bytes(text.as_bytes());
    }
    let (mut kept, mut refused) = (Vec::new(), Vec::new());
    for (at, sender) in senders.iter_mut().enumerate() {
        let mut answered = 0;
        while answered < 15 {
            let line = sender.line();
            if line.starts_with(&format!("OK;s{at}n")) {
                kept.push(line.split(';').nth(1).expect("a tag").to_owned());
                answered += 1;
            } else if line.starts_with(&format!("ERR;s{at}n")) {
                assert!(line.contains(";rate-limited;too many messages in this room (limits.room_messages_per_second); wait "), "{line}");
                refused.push(line.split(';').nth(1).expect("a tag").to_owned());
                answered += 1;
            } else {
                assert!(line.starts_with("MSG;den;"), "{line}");
            }
        }
    }
    assert!(
        (40..80).contains(&kept.len()),
        "{} of 120 taken",
        kept.len()
    );
    let mut stored: Vec<String> = guest(&server, "reader")
        .whole_history("den")
        .into_iter()
        .map(|(_, body)| body)
        .collect();
    stored.sort();
    kept.sort();
    assert_eq!(stored, kept);
    assert!(!refused.is_empty() && refused.iter().all(|tag| !stored.contains(tag)));
    // Another room has a rate of its own.
    for at in 0..20 {
        quiet.say("attic", &format!("t{at}"), "x");
    }
    // Who waits for as long as it was told is let in; whatever was refused can be sent again with its tag.
    let (tag, at) = (
        refused[0].clone(),
        refused[0][1..2].parse::<usize>().expect("a sender"),
    );
    let mut wait = 0.0;
    for _ in 0..100 {
        std::thread::sleep(std::time::Duration::from_secs_f64(wait));
        senders[at].send(&format!("SEND;{tag};den;{tag}"));
        let line = loop {
            match senders[at].try_line() {
                Ok(line) if line.starts_with("MSG;") => {}
                Ok(line) => break line,
                Err(why @ (Stop::Closed | Stop::TimedOut | Stop::Broken(_))) => panic!("{why:?}"),
            }
        };
        if line.starts_with("OK;") {
            return;
        }
        let told = line
            .split("wait ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        wait = told.and_then(|it| it.parse().ok()).expect("a wait");
    }
    panic!("never taken");
}

/// Whoever is exempt neither waits nor uses up what others have.
#[test]
fn the_exempt_speak_as_they_like() {
    let server = crate::support::Server::builder()
        .set("limits.exempt", "127.0.0.1/32")
        .set("limits.room_messages_per_second", 1)
        .set("limits.room_messages_burst", 5)
        .start();
    let mut bridge = server.member("bridge", "den");
    let mut person = member(&server, "person", "den");
    for at in 0..100 {
        bridge.say("den", &format!("t{at}"), "x");
    }
    for at in 0..5 {
        person.say("den", &format!("t{at}"), "x");
    }
    person.send("SEND;a;den;x\nSEND;b;den;x\nSEND;c;den;x");
    person.until("ERR;c;rate-limited;");
    bridge.say("den", "last", "x");
}
