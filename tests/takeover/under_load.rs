//! The measure: everything that was answered is there once, everybody hears everything once, and the gap in accepting is short.
//!
//! `GENCOMM_TAKEOVER_CLIENTS=1000 GENCOMM_TAKEOVER_ROUNDS=5 GENCOMM_TAKEOVER_GAP_MS=1000` makes it the run whose result stands in
//! docs/reliability.md: on a machine that is busy with other things the gap is longer, and only the rest is sure.
//! With `GENCOMM_PROGRAM` and `GENCOMM_SUCCESSOR` the two processes are of other builds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use gencomm::ops::sys::raise_descriptor_limit;

use super::crowd::{Crowd, Member, Story};
use super::probe::{Found, Probe};
use crate::auth::{House, PASSWORD, builder, plain, token_line};
use crate::support::{PATIENCE, Server, assert_same_ids};

/// Messages of all clients together, in a second.
const MESSAGES_PER_SECOND: f64 = 250.0;
/// Clients of one account, and of one room.
const PER_ACCOUNT: usize = 50;

fn from_environment(name: &str, otherwise: usize) -> usize {
    let text = std::env::var(name).ok();
    text.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// `count` clients: accounts with resume tokens, and one in ten a guest.
pub fn members(house: &mut House, count: usize) -> Vec<Member> {
    let pause = Duration::from_secs_f64(count as f64 / MESSAGES_PER_SECOND);
    let accounts = count.div_ceil(PER_ACCOUNT);
    let log_ins: Vec<String> = (0..accounts)
        .map(|at| {
            let name = format!("user{at}");
            house.add(&name);
            let (_, token) = house.enter_for_token(&plain(&name, PASSWORD));
            token_line(&token)
        })
        .collect();
    let member = |at: usize| Member {
        log_in: match at % 10 {
            9 => format!("AUTH;a;GUEST;guest{at}"),
            _ => log_ins[at % accounts].clone(),
        },
        room: format!("room{}", at / PER_ACCOUNT),
        pause,
    };
    (0..count).map(member).collect()
}

#[test]
fn nothing_is_lost_or_doubled_and_the_gap_is_short() {
    let count = from_environment("GENCOMM_TAKEOVER_CLIENTS", 100);
    let rounds = from_environment("GENCOMM_TAKEOVER_ROUNDS", 3);
    let patience = PATIENCE.as_millis() as usize;
    let gap_max = from_environment("GENCOMM_TAKEOVER_GAP_MS", patience);
    let gap_max = Duration::from_millis(gap_max as u64);
    raise_descriptor_limit().expect("descriptors");
    let mut house = House::of(builder());
    let members = members(&mut house, count);
    let crowd = Crowd::start(house.server.address(), members);
    crowd.wait("all are in", |crowd| crowd.inside() == count);
    let mut found: Vec<(Found, Duration)> = Vec::new();
    for _ in 0..rounds {
        let kept = crowd.kept();
        crowd.wait("a load", |crowd| crowd.kept() >= kept + 300);
        let probe = Probe::start(house.server.address());
        let begun = Instant::now();
        house.server.take_over();
        let took = begun.elapsed();
        crowd.wait("all are back", |crowd| crowd.inside() == count);
        found.push((probe.stop(), took));
    }
    let kept = crowd.kept();
    crowd.wait("the last one works", |crowd| crowd.kept() >= kept + 300);
    let stories = settle(crowd, &house.server, count);
    report(count, &found, &stories);
    for (found, _) in &found {
        assert_eq!(found.refused, 0, "the sockets listen all the time");
        assert!(found.gap < gap_max, "{found:?}");
    }
    for story in &stories {
        assert_eq!(story.refused, 0, "the sockets listen all the time");
        assert!(story.told.len() + story.cut >= rounds, "{:?}", story.told);
    }
}

/// Lets everybody hear everything, and checks it.
#[track_caller]
pub fn settle(crowd: Crowd, server: &Server, count: usize) -> Vec<Story> {
    crowd.hush();
    let rooms = (0..count.div_ceil(PER_ACCOUNT)).map(|at| format!("room{at}"));
    let mut reader = server.guest("reader");
    let stored: BTreeMap<String, Vec<(u64, String)>> = rooms
        .map(|room| (room.clone(), reader.whole_history(&room)))
        .collect();
    let newest = stored.iter().map(|(room, said)| {
        let newest = said.last().map_or(0, |(id, _)| *id);
        (room.clone(), newest)
    });
    let stories = crowd.leave(newest.collect());
    check(&stories, &stored);
    stories
}

fn check(stories: &[Story], stored: &BTreeMap<String, Vec<(u64, String)>>) {
    let mut kept: BTreeMap<&str, BTreeSet<(u64, &str)>> = BTreeMap::new();
    for story in stories {
        let room = kept.entry(&story.room).or_default();
        for (id, body) in &story.kept {
            assert!(room.insert((*id, body)), "{id} was answered twice");
        }
        // From where it came in, nothing is missing, and nothing came twice.
        let all = stored[&story.room].iter().map(|(id, _)| *id);
        let expected: Vec<u64> = all.filter(|id| *id > story.begun_behind).collect();
        assert_same_ids(&story.heard, &expected, "a client");
    }
    for (room, stored) in stored {
        let stored: BTreeSet<(u64, &str)> = stored.iter().map(|(id, it)| (*id, &**it)).collect();
        assert_eq!(stored, kept[&**room], "{room}");
    }
}

fn report(count: usize, found: &[(Found, Duration)], stories: &[Story]) {
    let mut returns: Vec<Duration> = stories.iter().flat_map(|it| it.returns.clone()).collect();
    returns.sort_unstable();
    let at = |share: f64| returns[((returns.len() - 1) as f64 * share) as usize];
    let sum = |of: fn(&Story) -> usize| stories.iter().map(of).sum::<usize>();
    println!(
        "{count} clients, {} takeovers: {} messages kept, {} said again, {} heard, {} connections cut without a word",
        found.len(),
        sum(|it| it.kept.len()),
        sum(|it| it.again),
        sum(|it| it.heard.len()),
        sum(|it| it.cut),
    );
    println!(
        "back in the room, beyond what BYE said: median {:?}, 99 of 100 {:?}, longest {:?}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    for (found, took) in found {
        println!(
            "gap {:?} ({} WELCOMEs, {} cut), taken over in {took:?}",
            found.gap, found.welcomes, found.cut
        );
    }
}
