//! One client that goes faster than it may: commands, bytes, JOINs.

use std::io::Write;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{guest, guest_from, member, strict};
use crate::support::{Gc2, PATIENCE, Server, Stop, fresh_address};

/// Writes from a thread of its own, until all is taken or the connection ends.
fn write_aside(client: &Gc2, bytes: Vec<u8>) -> JoinHandle<()> {
    let mut socket = client.stream().try_clone().expect("the socket");
    std::thread::spawn(move || {
        let _ = socket.write_all(&bytes);
    })
}

fn sends(room: &str, count: usize) -> Vec<u8> {
    let text: String = (0..count)
        .map(|at| format!("SEND;t{at};{room};n{at}\n"))
        .collect();
    text.into_bytes()
}

/// What came of `count` sends: ids of those with OK, and numbers of those that were refused; up to `BYE` or the last answer.
struct Outcome {
    kept: Vec<(u64, String)>,
    refused: Vec<usize>,
    refusals: Vec<String>,
    bye: Option<String>,
}

fn outcome(client: &mut Gc2, count: usize) -> Outcome {
    let mut outcome = Outcome {
        kept: Vec::new(),
        refused: Vec::new(),
        refusals: Vec::new(),
        bye: None,
    };
    while outcome.kept.len() + outcome.refused.len() < count {
        let line = match client.try_line() {
            Ok(line) => line,
            Err(Stop::TimedOut) => panic!("no answer behind {:?}", outcome.refusals.last()),
            Err(_) => return outcome,
        };
        let fields: Vec<&str> = line.split(';').collect();
        match fields[..] {
            ["OK", tag, id, _] => {
                let body = tag.replace('t', "n");
                outcome.kept.push((id.parse().expect("an id"), body));
            }
            ["ERR", tag, "rate-limited", ..] => {
                if let Some(at) = tag.strip_prefix('t') {
                    outcome.refused.push(at.parse().expect("a number"));
                }
                outcome.refusals.push(line);
            }
            ["BYE", ..] => outcome.bye = Some(line),
            ["MSG", ..] => {}
            _ => panic!("{line:?}"),
        }
    }
    outcome
}

fn check_stored(server: &Server, room: &str, outcome: &Outcome) {
    let mut stored = guest(server, "reader").whole_history(room);
    let mut kept = outcome.kept.clone();
    kept.sort_unstable();
    stored.sort_unstable();
    if outcome.bye.is_none() {
        assert_eq!(stored, kept);
    }
    // What was sent and not answered before the end may be there; what was refused is not.
    for message in &kept {
        assert!(stored.contains(message), "{message:?} was answered with OK");
    }
    for at in &outcome.refused {
        let body = format!("n{at}");
        assert!(
            stored.iter().all(|(_, it)| *it != body),
            "{body} was refused"
        );
    }
}

#[test]
fn a_paste_of_thirty_lines_passes_and_so_does_the_next() {
    let server = strict().start();
    let mut ann = member(&server, "ann", "den");
    for _ in 0..2 {
        ann.send_bytes(&sends("den", 30));
        let outcome = outcome(&mut ann, 30);
        assert_eq!((outcome.kept.len(), outcome.refusals.len()), (30, 0));
    }
    ann.check_alive();
}

#[test]
fn a_flood_is_told_and_slowed_and_loses_nothing_that_got_an_ok() {
    let server = strict()
        .set("limits.commands_per_second", 200)
        .set("limits.commands_burst", 200)
        .set("limits.room_messages_per_second", 0)
        .set("limits.patience", "60s")
        .start();
    let mut ann = member(&server, "ann", "den");
    let mut other = member(&server, "other", "den");
    let count = 900;
    let begun = Instant::now();
    let writing = write_aside(&ann, sends("den", count));
    let outcome = outcome(&mut ann, count);
    writing.join().expect("the writer");
    // At its rate that takes more than three seconds.
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    // The first of each pause is lost, and no other.
    assert!(
        (2..=10).contains(&outcome.refused.len()),
        "{:?}",
        outcome.refused
    );
    assert_eq!(outcome.refused.len(), outcome.refusals.len());
    for refusal in &outcome.refusals {
        assert!(
            refusal.contains("too many commands (limits.commands_per_second); this one is not carried out; nothing is read from you for 1.0 s"),
            "{refusal}"
        );
    }
    check_stored(&server, "den", &outcome);
    // Nobody else was slowed, and it itself is there still.
    other.check_alive();
    ann.check_alive();
}

#[test]
fn who_does_not_stop_is_sent_away() {
    let server = strict()
        .set("limits.room_messages_per_second", 0)
        .set("limits.patience", "1s")
        .start();
    let address = fresh_address();
    let mut ann = guest_from(&server, "ann", address);
    ann.join("den", "");
    let count = 20_000;
    let writing = write_aside(&ann, sends("den", count));
    let outcome = outcome(&mut ann, count);
    writing.join().expect("the writer");
    assert_eq!(outcome.bye.as_deref(), Some("BYE;rate-limited;60"));
    let last = outcome.refusals.last().expect("a refusal");
    assert!(last.contains("you went on like this for 1 s"), "{last}");
    assert!(
        (100..200).contains(&outcome.kept.len()),
        "{}",
        outcome.kept.len()
    );
    check_stored(&server, "den", &outcome);
    // It may come back.
    let mut again = guest_from(&server, "ann", address);
    again.join("den", "");
    again.say("den", "again", "sorry");
}

