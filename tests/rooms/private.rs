//! Who has no role in a private room finds no trace of it.

use std::net::Ipv4Addr;

use super::{House, change, refused, so_far};
use crate::support::{Gc2, Server};

/// The answers to everything that can be asked about a room, with the room's name taken out.
fn probe(client: &mut Gc2, room: &str) -> Vec<String> {
    let mut answers = Vec::new();
    for line in [
        "HISTORY;x;ROOM;;",
        "HISTORY;x;ROOM;after=0;5",
        "HISTORY;x;ROOM;last=1;",
        "HISTORY;x;ROOM;before=3;",
        "HISTORY;x;ROOM;since=0;",
        "WHO;x;ROOM",
        "JOIN;x;ROOM;",
        "JOIN;x;ROOM;after=0",
        "JOIN;x;ROOM;last=5",
        "JOIN;x;ROOM;after=999999",
        "SEND;x;ROOM;hello",
        "PART;x;ROOM",
        "ROOM;x;ROOM;topic;mine",
        "ROOM;x;ROOM;public",
        "ROOM;x;ROOM;private",
        "ROOM;x;ROOM;invite;own",
        "ROOM;x;ROOM;kick;own",
        "ROOM;x;ROOM;ban;own",
        "ROOM;x;ROOM;unban;own",
        "ROOM;x;ROOM;mute;own",
        "ROOM;x;ROOM;unmute;own",
        "ROOM;x;ROOM;owner;own",
        "ROOM;x;ROOM;moderator;own",
        "ROOM;x;ROOM;member;own",
        "ROOM;x;ROOM;retention;none",
        "ROOM;x;ROOM;explode",
    ] {
        // The verb is written in the same letters.
        let verb_end = line.find(';').unwrap_or_default();
        let (verb, rest) = line.split_at(verb_end);
        client.send(&format!("{verb}{}", rest.replace("ROOM", room)));
        answers.push(client.line().replace(room, "ROOM"));
    }
    answers
}

#[test]
fn a_stranger_gets_the_answers_of_a_room_that_is_not_there() {
    let mut house = House::of(Server::builder().set("rooms.auto_create", "false"));
    let mut own = house.account("own");
    change(&mut own, "dugout", "create");
    change(&mut own, "dugout", "private");
    own.join("dugout", "");
    let ids: Vec<u64> = (0..5)
        .map(|at| own.say("dugout", &format!("t{at}"), "secret"))
        .collect();
    let mut strangers = [
        house.account("stranger"),
        house.server.guest("guest"),
        house.account("outcast"),
    ];
    change(&mut own, "dugout", "ban;outcast");
    for stranger in &mut strangers {
        let found = probe(stranger, "dugout");
        assert_eq!(found, probe(stranger, "nowhere"));
        assert!(
            found.iter().all(|line| line.starts_with("ERR;x;")),
            "{found:?}"
        );
        let missing = refused(stranger, "GET;x;999999", "not-found");
        let not_removed = refused(stranger, "DELETE;x;999999", "not-found");
        for id in &ids {
            stranger.ask(&format!("GET;x;{id}"), &missing);
            stranger.ask(&format!("DELETE;x;{id}"), &not_removed);
        }
        stranger.ask("ROOMS;r", "OK;r;0");
        // That the name is taken is all that can be found out, by who may begin rooms.
        stranger.send("ROOM;x;dugout;create");
        let answer = stranger.line();
        assert!(
            answer.starts_with("ERR;x;conflict;") || answer.starts_with("ERR;x;forbidden;"),
            "{answer:?}"
        );
    }
    // Those it is there for.
    let mut admin = house.admin("boss");
    let mut member = house.account("mem");
    change(&mut own, "dugout", "invite;mem");
    for client in [&mut admin, &mut member] {
        assert_eq!(client.whole_history("dugout").len(), 5);
        client.send(&format!("GET;g;{}", ids[0]));
        client.until("OK;g;1");
        client.send("WHO;w;dugout");
        assert_eq!(client.until("OK;w;1").0, ["USER;w;own;member"]);
        client.send("ROOMS;r");
        let newest = ids[4];
        assert_eq!(
            client.until("OK;r;1").0,
            [format!("ROOM;r;dugout;1;{newest}")]
        );
    }
    for client in [&mut admin, &mut member] {
        client.join("dugout", "after=0");
    }
}

