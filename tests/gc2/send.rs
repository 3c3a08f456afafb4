//! SEND, and the MSG that every member gets.

use crate::support::{Server, number};

#[test]
fn ok_tells_the_id_and_time_that_all_members_see() {
    let server = Server::start();
    let mut ann = server.member("Ann", "lobby");
    let mut bob = server.member("bob", "lobby");
    ann.send(r"SEND;s1;lobby;first; with semicolon\nand line, and a \\ backslash");
    let (mut before, ok) = ann.until("OK;s1;");
    let own = before.pop().unwrap_or_else(|| ann.line());
    let fields: Vec<&str> = ok.split(';').collect();
    let [_, _, id, time] = fields[..] else {
        panic!("{ok:?}")
    };
    assert!(id.parse::<u64>().is_ok_and(|id| id > 0), "{ok:?}");
    let (seconds, decimals) = time.split_once('.').expect("decimals");
    assert!(seconds.len() >= 10 && decimals.len() == 3, "{time:?}");
    let msg =
        format!(r"MSG;lobby;{id};{time};Ann;first; with semicolon\nand line, and a \\ backslash");
    assert_eq!(own, msg);
    bob.expect(&msg);
}

#[test]
fn unknown_escapes_are_stored_as_their_bare_character() {
    let server = Server::start();
    let mut ann = server.member("ann", "lobby");
    for (sent, told) in [
        (r"tab\t", "tabt"),
        (r"hex\x41", "hexx41"),
        (r"semi\;colon", "semi;colon"),
        ("ende\\", r"ende\\"),
        ("; ; ;", "; ; ;"),
        ("ünï ☃ 𝄞", "ünï ☃ 𝄞"),
        ("a\tb", "a\tb"),
    ] {
        ann.send(&format!("SEND;;lobby;{sent}"));
        let line = ann.expect_start("MSG;lobby;");
        assert!(
            line.ends_with(&format!(";ann;{told}")),
            "{sent:?}: {line:?}"
        );
    }
}

#[test]
fn an_empty_tag_asks_for_no_ok_and_errors_come_all_the_same() {
    let server = Server::start();
    let mut ann = server.member("ann", "lobby");
    ann.send("SEND;;lobby;quiet");
    ann.expect_start("MSG;lobby;");
    ann.send("SEND;;nowhere;x");
    ann.expect_start("ERR;;forbidden;");
    ann.send("SEND;;lobby;");
    ann.expect_start("ERR;;bad-request;");
    ann.send("SEND;t;lobby");
    ann.expect_start("ERR;t;bad-request;");
    ann.ask("PING;end;", "PONG;end;");
}

#[test]
fn the_longest_message_fits_and_one_byte_more_does_not() {
    let server = Server::start();
    let mut ann = server.member("ann", "lobby");
    // Escaped it is twice as long: what counts are the bytes of the text.
    let body = r"\\".repeat(8191) + "x";
    assert!(body.len() > 16_000);
    let line = format!("SEND;a;lobby;{body}");
    assert!(line.len() > 16 * 1024);
    ann.send(&line);
    ann.expect_start("ERR;a;too-large;");
    for (raw, fits) in [("x".repeat(8192), true), ("x".repeat(8193), false)] {
        ann.send(&format!("SEND;b;lobby;{raw}"));
        let start = if fits { "OK;b;" } else { "ERR;b;too-large;" };
        assert!(
            ann.until(start)
                .0
                .iter()
                .all(|line| line.starts_with("MSG;"))
        );
    }
    let escaped = r"\n".repeat(8100);
    ann.say("lobby", "c", &escaped);
}

#[test]
fn every_member_sees_all_messages_in_id_order() {
    let server = Server::start();
    let mut readers: Vec<_> = (0..4)
        .map(|at| server.member(&format!("r{at}"), "lobby"))
        .collect();
    let mut writers: Vec<_> = (0..4)
        .map(|at| server.member(&format!("w{at}"), "lobby"))
        .collect();
    for round in 0..50 {
        for writer in &mut writers {
            writer.send(&format!("SEND;t{round};lobby;round {round}"));
        }
    }
    let mut seen: Vec<Vec<u64>> = Vec::new();
    for reader in &mut readers {
        let ids: Vec<u64> = (0..200)
            .map(|_| number(&reader.expect_start("MSG;lobby;"), 2))
            .collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
        seen.push(ids);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn direct_conversations_are_not_for_guests() {
    let server = Server::start();
    let mut ann = server.member("ann", "lobby");
    let _bob = server.member("bob", "lobby");
    ann.send("SEND;s;@bob;psst");
    ann.expect_start("ERR;s;forbidden;");
    ann.send("HISTORY;h;@bob;;");
    ann.expect_start("ERR;h;forbidden;");
    ann.send("JOIN;j;@bob;");
    ann.expect_start("ERR;j;bad-request;");
    ann.check_alive();
}
