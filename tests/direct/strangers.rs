//! Nobody but the two ends learns anything of a conversation: not that it is there, and not that an id is of it.

use super::{Pair, say};
use crate::rooms::{House, refused, so_far};

#[test]
fn an_id_of_others_is_no_id_at_all() {
    let mut pair = Pair::open();
    let id = say(&mut pair.ann[0], "@bob", "between us");
    let mut eve = pair.house.account("eve");
    let mut boss = pair.house.admin("boss");
    let mut gus = pair.house.server.guest("gus");
    for stranger in [&mut eve, &mut boss, &mut gus] {
        for verb in ["GET", "DELETE"] {
            let answer = refused(stranger, &format!("{verb};x;{id}"), "not-found");
            let never = refused(stranger, &format!("{verb};x;{}", id + 1000), "not-found");
            assert_eq!(answer, never, "{verb}");
        }
        for room in ["@ann,bob", "@Ann,Bob", "ann,bob", "@bob,ann"] {
            for line in [
                format!("HISTORY;x;{room};;"),
                format!("JOIN;x;{room};after=0"),
                format!("SEND;x;{room};me too"),
                format!("WHO;x;{room}"),
                format!("PART;x;{room}"),
                format!("ROOM;x;{room};invite;eve"),
            ] {
                refused(stranger, &line, "bad-request");
            }
        }
    }
    // Their own conversations with the same people are others, and empty.
    for stranger in [&mut eve, &mut boss] {
        for other in ["@ann", "@bob"] {
            stranger.ask(&format!("HISTORY;h;{other};after=0;"), "OK;h;0");
        }
    }
    for client in [
        &mut eve,
        &mut boss,
        &mut gus,
        &mut pair.ann[0],
        &mut pair.bob[0],
    ] {
        client.send("ROOMS;r");
        let (rooms, _) = client.until("OK;r;");
        assert!(
            rooms
                .iter()
                .all(|line| !line.contains('@') || line.starts_with("MSG;")),
            "{rooms:?}"
        );
    }
    assert_eq!(pair.ann[0].whole_history("@bob").len(), 1);
    for stranger in [&mut eve, &mut boss, &mut gus] {
        assert_eq!(so_far(stranger), [""; 0]);
    }
}

#[test]
fn guests_have_none() {
    let mut house = House::open();
    let mut ann = house.account("ann");
    let mut gus = house.server.guest("gus");
    for line in [
        "SEND;x;@ann;hi",
        "SEND;x;@gus;hi",
        "SEND;x;@nobody;hi",
        "HISTORY;x;@ann;;",
    ] {
        refused(&mut gus, line, "forbidden");
    }
    refused(&mut gus, "JOIN;x;@ann;", "bad-request");
    let mut nobody = house.server.connect();
    for line in ["SEND;x;@ann;hi", "HISTORY;x;@ann;;"] {
        refused(&mut nobody, line, "unauthenticated");
    }
    assert_eq!(so_far(&mut ann), [""; 0]);
}
