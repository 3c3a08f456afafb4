//! Guests beside people who have accounts.

use super::{House, PASSWORD, base64, builder, plain};
use crate::support::{Gc2, fresh_address};

#[test]
fn a_registered_name_is_no_guests_in_any_spelling() {
    let mut house = House::open();
    house.add("Alice");
    house.add("bob_0");
    // Heard of by now: the account logs in, and the guest behind it is asked about after.
    house.enter(&plain("alice", PASSWORD)).check_alive();
    let mut client = house.server.connect();
    for name in [
        "alice", "Alice", "ALICE", "al1ce", "aIice", "bob_O", "BOB_o",
    ] {
        let end = std::time::Instant::now() + crate::support::PATIENCE;
        loop {
            client.send(&format!("AUTH;a;GUEST;{name}"));
            let answer = client.line();
            if answer.starts_with("ERR;a;conflict;") {
                break;
            }
            // Accounts that others make are known a moment later.
            assert!(
                std::time::Instant::now() < end && answer.starts_with("OK;"),
                "{name}: {answer}"
            );
            client = house.server.connect();
        }
    }
    for name in [
        "\u{430}lice",
        "\u{ff41}lice",
        "al\u{200d}ice",
        "al\0ice",
        "alice ",
        "alice\u{301}",
    ] {
        client.send(&format!("AUTH;a;GUEST;{name}"));
        client.expect_start("ERR;a;bad-request;");
    }
    client.send("AUTH;a;GUEST;alicia");
    client.expect_start("OK;a;alicia;");
}

#[test]
fn a_guest_goes_when_its_name_is_taken() {
    let mut house = House::of(
        builder()
            .set("auth.registration", "open")
            .set("server.shards", 3),
    );
    // Beside the server, and by REGISTER.
    for by_register in [false, true] {
        let name = if by_register { "bob" } else { "alice" };
        let address = fresh_address();
        let mut guests: Vec<Gc2> = (0..5)
            .map(|at| {
                let spelt = if at % 2 == 0 {
                    name.to_uppercase()
                } else {
                    name.to_owned()
                };
                let mut guest = house.send_from(&format!("AUTH;a;GUEST;{spelt}"), address);
                guest.expect_start("OK;a;");
                guest.join("den", "");
                guest
            })
            .collect();
        let mut other = house.server.guest(&format!("{name}-other"));
        if by_register {
            let line = format!("REGISTER;a;{name};{}", base64(PASSWORD));
            house.send(&line).expect("OK;a;bob");
        } else {
            house.add(name);
        }
        for guest in &mut guests {
            assert_eq!(guest.until_closed(), ["BYE;name-taken;0"], "{name}");
        }
        other.check_alive();
        house.enter(&plain(name, PASSWORD)).check_alive();
        house
            .send_from(&format!("AUTH;a;GUEST;{name}"), address)
            .expect_start("ERR;a;conflict;");
    }
}

#[test]
fn guests_come_only_as_configured() {
    let house = House::of(builder().set("auth.guests", "never"));
    house
        .send("AUTH;a;GUEST;gus")
        .expect_start("ERR;a;forbidden;guests are not let in");
    let mut house = House::of(super::strict().set("limits.connections_per_account", 3));
    let address = fresh_address();
    let mut there: Vec<Gc2> = (0..3)
        .map(|_| {
            let mut guest = house.send_from("AUTH;a;GUEST;gus", address);
            guest.expect_start("OK;a;gus;");
            guest
        })
        .collect();
    house.send_from("AUTH;a;GUEST;Gus", address).expect_start(
        "ERR;a;rate-limited;gus has 3 connections already"
            .replace("gus", "Gus")
            .as_str(),
    );
    house
        .send_from("AUTH;a;GUEST;gus", fresh_address())
        .expect_start("ERR;a;conflict;");
    there.pop();
    let mut next = Gc2::connect_from(house.server.address(), address);
    super::until_ok(&mut next, "AUTH;a;GUEST;gus");
    house.add("unused");
}
