//! Topic, kick, ban, mute, and the removal of others' messages.

use super::{House, change, refused, so_far};
use crate::support::{Gc2, fresh_address};

/// A house with `own` in the room `den` and a moderator `mod` in it.
fn house() -> (House, Gc2, Gc2) {
    let mut house = House::open();
    let mut own = house.account("own");
    own.join("den", "");
    let mut moderator = house.account("mod");
    change(&mut own, "den", "moderator;mod");
    moderator.join("den", "");
    (house, own, moderator)
}

#[test]
fn a_topic_is_told_to_those_who_are_there_and_to_those_who_come() {
    let (mut house, mut own, mut moderator) = house();
    let mut guest = house.server.member("guest", "den");
    change(&mut moderator, "den", r"topic;a;b\nc \\ d");
    for client in [&mut own, &mut guest] {
        client.expect(r"TOPIC;den;mod;a;b\nc \\ d");
    }
    let mut late = house.server.guest("late");
    late.send("JOIN;j;den;");
    late.expect("OK;j;den;0");
    late.expect(r"TOPIC;den;mod;a;b\nc \\ d");
    change(&mut own, "den", "topic;");
    late.expect("TOPIC;den;own;");
    refused(&mut guest, "ROOM;x;den;topic;mine", "forbidden");
    let mut member = house.account("mem");
    change(&mut own, "den", "invite;mem");
    refused(&mut member, "ROOM;x;den;topic;mine", "forbidden");
    let long = format!("ROOM;x;den;topic;{}", "x".repeat(513));
    refused(&mut own, &long, "too-large");
    change(&mut own, "den", &format!("topic;{}", "x".repeat(512)));
}

#[test]
fn who_is_kicked_leaves_and_may_come_back() {
    let (house, _own, mut moderator) = house();
    // On both shards, and a name in another spelling.
    let mut connections: Vec<Gc2> = (0..4).map(|_| house.server.member("Gus", "den")).collect();
    let mut other = house.server.member("other", "den");
    change(&mut moderator, "den", "kick;gUS");
    let id = moderator.say("den", "t", "gone?");
    for gus in &mut connections {
        assert_eq!(so_far(gus), ["LEFT;den;kicked by mod"]);
        refused(gus, "SEND;x;den;no", "forbidden");
    }
    other.expect_start(&format!("MSG;den;{id};"));
    let gus = &mut connections[0];
    gus.join("den", "after=0");
    gus.expect_start(&format!("MSG;den;{id};"));
    gus.say("den", "t", "back");
    refused(&mut moderator, "ROOM;x;den;kick;nobody", "not-found");
    refused(gus, "ROOM;x;den;kick;other", "forbidden");
    refused(&mut moderator, "ROOM;x;den;kick;own", "forbidden");
    refused(&mut moderator, "ROOM;x;den;kick;mod", "forbidden");
}

#[test]
fn an_account_that_is_banned_hears_and_says_no_more() {
    let (mut house, mut own, mut moderator) = house();
    let log_in = house.add("Bad", gencomm::store::accounts::Role::Member);
    let mut connections: Vec<Gc2> = (0..4).map(|_| house.connect(&log_in)).collect();
    for bad in &mut connections {
        bad.join("den", "");
    }
    let said = connections[0].say("den", "t", "rude");
    moderator.until(&format!("MSG;den;{said};"));
    change(&mut moderator, "den", "ban;bad");
    let after = moderator.say("den", "t", "peace");
    for bad in &mut connections {
        let heard = so_far(bad);
        assert_eq!(
            heard.last().map(String::as_str),
            Some("LEFT;den;banned by mod")
        );
        assert!(
            !heard
                .iter()
                .any(|line| line.starts_with(&format!("MSG;den;{after};")))
        );
        for line in [
            "JOIN;x;den;",
            "JOIN;x;den;after=0",
            "SEND;x;den;still here",
            "HISTORY;x;den;;",
            "WHO;x;den",
            "ROOM;x;den;topic;rude",
        ] {
            refused(bad, line, "forbidden");
        }
        refused(bad, &format!("GET;x;{after}"), "forbidden");
        refused(bad, &format!("DELETE;x;{said}"), "not-found");
        // The room is no secret.
        bad.send("ROOMS;r");
        let rooms = bad.until("OK;r;").0;
        assert!(rooms.iter().any(|line| line.starts_with("ROOM;r;den;")));
    }
    house.connect(&log_in).send("JOIN;x;den;");
    // Another room is another matter.
    connections[0].join("elsewhere", "");
    refused(&mut moderator, "ROOM;x;den;ban;own", "forbidden");
    refused(&mut own, "ROOM;x;den;invite;bad", "conflict");
    change(&mut moderator, "den", "unban;BAD");
    connections[0].join("den", "after=0");
    connections[0].until(&format!("MSG;den;{after};"));
    refused(&mut moderator, "ROOM;x;den;unban;bad", "not-found");
    refused(&mut moderator, "ROOM;x;den;ban;nobody", "not-found");
    let acts: Vec<String> = house
        .audit()
        .into_iter()
        .filter(|line| line.starts_with("mod "))
        .collect();
    assert_eq!(acts, ["mod room.ban den bad", "mod room.unban den bad"]);
}