/// Every kind of command counts, also those that are none.
#[test]
fn whatever_is_said_counts() {
    let server = strict().set("limits.patience", "1s").start();
    for line in [
        "PING;;x",
        "PONG;;1",
        "NONSENSE",
        "",
        "WHO;w;den",
        "AUTH;a;GUEST;x",
        "GET;g;1",
    ] {
        let mut client = guest(&server, &format!("c{}", crate::support::fresh_tag()));
        let writing = write_aside(&client, format!("{line}\n").repeat(50_000).into_bytes());
        let said = client.until_closed();
        assert!(
            said.iter().any(|it| it == "BYE;rate-limited;60"),
            "{line:?}: {:?}",
            said.last()
        );
        writing.join().expect("the writer");
    }
}

#[test]
fn bytes_have_a_rate_too() {
    let server = strict()
        .set("limits.bytes_per_second", "64KiB")
        .set("limits.bytes_burst", "64KiB")
        .set("limits.commands_per_second", 0)
        .set("limits.room_messages_per_second", 0)
        .start();
    let mut ann = member(&server, "ann", "den");
    let body = "x".repeat(4000);
    let text: String = (0..80)
        .map(|at| format!("SEND;t{at};den;{body}\n"))
        .collect();
    let begun = Instant::now();
    let writing = write_aside(&ann, text.into_bytes());
    let outcome = outcome(&mut ann, 80);
    writing.join().expect("the writer");
    // 320 KB, of which a fifth is free. No message is refused: its bytes are there already.
    assert_eq!((outcome.kept.len(), outcome.refused.len()), (80, 0));
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    let first = outcome.refusals.first().expect("a word about it");
    assert!(first.starts_with("ERR;;rate-limited;too many bytes (limits.bytes_per_second); nothing is read from you for "), "{first}");
    ann.check_alive();

    // Bytes of a line that is too long count, and who goes on is sent away.
    let server = strict()
        .set("limits.bytes_per_second", "64KiB")
        .set("limits.bytes_burst", "64KiB")
        .set("limits.patience", "1s")
        .start();
    let mut ann = guest(&server, "ann");
    let writing = write_aside(&ann, vec![b'x'; 32 << 20]);
    let said = ann.until_closed();
    assert!(
        said.iter().any(|it| it == "BYE;rate-limited;60"),
        "{:?}",
        said.last()
    );
    writing.join().expect("the writer");
}

#[test]
fn joins_wait_and_other_commands_do_not() {
    let server = strict().set("limits.joins_per_minute", 5).start();
    let mut ann = guest(&server, "ann");
    let (mut joined, mut refused) = (0, 0);
    for at in 0..12 {
        ann.send(&format!("JOIN;j{at};r{at};"));
        let line = ann.line();
        if line.starts_with(&format!("OK;j{at};")) {
            joined += 1;
        } else {
            assert!(
                line.starts_with(&format!("ERR;j{at};rate-limited;too many JOINs (limits.joins_per_minute); the next one in ")),
                "{line}"
            );
            refused += 1;
        }
    }
    assert!(joined >= 5 && refused >= 1, "{joined} {refused}");
    ann.say("r0", "t", "still here");
    ann.check_alive();
}

/// While it is not read, it hears the others, and what it cannot answer is not held against it.
#[test]
fn who_is_slowed_still_hears_and_is_not_taken_for_dead() {
    let server = strict()
        .set("heartbeat.interval", "300ms")
        .set("heartbeat.timeout", "300ms")
        .set("limits.bytes_per_second", "16KiB")
        .set("limits.bytes_burst", "64KiB")
        .set("limits.room_messages_per_second", 0)
        .set("server.shards", 1)
        .start();
    let mut slowed = member(&server, "slowed", "den");
    let mut other = member(&server, "other", "den");
    // The answers to the server's PINGs lie in its socket behind this.
    let line = format!("SEND;;attic;{}\n", "x".repeat(8000));
    slowed.send("JOIN;j;attic;");
    slowed.until("OK;j;");
    let writing = write_aside(&slowed, line.repeat(20).into_bytes());
    slowed.until("ERR;;rate-limited;too many bytes");
    // Longer than interval and timeout together: told only if it is heard.
    let begun = Instant::now();
    let mut at = 0;
    while begun.elapsed() < Duration::from_secs(3) {
        let id = other.say("den", &format!("t{at}"), "for the slow one");
        at += 1;
        let end = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < end, "not heard");
            let line = slowed.line();
            assert!(!line.starts_with("BYE;"), "{line}");
            if line.starts_with(&format!("MSG;den;{id};")) {
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(60));
    }
    writing.join().expect("the writer");
    slowed.check_alive();
}

/// An empty room of rates: 0 is no limit, for each of them.
#[test]
fn zero_is_no_limit() {
    let builder = [
        "commands_per_second",
        "bytes_per_second",
        "room_messages_per_second",
        "joins_per_minute",
        "log_ins_per_minute",
        "new_rooms_per_minute",
        "connections_per_address",
        "connections_per_account",
    ]
    .iter()
    .fold(strict(), |builder, key| {
        builder.set(&format!("limits.{key}"), 0)
    });
    let server = builder.start();
    let address = crate::support::fresh_address();
    let mut others: Vec<Gc2> = (0..100)
        .map(|_| super::guest_from(&server, "ann", address))
        .collect();
    let mut ann = super::guest_from(&server, "ann", address);
    for at in 0..200 {
        ann.join(&format!("r{at}"), "");
    }
    let writing = write_aside(&ann, sends("r0", 3000));
    let outcome = outcome(&mut ann, 3000);
    writing.join().expect("the writer");
    assert_eq!((outcome.kept.len(), outcome.refusals.len()), (3000, 0));
    others[99].check_alive();
}
