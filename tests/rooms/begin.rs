//! How rooms come to be, and how many.

use super::{House, change, refused};
use crate::support::{Gc2, Server, fresh_address};

#[test]
fn an_account_owns_the_room_that_it_begins() {
    let mut house = House::open();
    let mut ann = house.account("Ann");
    assert_eq!(ann.join("den", ""), 0);
    change(&mut ann, "den", "topic;mine");
    let mut bob = house.account("bob");
    bob.join("den", "");
    refused(&mut bob, "ROOM;x;den;topic;mine", "forbidden");
    change(&mut bob, "attic", "create");
    refused(&mut ann, "ROOM;x;attic;create", "conflict");
    refused(&mut ann, "ROOM;x;lobby;create", "conflict");
    refused(
        &mut house.server.guest("gus"),
        "ROOM;x;new;create",
        "forbidden",
    );
    // Created and empty: there for all.
    let mut gus = house.server.guest("gus2");
    gus.ask("WHO;w;attic", "OK;w;0");
    gus.ask("HISTORY;h;attic;;", "OK;h;0");
    gus.send("ROOMS;r");
    assert_eq!(
        gus.until("OK;r;2").0,
        ["ROOM;r;attic;0;0", "ROOM;r;den;2;0"]
    );
    assert_eq!(
        house.audit(),
        [
            "ann room.create den",
            "ann room.topic den",
            "bob room.create attic"
        ]
    );
}

#[test]
fn two_who_begin_a_room_at_once_make_one_owner() {
    let mut house = House::open();
    for round in 0..8 {
        let mut both: Vec<Gc2> = (0..2)
            .map(|at| house.account(&format!("u{round}-{at}")))
            .collect();
        for client in &mut both {
            client.send(&format!("JOIN;j;den{round};"));
        }
        let mut owners = 0;
        for client in &mut both {
            client.until("OK;j;");
            client.send(&format!("ROOM;x;den{round};retention;none"));
            owners += usize::from(client.line().starts_with("OK;x;"));
        }
        assert_eq!(owners, 1);
    }
}

#[test]
fn without_auto_create_a_room_is_begun_by_its_verb_alone() {
    let mut house = House::of(Server::builder().set("rooms.auto_create", "false"));
    let mut ann = house.account("ann");
    let mut gus = house.server.guest("gus");
    for client in [&mut ann, &mut gus] {
        for from in ["", "after=0", "last=5"] {
            client.ask(
                &format!("JOIN;x;den;{from}"),
                "ERR;x;not-found;there is no such room",
            );
        }
        client.join("lobby", "");
    }
    change(&mut ann, "den", "create");
    ann.join("den", "");
    gus.join("den", "");
    gus.say("den", "t", "here");
}

#[test]
fn a_room_that_the_log_knows_is_there_without_anybody_in_it() {
    let mut house = House::of(Server::builder().set("rooms.auto_create", "true"));
    let mut gus = house.server.member("gus", "corner");
    let id = gus.say("corner", "t", "hello");
    gus.send("BYE;b");
    gus.until_closed();
    let mut ann = house.account("ann");
    refused(&mut ann, "ROOM;x;corner;create", "conflict");
    assert_eq!(ann.join("corner", ""), id);
    refused(&mut ann, "ROOM;x;corner;topic;mine", "forbidden");
    ann.ask("HISTORY;h;corner;after=99;", "OK;h;0");
}

#[test]
fn an_account_begins_so_many_rooms() {
    let mut house = House::of(Server::builder().set("limits.rooms_per_account", 3));
    let mut ann = house.account("ann");
    change(&mut ann, "one", "create");
    ann.join("two", "");
    change(&mut ann, "three", "create");
    for line in ["ROOM;x;four;create", "JOIN;x;four;"] {
        let answer = refused(&mut ann, line, "forbidden");
        assert!(answer.contains("limits.rooms_per_account"), "{answer:?}");
    }
    // Those of others are not counted.
    let _gus = house.server.member("gus", "four");
    ann.join("four", "");
    house.admin("boss").join("five", "");
}

#[test]
fn there_are_so_many_rooms_in_all() {
    let mut house = House::of(Server::builder().set("limits.rooms", 2));
    let mut ann = house.account("ann");
    change(&mut ann, "one", "create");
    change(&mut ann, "two", "create");
    let answer = refused(&mut ann, "ROOM;x;three;create", "unavailable");
    assert!(answer.contains("limits.rooms"), "{answer:?}");
}

#[test]
fn an_address_begins_so_many_rooms_a_minute() {
    let mut house = House::of(
        Server::builder()
            .set("limits.exempt", "192.0.2.1")
            .set("limits.new_rooms_per_minute", 3),
    );
    let mut ann = house.account("ann");
    let mut gus = house.server.guest("gus");
    ann.join("a1", "");
    gus.join("g1", "");
    change(&mut ann, "a2", "create");
    let answers = [
        refused(&mut ann, "ROOM;x;a3;create", "rate-limited"),
        refused(&mut ann, "JOIN;x;a3;", "rate-limited"),
        refused(&mut gus, "JOIN;x;g2;", "rate-limited"),
    ];
    for answer in answers {
        assert!(answer.contains("limits.new_rooms_per_minute") && answer.ends_with(" s"));
    }
    // Rooms that are there cost nothing, and another address has its own share.
    gus.join("a2", "");
    gus.join("lobby", "");
    let mut far = Gc2::connect_from(house.server.address(), fresh_address());
    far.login("far");
    far.join("f1", "");
}
