//! Numbers at their ends, texts at their longest: compared, refused or carried, never wrapped around.

use crate::support::{Gc2, Server, number};

const LARGEST: &str = "18446744073709551615";

/// The lines before the `OK`, and what stands behind its tag.
#[track_caller]
fn answer(client: &mut Gc2, line: &str) -> (usize, String) {
    client.send(line);
    let mut lines = 0;
    loop {
        let line = client.line();
        if line.starts_with("HIST;") {
            lines += 1;
        } else if !line.starts_with("MSG;") {
            return (lines, line);
        }
    }
}

#[test]
fn numbers_at_their_ends_are_compared_and_do_not_wrap() {
    let server = Server::start();
    let mut ann = server.member("ann", "den");
    for n in 1..=3 {
        ann.say("den", &format!("s{n}"), "x");
    }
    let zeros = "0".repeat(60);
    let beyond = "9".repeat(60);
    for (range, found) in [
        (format!("after={LARGEST}"), 0),
        (format!("after={beyond}"), 0),
        (format!("after={zeros}"), 3),
        (format!("after={zeros}1"), 2),
        (format!("before={LARGEST}"), 3),
        (format!("before={beyond}"), 3),
        ("before=0".to_owned(), 0),
        ("since=0".to_owned(), 3),
        ("since=0.0000000000000000000000000001".to_owned(), 3),
        ("since=9999999999999".to_owned(), 0),
        ("since=9999999999999.999999999".to_owned(), 0),
        (format!("last={zeros}2"), 2),
    ] {
        let (lines, ok) = answer(&mut ann, &format!("HISTORY;h;den;{range};"));
        assert_eq!((lines, ok), (found, format!("OK;h;{found}")), "{range}");
    }
    for refused in [
        format!("HISTORY;h;den;last={LARGEST};"),
        "HISTORY;h;den;last=0;".to_owned(),
        // One and 2^16, 2^32, 2^64 on top of it.
        "HISTORY;h;den;last=65537;".to_owned(),
        "HISTORY;h;den;;4294967297".to_owned(),
        "HISTORY;h;den;;18446744073709551617".to_owned(),
        "HISTORY;h;den;;0".to_owned(),
        "HISTORY;h;den;;1001".to_owned(),
        "HISTORY;h;den;;-1".to_owned(),
        "HISTORY;h;den;after=+1;".to_owned(),
        "HISTORY;h;den;after=0x1;".to_owned(),
        "HISTORY;h;den;after=1e3;".to_owned(),
        // Digits, but not these.
        "HISTORY;h;den;after=\u{0661};".to_owned(),
        "HISTORY;h;den;since=99999999999999;".to_owned(),
        "HISTORY;h;den;since=NaN;".to_owned(),
        "GET;h;0".to_owned(),
        "GET;h;18446744073709551616".to_owned(),
        "DELETE;h;0".to_owned(),
    ] {
        let (lines, error) = answer(&mut ann, &refused);
        assert!(
            lines == 0 && error.starts_with("ERR;h;bad-request;"),
            "{refused}: {error}"
        );
    }
    for missing in [format!("GET;h;{LARGEST}"), format!("DELETE;h;{LARGEST}")] {
        assert!(
            answer(&mut ann, &missing).1.starts_with("ERR;h;not-found;"),
            "{missing}"
        );
    }
    assert_eq!(answer(&mut ann, &format!("GET;h;{zeros}1")).0, 1);
}

#[test]
fn a_room_is_entered_at_any_number() {
    let server = Server::start();
    server.member("ann", "den").say("den", "s", "x");
    let (largest, beyond) = (
        format!("after={LARGEST}"),
        format!("after={}", "9".repeat(60)),
    );
    for (from, lines) in [
        (&*largest, None),
        (&*beyond, None),
        ("last=99999999999999999999", Some(1)),
        ("since=9999999999999", Some(0)),
    ] {
        let mut client = server.guest("bob");
        client.send(&format!("JOIN;j;den;{from}"));
        match lines {
            None => drop(client.expect_start("ERR;j;conflict;")),
            Some(lines) => {
                client.expect("OK;j;den;1");
                (0..lines).for_each(|_| drop(client.expect_start("MSG;den;1;")));
            }
        }
        client.check_alive();
    }
}

/// A body of so many bytes 0xFF, as C16.
fn worst(bytes: usize) -> String {
    "PP".repeat(bytes)
}

#[test]
fn the_longest_body_in_its_worst_form_is_bounded_and_reaches_everybody() {
    const MESSAGE_BYTES: usize = 4000;
    let server = Server::builder()
        .set("limits.message_bytes", MESSAGE_BYTES)
        .start();
    let c16 = |name: &str| {
        let mut client = server.connect();
        client.send("HELLO;h;2;tests;body=c16");
        client.expect_start("WELCOME;");
        client.login(name);
        client.join("den", "");
        client
    };
    let (mut ann, mut bob, mut tim) = (c16("ann"), c16("bob"), server.member("tim", "den"));
    ann.send(&format!("SEND;s;den;{}", worst(MESSAGE_BYTES)));
    let id = number(&ann.until("OK;s;").1, 2);
    // Two letters a byte for who speaks C16, four for who reads text; never more.
    let line = bob.expect_start(&format!("MSG;den;{id};"));
    assert!(
        line.ends_with(&format!(";{}", worst(MESSAGE_BYTES)))
            && line.len() < 2 * MESSAGE_BYTES + 200
    );
    let line = tim.expect_start(&format!("MSG;den;{id};"));
    assert!(line.ends_with(&r"\xFF".repeat(MESSAGE_BYTES)) && line.len() < 4 * MESSAGE_BYTES + 200);
    ann.send(&format!("SEND;t;den;{}", worst(MESSAGE_BYTES + 1)));
    ann.until("ERR;t;too-large;");
    // Half a byte, a letter that is none, and one that is a letter elsewhere.
    for body in ["P", "PPQ", "PPp", "PP\u{ff30}"] {
        ann.send(&format!("SEND;u;den;{body}"));
        ann.until("ERR;u;bad-request;");
    }
    assert_eq!(server.guest("reader").whole_history("den").len(), 1);
}