#[test]
fn a_network_is_banned_whoever_comes_from_it() {
    let (mut house, mut own, mut moderator) = house();
    let address = fresh_address();
    let log_in = house.add("neighbour", gencomm::store::accounts::Role::Member);
    let mut guest = Gc2::connect_from(house.server.address(), address);
    guest.login("gus");
    let mut account = house.connect_from(&log_in, address);
    let mut elsewhere = house.server.member("far", "den");
    for client in [&mut guest, &mut account] {
        client.join("den", "");
    }
    change(&mut moderator, "den", &format!("ban;{address}/32"));
    let id = moderator.say("den", "t", "who is left?");
    for client in [&mut guest, &mut account] {
        assert_eq!(so_far(client), ["LEFT;den;banned by mod"]);
        refused(client, "JOIN;x;den;", "forbidden");
        refused(client, "HISTORY;x;den;;", "forbidden");
    }
    elsewhere.until(&format!("MSG;den;{id};"));
    // The same account from somewhere else is not meant; nor is who keeps order.
    house.connect(&log_in).join("den", "");
    change(&mut own, "den", "moderator;neighbour");
    account.join("den", "");
    change(&mut own, "den", "member;neighbour");
    account.until("LEFT;den;");
    change(&mut moderator, "den", &format!("unban;{address}"));
    guest.join("den", "");
    for wide in ["0.0.0.0/0", "127.0.0.0/7", "::/0", "2001::/31"] {
        refused(
            &mut moderator,
            &format!("ROOM;x;den;ban;{wide}"),
            "bad-request",
        );
    }
}

#[test]
fn who_is_muted_hears_and_says_nothing() {
    let (house, mut own, mut moderator) = house();
    let mut gus = house.server.member("gus", "den");
    let mut again = house.server.member("gus", "den");
    change(&mut moderator, "den", "mute;Gus");
    for client in [&mut gus, &mut again] {
        refused(client, "SEND;x;den;but", "forbidden");
    }
    let id = moderator.say("den", "t", "hush");
    gus.until(&format!("MSG;den;{id};"));
    gus.join("lobby", "");
    gus.say("lobby", "t", "one room only");
    // C16 goes another way.
    let mut coded = house.server.connect();
    coded.send("HELLO;h;2;tests;body=c16");
    coded.expect_start("WELCOME;h;");
    coded.login("gus");
    coded.join("den", "");
    refused(&mut coded, "SEND;x;den;IGJG", "forbidden");
    refused(&mut gus, "ROOM;x;den;unmute;gus", "forbidden");
    change(&mut own, "den", "mute;mod");
    refused(&mut moderator, "SEND;x;den;me?", "forbidden");
    refused(&mut moderator, "ROOM;x;den;topic;me?", "forbidden");
    refused(&mut moderator, "ROOM;x;den;unmute;mod", "forbidden");
    change(&mut moderator, "den", "unmute;gus");
    gus.say("den", "t2", "thanks");
}

