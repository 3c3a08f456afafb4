//! Much at once: order, nothing twice, nothing lost, whoever is slow.

use std::thread;

use super::{Pair, ids_until, say};
use crate::rooms::{House, so_far};
use crate::support::{Gc2, Server, number};

use gencomm::store::accounts::Role;

#[test]
fn two_thousand_messages_both_ways_come_in_order_and_once() {
    let mut pair = Pair::open();
    let mut senders = [(pair.ann.remove(0), "@bob"), (pair.bob.remove(0), "@ann")];
    let log_in = pair.log_ins[1].clone();
    thread::scope(|scope| {
        for (client, to) in &mut senders {
            scope.spawn(move || {
                for round in 0..1000 {
                    client.send(&format!("SEND;;{to};{round}"));
                }
            });
        }
        for client in pair.ann.iter_mut().chain(&mut pair.bob) {
            scope.spawn(move || {
                let mut ids: Vec<u64> = Vec::new();
                while ids.len() < 2000 {
                    let line = client.expect_start("MSG;@");
                    let id = number(&line, 2);
                    assert!(ids.last().is_none_or(|last| *last < id), "{line:?}");
                    ids.push(id);
                }
            });
        }
    });
    // One who logs in while more comes hears an unbroken end of it.
    let (mut ann, _) = std::mem::replace(&mut senders[0], (pair.ann.remove(0), ""));
    let flood = thread::spawn(move || {
        for round in 0..2000 {
            ann.send(&format!("SEND;;@bob;more {round}"));
        }
        ann
    });
    let mut late: Vec<Gc2> = (0..8).map(|_| pair.house.connect(&log_in)).collect();
    let mut ann = flood.join().expect("the sender");
    say_last(&mut ann);
    let whole = ids_until(&mut pair.bob[0], "the last one");
    assert_eq!(whole.len(), 2001);
    for client in &mut late {
        let heard = ids_until(client, "the last one");
        assert!(
            whole.ends_with(&heard),
            "{} of {}",
            heard.len(),
            whole.len()
        );
    }
    let all = pair.bob[0].whole_history("@ann");
    assert_eq!(all.len(), 4001);
}

fn say_last(client: &mut Gc2) {
    client.send("SEND;;@bob;the last one");
}

#[test]
fn who_reads_slowly_loses_nothing() {
    // Tails that hold little, so that the rest has to come from the log.
    let builder = Server::builder()
        .set("server.shards", "4")
        .set("rooms.tail_bytes", "64KiB")
        .set("rooms.tails_bytes", "256KiB")
        .set("storage.durability", "os")
        .set("storage.journal_bytes", "8MiB");
    let mut house = House::of(builder);
    let log_in = house.add("bob", Role::Member);
    let mut slow: Vec<Gc2> = (0..3)
        .map(|at| {
            let mut client = Gc2::connect_with_buffer(house.server.address(), 4096);
            if at == 2 {
                client.send("HELLO;h;2;tests;body=c16");
                client.expect_start("WELCOME;h;");
            }
            client.send(&log_in);
            client.expect_start("OK;a;");
            client
        })
        .collect();
    let mut ann = house.account("ann");
    let mut eve = house.account("eve");
    let padding = ".".repeat(8000);
    for round in 0..1500 {
        ann.send(&format!("SEND;a{round};@bob;{padding}"));
        eve.send(&format!("SEND;e{round};@bob;{round}"));
        ann.until(&format!("OK;a{round};"));
        eve.until(&format!("OK;e{round};"));
    }
    let mut expected = [ann, eve].map(|mut client| {
        let ids: Vec<u64> = client
            .whole_history("@bob")
            .iter()
            .map(|(id, _)| *id)
            .collect();
        assert_eq!(ids.len(), 1500);
        ids
    });
    for client in &mut slow {
        let mut heard = [Vec::new(), Vec::new()];
        while heard[0].len() < 1500 || heard[1].len() < 1500 {
            let line = client.line();
            let at = usize::from(line.starts_with("MSG;@eve;"));
            assert!(at == 1 || line.starts_with("MSG;@ann;"));
            heard[at].push(number(&line, 2));
        }
        for (heard, expected) in heard.iter().zip(&mut expected) {
            assert!(heard == expected);
        }
        assert_eq!(so_far(client), [""; 0]);
    }
}

