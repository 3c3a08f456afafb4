//! JOIN from everywhere, PART.

use crate::support::{Server, number};

/// Says `count` messages into `room`; their ids.
fn fill(server: &Server, room: &str, count: usize) -> Vec<u64> {
    let mut author = server.guest("author");
    author.join(room, "");
    let say = |at| author.say(room, &format!("f{at}"), &format!("message {at}"));
    (0..count).map(say).collect()
}

#[test]
fn join_tells_the_newest_id_and_only_what_comes_after() {
    let server = Server::start();
    let mut ann = server.guest("ann");
    ann.ask("JOIN;j;lobby;", "OK;j;lobby;0");
    let first = ann.say("lobby", "s1", "before bob");
    ann.expect_start(&format!("MSG;lobby;{first};"));
    let mut bob = server.guest("bob");
    bob.ask("JOIN;j;lobby", &format!("OK;j;lobby;{first}"));
    let second = ann.say("lobby", "s2", "for bob");
    let line = bob.line();
    assert!(
        line.starts_with(&format!("MSG;lobby;{second};")),
        "{line:?}"
    );
    assert!(line.ends_with(";ann;for bob"), "{line:?}");
    let mut other = server.guest("other");
    other.ask("JOIN;j;elsewhere;", "OK;j;elsewhere;0");
}

#[test]
fn the_past_is_told_from_where_it_was_asked_for() {
    let server = Server::start();
    let ids = fill(&server, "den", 10);
    let newest = ids[9];
    let mut author = server.guest("author");
    author.join("den", "");
    let mut readers = Vec::new();
    for (from, expected) in [
        ("after=0".to_owned(), &ids[..]),
        (format!("after={}", ids[3]), &ids[4..]),
        (format!("after={newest}"), &ids[10..]),
        ("last=3".to_owned(), &ids[7..]),
        ("last=0".to_owned(), &ids[10..]),
        ("last=5000".to_owned(), &ids[..]),
        ("last=18446744073709551616".to_owned(), &ids[..]),
        ("since=0".to_owned(), &ids[..]),
        ("since=9999999999".to_owned(), &ids[10..]),
    ] {
        let mut reader = server.guest("reader");
        reader.ask(&format!("JOIN;j;den;{from}"), &format!("OK;j;den;{newest}"));
        for id in expected {
            reader.expect_start(&format!("MSG;den;{id};"));
        }
        readers.push(reader);
    }
    // Nothing more than that: the next line is the present.
    let end = author.say("den", "end", "the end");
    for reader in &mut readers {
        reader.expect_start(&format!("MSG;den;{end};"));
    }
}

#[test]
fn since_is_inclusive_and_takes_the_time_that_ok_told() {
    let server = Server::start();
    let mut ann = server.member("ann", "den");
    let mut times = Vec::new();
    for at in 0..5 {
        ann.send(&format!("SEND;t{at};den;x{at}"));
        let ok = ann.until(&format!("OK;t{at};")).1;
        let time = ok.rsplit(';').next().expect("a time").to_owned();
        times.push((number(&ok, 2), time));
    }
    let wanted = &times[2].1;
    let expected = times.iter().filter(|(_, time)| {
        time.parse::<f64>().expect("a time") >= wanted.parse::<f64>().expect("a time")
    });
    let mut reader = server.guest("reader");
    reader.join("den", &format!("since={wanted}"));
    for (id, time) in expected {
        reader.expect_start(&format!("MSG;den;{id};{time};ann;"));
    }
    let end = ann.say("den", "end", "the end");
    reader.expect_start(&format!("MSG;den;{end};"));
}

#[test]
fn rooms_do_not_hear_each_other_and_after_skips_what_is_not_theirs() {
    let server = Server::start();
    let mut ann = server.guest("ann");
    ann.join("one", "");
    ann.join("two", "");
    let ids: Vec<u64> = (0..6)
        .map(|at| ann.say(["one", "two"][at % 2], &format!("t{at}"), "x"))
        .collect();
    let mut bob = server.guest("bob");
    // An id of the other room is as good as any number.
    bob.ask(
        &format!("JOIN;j;two;after={}", ids[2]),
        &format!("OK;j;two;{}", ids[5]),
    );
    bob.expect_start(&format!("MSG;two;{};", ids[3]));
    bob.expect_start(&format!("MSG;two;{};", ids[5]));
    let end = ann.say("two", "end", "the end");
    bob.expect_start(&format!("MSG;two;{end};"));
}

#[test]
fn joining_twice_or_beyond_the_end_is_a_conflict() {
    let server = Server::start();
    let ids = fill(&server, "den", 2);
    let mut ann = server.guest("ann");
    ann.send(&format!("JOIN;j;den;after={}", ids[1] + 1000));
    ann.expect_start("ERR;j;conflict;");
    ann.join("den", "");
    ann.send("JOIN;k;den;after=0");
    ann.expect_start("ERR;k;conflict;");
    ann.ask("PART;p;den", "OK;p;den");
    ann.send("PART;p;den");
    ann.expect_start("ERR;p;conflict;");
    ann.send("SEND;s;den;into the void");
    ann.expect_start("ERR;s;forbidden;");
    ann.ask("JOIN;k;den;last=1", &format!("OK;k;den;{}", ids[1]));
    ann.expect_start(&format!("MSG;den;{};", ids[1]));
}

#[test]
fn after_part_nothing_more_comes() {
    let server = Server::start();
    let mut ann = server.member("ann", "den");
    let mut bob = server.member("bob", "den");
    bob.ask("PART;p;den", "OK;p;den");
    ann.say("den", "s", "unheard");
    bob.ask("PING;end;", "PONG;end;");
    let mut silent = server.guest("silent");
    silent.send("JOIN;;den;");
    let heard = ann.say("den", "s2", "heard?");
    silent.send("PING;end;");
    // With an empty tag no OK is said; whether the message came before the JOIN took effect is open.
    let before = silent.until("PONG;end;").0;
    for line in before {
        assert!(line.starts_with(&format!("MSG;den;{heard};")), "{line:?}");
    }
}

#[test]
fn a_client_is_in_as_many_rooms_as_it_may() {
    let server = Server::builder().set("limits.rooms_per_client", 20).start();
    let mut ann = server.guest("ann");
    for at in 0..20 {
        ann.ask(&format!("JOIN;j;r{at};"), &format!("OK;j;r{at};0"));
    }
    ann.send("JOIN;j;onemore;");
    ann.expect_start("ERR;j;rate-limited;");
    ann.ask("PART;p;r7", "OK;p;r7");
    ann.ask("JOIN;j;onemore;", "OK;j;onemore;0");
    let id = ann.say("r13", "s", "x");
    assert!(id > 0);
}