#[test]
fn moderators_delete_what_lower_ranks_have_said() {
    let (mut house, mut own, mut moderator) = house();
    let mut member = house.account("mem");
    change(&mut own, "den", "member;mem");
    let mut boss = house.admin("boss");
    let mut gus = house.server.guest("gus");
    for client in [&mut member, &mut boss, &mut gus] {
        client.join("den", "");
    }
    let by_gus = gus.say("den", "t", "rude 1");
    let by_mem = member.say("den", "t", "rude 2");
    let by_mod = moderator.say("den", "t", "rude 3");
    let by_own = own.say("den", "t", "rude 4");
    let by_boss = boss.say("den", "t", "rude 5");
    refused(&mut member, &format!("DELETE;x;{by_gus}"), "forbidden");
    refused(&mut gus, &format!("DELETE;x;{by_mem}"), "forbidden");
    for id in [by_own, by_boss] {
        refused(&mut moderator, &format!("DELETE;x;{id}"), "forbidden");
    }
    refused(&mut own, &format!("DELETE;x;{by_boss}"), "forbidden");
    let mut remove = |client: &mut Gc2, id: u64| {
        client.send(&format!("DELETE;d;{id}"));
        client.until(&format!("OK;d;{id}"));
        gus.until(&format!("GONE;den;{id}"));
        refused(&mut gus, &format!("GET;x;{id}"), "not-found");
    };
    remove(&mut moderator, by_gus);
    remove(&mut moderator, by_mem);
    remove(&mut own, by_mod);
    remove(&mut boss, by_own);
    let removals: Vec<String> = house
        .audit()
        .into_iter()
        .filter(|line| line.contains("message.delete"))
        .collect();
    assert_eq!(
        removals,
        [
            "mod message.delete den gus",
            "mod message.delete den mem",
            "own message.delete den mod",
            "boss message.delete den own",
        ]
    );
    // One's own needs no entry, and no other's room gives rights.
    let mine = member.say("den", "t2", "mine");
    member.send(&format!("DELETE;d;{mine}"));
    member.until(&format!("OK;d;{mine}"));
    let mut lobby = house.server.member("tom", "lobby");
    let id = lobby.say("lobby", "t", "not yours");
    refused(&mut moderator, &format!("DELETE;x;{id}"), "forbidden");
}

#[test]
fn bad_lines_are_answered_and_nothing_happens() {
    let (_house, mut own, _moderator) = house();
    for line in [
        "ROOM;x;den",
        "ROOM;x;den;;",
        "ROOM;x;den;Topic;a",
        "ROOM;x;den;invite",
        "ROOM;x;den;invite;a b",
        "ROOM;x;den;owner;@ann",
        "ROOM;x;den;ban;1.2.3.4/33",
        "ROOM;x;den;retention;forever",
        "ROOM;x;den;retention;messages=-1",
        "ROOM;x;Den;topic;a",
        "ROOM;x;@own;topic;a",
        "ROOM;x;;topic;a",
    ] {
        refused(&mut own, line, "bad-request");
    }
    let answer = refused(&mut own, "ROOM;x;den;explode", "bad-request");
    for action in ["create", "topic", "unmute", "retention"] {
        assert!(answer.contains(action), "{answer:?}");
    }
    // An empty tag asks for no answer, and errors come all the same.
    own.send("ROOM;;den;topic;quiet");
    own.expect("TOPIC;den;own;quiet");
    own.send("ROOM;;den;owner;nobody");
    own.expect_start("ERR;;not-found;");
    // What is so already is no error.
    change(&mut own, "den", "public");
    change(&mut own, "den", "topic;quiet");
}

#[test]
fn retention_is_for_owners() {
    let mut house = House::open();
    let log_in = house.add("own", gencomm::store::accounts::Role::Member);
    let mut own = house.connect(&log_in);
    own.join("den", "");
    let mut moderator = house.account("mod");
    change(&mut own, "den", "moderator;mod");
    refused(&mut moderator, "ROOM;x;den;retention;none", "forbidden");
    let mut guest = house.server.guest("guest");
    for at in 0..5 {
        own.say("den", &format!("t{at}"), &format!("message {at}"));
    }
    change(&mut own, "den", "retention;age=30d messages=2");
    let kept = |guest: &mut Gc2| {
        let history = guest.whole_history("den");
        let bodies = history.into_iter().map(|(_, body)| body);
        bodies.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(kept(&mut guest), "message 3 message 4");
    guest.send("JOIN;j;den;after=0");
    guest.until("GAP;den;4");
    guest.expect_start("MSG;den;4;");
    guest.expect_start("MSG;den;5;");
    // What has expired does not come back, whatever is decided later, and the rule outlives the server.
    house.server.kill9();
    house.server.restart();
    let mut guest = house.server.guest("guest");
    assert_eq!(kept(&mut guest), "message 3 message 4");
    guest.join("den", "");
    guest.say("den", "t", "message 5");
    let end = std::time::Instant::now() + crate::support::PATIENCE;
    while kept(&mut guest) != "message 4 message 5" {
        assert!(
            std::time::Instant::now() < end,
            "nothing expires after a restart"
        );
    }
    let mut own = house.connect(&log_in);
    change(&mut own, "den", "retention;none");
    own.join("den", "");
    own.say("den", "t6", "message 6");
    assert_eq!(kept(&mut guest), "message 4 message 5 message 6");
    assert_eq!(
        house
            .audit()
            .iter()
            .filter(|line| line.contains("room.retention"))
            .count(),
        2
    );
}