#[test]
fn rooms_are_entered_and_left_while_conversations_come_and_go() {
    let builder = Server::builder().set("limits.rooms_per_client", "3");
    let mut house = House::of(builder);
    let mut bob = house.account("bob");
    let mut others: Vec<Gc2> = (0..6)
        .map(|at| house.account(&format!("acc{at}")))
        .collect();
    thread::scope(|scope| {
        for client in &mut others {
            scope.spawn(move || {
                for round in 0..300 {
                    client.send(&format!("SEND;flood{round};@bob;{round}"));
                    client.until(&format!("OK;flood{round};"));
                }
            });
        }
        let mut heard = [0; 6];
        let mut count = |lines: Vec<String>| {
            for line in lines {
                let Some(rest) = line.strip_prefix("MSG;@acc") else {
                    assert!(line.starts_with("MSG;den"), "{line:?}");
                    continue;
                };
                let (at, _) = rest.split_once(';').expect("a name");
                let at: usize = at.parse().expect("a number");
                assert!(line.ends_with(&format!(";{}", heard[at])), "{line:?}");
                heard[at] += 1;
            }
            heard.iter().sum::<usize>()
        };
        let mut round = 0;
        let mut total = 0;
        while total < 6 * 300 {
            round += 1;
            for room in ["den1", "den2", "den3"] {
                bob.send(&format!("JOIN;j;{room};last=1"));
                let (before, _) = bob.until("OK;j;");
                count(before);
                bob.send(&format!("SEND;s{round}{room};{room};{round}"));
                let (before, answer) = bob.until(&format!("OK;s{round}{room};"));
                let own = format!("MSG;{room};{};", number(&answer, 2));
                let is_told = before.iter().any(|line| line.starts_with(&own));
                count(before);
                if !is_told {
                    let (before, _) = bob.until(&own);
                    count(before);
                }
            }
            for room in ["den2", "den1", "den3"] {
                bob.send(&format!("PART;p;{room}"));
                let (before, _) = bob.until("OK;p;");
                total = count(before);
            }
        }
    });
    let id = say(&mut bob, "@acc0", "enough");
    others[0].until(&format!("MSG;@bob;{id};"));
}

#[test]
fn who_catches_up_while_more_comes_gets_nothing_twice() {
    // So little in memory that readers are at the log most of the time, which may be ahead of what they were told.
    let builder = Server::builder()
        .set("rooms.tail_bytes", "64KiB")
        .set("rooms.tails_bytes", "64KiB")
        .set("storage.durability", "os");
    let mut house = House::of(builder);
    let log_in = house.add("bob", Role::Member);
    let mut readers: Vec<Gc2> = (0..6)
        .map(|_| {
            let mut client = Gc2::connect_with_buffer(house.server.address(), 4096);
            client.send(&log_in);
            client.expect_start("OK;a;");
            client
        })
        .collect();
    let mut ann = house.account("ann");
    let padding = ".".repeat(7000);
    thread::scope(|scope| {
        for client in &mut readers {
            scope.spawn(|| assert_eq!(ids_until(client, "end").len(), 1501));
        }
        for round in 0..1500 {
            ann.send(&format!("SEND;flood{round};@bob;{padding}"));
            if round % 8 == 0 {
                ann.until(&format!("OK;flood{round};"));
            }
        }
        ann.send("SEND;;@bob;end");
    });
    for client in &mut readers {
        assert_eq!(so_far(client), [""; 0]);
    }
}