#[test]
fn with_rooms_begun_by_joining_a_private_one_is_still_not_found() {
    let mut house = House::open();
    let mut own = house.account("own");
    own.join("dugout", "");
    change(&mut own, "dugout", "private");
    let mut stranger = house.account("stranger");
    let mut guest = house.server.guest("guest");
    for client in [&mut stranger, &mut guest] {
        let answer = refused(client, "JOIN;x;dugout;", "not-found");
        assert_eq!(answer, "ERR;x;not-found;there is no such room");
    }
}

#[test]
fn who_has_no_role_leaves_when_a_room_becomes_private() {
    let mut house = House::open();
    let mut own = house.account("own");
    own.join("dugout", "");
    let mut member = house.account("mem");
    change(&mut own, "dugout", "invite;mem");
    member.join("dugout", "");
    let mut guests: Vec<Gc2> = (0..4)
        .map(|at| house.server.member(&format!("guest{at}"), "dugout"))
        .collect();
    let before = own.say("dugout", "t1", "for all");
    change(&mut own, "dugout", "private");
    let after = own.say("dugout", "t2", "for us");
    for guest in &mut guests {
        let heard = guest.until("LEFT;dugout;");
        assert_eq!(heard.1, "LEFT;dugout;the room is private now");
        // What was said before it is told before it, unless the order to leave came while it was about to be.
        assert!(heard.0.len() <= 1, "{:?}", heard.0);
        let earlier = format!("MSG;dugout;{before};");
        assert!(heard.0.iter().all(|line| line.starts_with(&earlier)));
        assert_eq!(so_far(guest), [""; 0]);
        refused(guest, "SEND;x;dugout;still here?", "forbidden");
        refused(guest, &format!("GET;x;{before}"), "not-found");
    }
    member.until(&format!("MSG;dugout;{after};"));
    change(&mut own, "dugout", "public");
    guests[0].join("dugout", "after=0");
    guests[0].until(&format!("MSG;dugout;{after};"));
}

#[test]
fn a_long_list_of_rooms_leaves_private_ones_out_and_goes_on() {
    let mut house = House::of(
        Server::builder()
            .set("limits.rooms_per_account", 0)
            .set("storage.durability", "os"),
    );
    let mut own = house.account("own");
    // More than one page of them, and none in between that a stranger may see.
    for at in 0..510 {
        change(&mut own, &format!("hidden{at:04}"), "create");
        change(&mut own, &format!("hidden{at:04}"), "private");
    }
    change(&mut own, "zoo", "create");
    let mut guest = house.server.guest("guest");
    guest.send("ROOMS;r");
    assert_eq!(guest.until("OK;r;").0, ["ROOM;r;zoo;0;0"]);
    own.send("ROOMS;r");
    assert_eq!(own.until("OK;r;511").0.len(), 511);
}

#[test]
fn who_cannot_begin_rooms_does_not_learn_that_a_name_is_taken() {
    let mut house = House::of(Server::builder().set("rooms.auto_create", "false"));
    let mut own = house.account("own");
    change(&mut own, "dugout", "create");
    change(&mut own, "dugout", "private");
    let address = Ipv4Addr::new(127, 0, 0, 9);
    change(&mut own, "dugout", &format!("ban;{address}"));
    let banned = house.connect_from("AUTH;a;GUEST;gus", address);
    for mut guest in [house.server.guest("guest"), banned] {
        let of = |guest: &mut Gc2, room: &str| {
            refused(guest, &format!("ROOM;x;{room};create"), "forbidden")
        };
        assert_eq!(of(&mut guest, "dugout"), of(&mut guest, "nowhere"));
    }
}

/// Whatever holds up a change elsewhere must not hold up the one answer and not the other.
#[test]
fn what_is_not_there_is_answered_as_fast_as_what_is_hidden() {
    let mut house = House::of(Server::builder().set("rooms.auto_create", "false"));
    let mut own = house.account("own");
    for room in ["den", "dugout"] {
        change(&mut own, room, "create");
    }
    change(&mut own, "dugout", "private");
    let mut stranger = house.account("stranger");
    stranger.check_alive();
    let db = rusqlite::Connection::open(house.accounts.file()).expect("the database");
    db.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    // Waits for the disk, and whoever decides about rooms with it.
    own.send("ROOM;waits;den;topic;tea");
    for room in ["dugout", "nowhere"] {
        for line in [
            "ROOM;x;ROOM;topic;x",
            "JOIN;x;ROOM;",
            "ROOM;x;ROOM;kick;own",
        ] {
            let (verb, rest) = line.split_at(line.find(';').unwrap_or_default());
            let line = format!("{verb}{}", rest.replace("ROOM", room));
            refused(&mut stranger, &line, "not-found");
        }
    }
    db.execute_batch("ROLLBACK").expect("the lock's end");
    own.expect("OK;waits;den");
}
