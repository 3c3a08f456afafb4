//! Commands of every kind in one write.

use std::io::Write;
use std::time::Duration;

use super::{MIB, Talk, forget_peak, mib, peak_bytes};
use crate::support::{Server, rounds};

/// Kinds of commands in turn; the number is the tag.
fn command(at: usize) -> String {
    match at % 8 {
        0 | 1 => format!("SEND;{at};den;n{at}\n"),
        2 => format!("PING;{at};x\n"),
        3 => format!("JOIN;{at};r{};\n", at % 64),
        // The one that was joined just before.
        4 => format!("PART;{at};r{}\n", (at - 1) % 64),
        5 => format!("WHO;{at};den\n"),
        6 => format!("HISTORY;{at};den;last=2;2\n"),
        _ => format!("NONSENSE;{at};\n"),
    }
}

#[test]
fn of_every_kind_in_one_write_are_all_answered_in_order() {
    let count = rounds("GENCOMM_COMMANDS", 20_000, 100_000);
    let server = Server::builder().set("storage.durability", "os").start();
    let talk = Talk::start(server.address(), 1);
    let alone = talk.rate(Duration::from_secs(2));
    let mut bad = server.member("bad", "den");
    let before = server.resident_bytes();
    forget_peak(&server);
    let text: String = (0..count).map(command).collect();
    let mut socket = bad.stream().try_clone().expect("the socket");
    let writing = std::thread::spawn(move || socket.write_all(text.as_bytes()).expect("taken"));
    // Two sequences: what the log answers, and the rest. Within each the order is that of the commands.
    let (mut sends, mut others) = (
        (0..count).filter(|at| at % 8 < 2),
        (0..count).filter(|at| at % 8 >= 2),
    );
    let (beside, lines) = talk.rate_during(|| {
        let (mut answered, mut lines) = (0, 0);
        while answered < count {
            let line = bad.line();
            lines += 1;
            let mut fields = line.split(';');
            let (verb, tag) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
            if matches!(verb, "MSG" | "USER" | "HIST") {
                continue;
            }
            answered += 1;
            let tag: usize = tag.parse().unwrap_or_else(|_| panic!("{line:?}"));
            let expected = if tag % 8 < 2 {
                sends.next()
            } else {
                others.next()
            };
            assert_eq!(Some(tag), expected, "{line:?}");
            let verb_expected = match tag % 8 {
                2 => "PONG",
                7 => "ERR",
                _ => "OK",
            };
            assert_eq!(verb, verb_expected, "{line:?}");
        }
        lines
    });
    writing.join().expect("the writer");
    let grown = peak_bytes(&server).saturating_sub(before);
    println!(
        "{count} commands in one write, {lines} lines back: at most {} more; others {beside:.0}/s instead of {alone:.0}/s",
        mib(grown)
    );
    assert!(grown < 24 * MIB, "grew by {}", mib(grown));
    assert!(beside > alone / 20.0, "{beside} instead of {alone}");
    bad.check_alive();
    talk.finish();
}
