//! HISTORY, GET, ROOMS and WHO.

use crate::support::{Gc2, Server, number};

/// Ids that a HISTORY tells.
fn ids_of(client: &mut Gc2, range: &str, limit: &str) -> Vec<u64> {
    client.send(&format!("HISTORY;h;den;{range};{limit}"));
    let (lines, ok) = client.until("OK;h;");
    let ids: Vec<u64> = lines
        .iter()
        .map(|line| {
            assert!(line.starts_with("HIST;h;den;"), "{line:?}");
            number(line, 3)
        })
        .collect();
    assert_eq!(number(&ok, 2), ids.len() as u64);
    ids
}

#[test]
fn history_tells_every_range_in_rising_order() {
    let server = Server::start();
    let mut ann = server.guest("ann");
    ann.join("den", "");
    ann.join("noise", "");
    let mut ids = Vec::new();
    for at in 0..120 {
        ids.push(ann.say("den", &format!("t{at}"), &format!("m{at}")));
        ann.say("noise", &format!("n{at}"), "x");
    }
    let mut bob = server.guest("bob");
    for (range, limit, expected) in [
        ("", "", &ids[20..]),
        ("", "5", &ids[115..]),
        ("", "1000", &ids[..]),
        ("after=0", "", &ids[..100]),
        ("after=0", "3", &ids[..3]),
        (&format!("after={}", ids[50]), "2", &ids[51..53]),
        (&format!("after={}", ids[119]), "", &[]),
        ("after=18446744073709551615", "", &[]),
        (&format!("before={}", ids[50]), "4", &ids[46..50]),
        (&format!("before={}", ids[0]), "", &[]),
        ("before=18446744073709551615", "1", &ids[119..]),
        ("last=7", "", &ids[113..]),
        ("last=7", "2", &ids[118..]),
        ("since=0", "6", &ids[..6]),
        ("since=9999999999", "", &[]),
    ] {
        assert_eq!(
            ids_of(&mut bob, range, limit),
            expected,
            "{range:?} {limit:?}"
        );
    }
    for (range, limit) in [
        ("after=-1", ""),
        ("after=", ""),
        ("before=x", ""),
        ("since=-5", ""),
        ("since=soon", ""),
        ("last=0", ""),
        ("last=1001", ""),
        ("never=1", ""),
        ("", "0"),
        ("", "1001"),
        ("", "-1"),
        ("", "ten"),
    ] {
        bob.send(&format!("HISTORY;bad;den;{range};{limit}"));
        bob.expect_start("ERR;bad;bad-request;");
    }
    bob.ask("HISTORY;h;lobby;;", "OK;h;0");
    let nowhere = "ERR;h;not-found;there is no such room";
    bob.ask("HISTORY;h;empty;;", nowhere);
    bob.ask("WHO;h;empty", nowhere);
    bob.send("HISTORY;h;den;last=1;");
    let line = bob.line();
    assert!(line.ends_with(";ann;m119"), "{line:?}");
    bob.expect("OK;h;1");
}

#[test]
fn the_newest_are_found_over_several_segments() {
    let server = Server::builder()
        .set("storage.segment_bytes", "4KiB")
        .start();
    let mut ann = server.guest("ann");
    ann.join("den", "");
    ann.join("noise", "");
    let mut ids = Vec::new();
    let body = "long ".repeat(50);
    for at in 0..60 {
        ids.push(ann.say("den", &format!("t{at}"), &body));
        ann.say("noise", &format!("n{at}"), &body);
    }
    // A removed message is neither told nor counted.
    for at in [58, 31, 30] {
        ann.send(&format!("DELETE;d;{}", ids[at]));
        ann.until("OK;d;");
        ids.remove(at);
    }
    let mut bob = server.guest("bob");
    for (range, limit, expected) in [
        ("", "1", &ids[56..]),
        ("last=3", "", &ids[54..]),
        ("", "40", &ids[17..]),
        ("", "1000", &ids[..]),
        (&format!("before={}", ids[40]), "15", &ids[25..40]),
        (&format!("before={}", ids[40] + 1), "1", &ids[40..41]),
        (&format!("before={}", ids[1]), "", &ids[..1]),
        (&format!("before={}", ids[0]), "", &[]),
        ("before=0", "", &[]),
    ] {
        assert_eq!(
            ids_of(&mut bob, range, limit),
            expected,
            "{range:?} {limit:?}"
        );
    }
}

