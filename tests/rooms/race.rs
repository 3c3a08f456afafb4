//! Rights that change while they are used.

use super::{House, change};
use crate::support::{Gc2, fresh_tag, number};

const SENDS: usize = 1000;

/// Sends a thousand messages at once from each of the clients, has `act` done meanwhile, and looks whether any message got in
/// after the `OK` of that.
fn nothing_gets_in_after(own: &mut Gc2, senders: &mut [Gc2], act: &str) {
    for (at, sender) in senders.iter_mut().enumerate() {
        // The account's tags are its own, whichever connection.
        let tag = fresh_tag();
        let lines: String = (0..SENDS)
            .map(|number| format!("SEND;{tag}-{number};den;from {at}\n"))
            .collect();
        sender.send_bytes(lines.as_bytes());
    }
    change(own, "den", act);
    // What is in the log now, and nothing more.
    own.send("HISTORY;newest;den;last=1;");
    let border = number(&own.until("HIST;newest;").1, 3);
    own.until("OK;newest;1");
    for sender in senders {
        let (mut kept, mut refused) = (0, 0);
        while kept + refused < SENDS {
            let line = sender.line();
            if line.starts_with("OK;") {
                kept += 1;
                let id = number(&line, 2);
                assert!(id <= border, "{id} was accepted after {border}: {act}");
            } else if line.starts_with("ERR;") {
                refused += 1;
                assert!(line.contains(";forbidden;"), "{line:?}");
            }
        }
    }
}

#[test]
fn after_the_ok_nothing_is_accepted() {
    let mut house = House::open();
    let mut own = house.account("own");
    own.join("den", "");
    own.say("den", "first", "there is something");
    let log_in = house.add("bad", gencomm::store::accounts::Role::Member);
    for round in 0..6 {
        let mut senders: Vec<Gc2> = (0..3).map(|_| house.connect(&log_in)).collect();
        for sender in &mut senders {
            sender.join("den", "");
        }
        let (act, lifted) = [
            ("mute;bad", "unmute;bad"),
            ("ban;bad", "unban;bad"),
            ("kick;bad", "topic;back to work"),
        ][round % 3];
        nothing_gets_in_after(&mut own, &mut senders, act);
        change(&mut own, "den", lifted);
    }
}

#[test]
fn a_hundred_changes_at_once_are_answered_each() {
    let mut house = House::open();
    let mut own = house.account("own");
    own.join("den", "");
    let mut clients: Vec<Gc2> = Vec::new();
    for at in 0..8 {
        let client = house.account(&format!("mod{at}"));
        change(&mut own, "den", &format!("moderator;mod{at}"));
        clients.push(client);
    }
    for round in 0..12 {
        for (at, client) in clients.iter_mut().enumerate() {
            client.send(&format!("ROOM;{round};den;topic;{at} in {round}"));
        }
    }
    for client in &mut clients {
        for round in 0..12 {
            client.expect(&format!("OK;{round};den"));
        }
    }
    let topics = house
        .audit()
        .iter()
        .filter(|line| line.contains("room.topic"))
        .count();
    assert_eq!(topics, 12 * clients.len());
}