#[test]
fn a_thousand_long_messages_come_in_one_answer() {
    let server = Server::start();
    let mut ann = server.guest("ann");
    ann.join("den", "");
    let body = "long ".repeat(200);
    for at in 0..1000 {
        ann.send(&format!("SEND;t{at};den;{body}{at}"));
    }
    let mut bob = server.guest("bob");
    for at in 0..1000 {
        ann.until(&format!("OK;t{at};"));
    }
    for range in ["", "after=0", "last=1000", "before=18446744073709551615"] {
        let ids = ids_of(&mut bob, range, "1000");
        assert_eq!(ids.len(), 1000, "{range:?}");
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{range:?}");
    }
}

#[test]
fn get_tells_one_message_by_its_id() {
    let server = Server::start();
    let mut ann = server.member("ann", "den");
    ann.send("SEND;s;den;find me; please");
    let ok = ann.until("OK;s;").1;
    let fields: Vec<&str> = ok.split(';').collect();
    let mut bob = server.guest("bob");
    bob.send(&format!("GET;g;{}", fields[2]));
    bob.expect(&format!(
        "HIST;g;den;{};{};ann;find me; please",
        fields[2], fields[3]
    ));
    bob.expect("OK;g;1");
    bob.send("GET;g;999999999");
    bob.expect_start("ERR;g;not-found;");
    bob.send("GET;g;18446744073709551615");
    bob.expect_start("ERR;g;not-found;");
    for bad in ["", "0", "-1", "18446744073709551616", "1.0", "x"] {
        bob.send(&format!("GET;g;{bad}"));
        bob.expect_start("ERR;g;bad-request;");
    }
}

#[test]
fn rooms_and_who_tell_who_is_where() {
    let server = Server::start();
    let mut ann = server.guest("ann");
    ann.ask("ROOMS;r0", "OK;r0;0");
    ann.join("beta", "");
    ann.join("alpha", "");
    let id = ann.say("beta", "s", "x");
    let mut bob = server.member("Bob", "beta");
    // A second connection of the same account is no second member.
    let _more = server.member("bob", "beta");
    ann.send("ROOMS;r1");
    let (before, _) = ann.until("OK;r1;2");
    let rooms: Vec<_> = before
        .into_iter()
        .filter(|line| line.starts_with("ROOM;"))
        .collect();
    assert_eq!(
        rooms,
        [
            "ROOM;r1;alpha;1;0".to_owned(),
            format!("ROOM;r1;beta;2;{id}")
        ]
    );
    bob.send("WHO;w;beta");
    bob.expect("USER;w;ann;guest");
    assert!(bob.line().to_lowercase().starts_with("user;w;bob;guest"));
    bob.expect("OK;w;2");
    bob.ask("WHO;w;nobodyhere", "ERR;w;not-found;there is no such room");
    drop(ann);
    // Its end is heard of a little later.
    loop {
        bob.send("WHO;w;beta");
        if bob.until("OK;w;").1 == "OK;w;1" {
            break;
        }
    }
    bob.send("ROOMS;r2");
    bob.expect(&format!("ROOM;r2;beta;1;{id}"));
    bob.expect("OK;r2;1");
}

#[test]
fn many_rooms_come_in_pages() {
    let server = Server::start();
    let (mut ann, mut bob) = (server.guest("ann"), server.guest("bob"));
    // In more than two pages: every second room has a message, every fourth a second member, and none is missing.
    let (mut expected, mut asked) = (Vec::new(), String::new());
    for at in 0..1200 {
        asked += &format!("JOIN;;room{at:04};\n");
        expected.push((format!("room{at:04}"), 1, 0));
    }
    ann.send_bytes(asked.as_bytes());
    for (at, (room, members, newest)) in expected.iter_mut().enumerate() {
        if at % 4 == 1 {
            bob.join(room, "");
            *members = 2;
        }
        if at % 2 == 0 {
            *newest = ann.say(room, &format!("s{at}"), "x");
        }
    }
    ann.check_alive();
    let mut lines: Vec<_> = expected
        .iter()
        .map(|(room, members, newest)| format!("ROOM;r;{room};{members};{newest}"))
        .collect();
    lines.push("OK;r;1200".into());
    let mut carl = server.guest("carl");
    carl.send("ROOMS;r");
    carl.send("PING;p;behind");
    // Nothing that was asked for is lost on a client that sends no more.
    carl.close_sending();
    lines.push("PONG;p;behind".into());
    assert_eq!(carl.until_closed(), lines);
}

#[test]
fn rooms_are_known_after_a_restart() {
    let mut server = Server::start();
    let mut ann = server.member("ann", "den");
    let id = ann.say("den", "s", "x");
    server.restart();
    let mut ann = server.guest("ann");
    ann.send("ROOMS;r");
    ann.expect(&format!("ROOM;r;den;0;{id}"));
    ann.expect("OK;r;1");
    ann.ask("JOIN;j;den;", &format!("OK;j;den;{id}"));
    assert!(ann.say("den", "s2", "y") > id);
}
