//! Every place that there is panics once, while everything goes on.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use super::world;

/// How long a wave of panics may take until each has happened.
const WAVE_PATIENCE: Duration = Duration::from_secs(20);

/// Passed only while the server starts, each once.
const AT_THE_START: [&str; 6] = [
    "auth/KnowSessions",
    "gate/LiveOn",
    "log/AddShard",
    "log/LimitRooms",
    "registry/KnowShards",
    "sessions/Connect",
];
/// Passed only while it stops.
const AT_THE_END: [&str; 2] = ["log/CloseLog", "sessions/SendHome"];

/// Passed only while another process takes over; see `takeover::failures`.
const IN_A_TAKEOVER: [&str; 1] = ["sessions/AwaitTold"];
/// Passed only when a disk or the log's queue is full: `privileged::full_disk`, `overload::lagging`.
const WHEN_FULL: [&str; 2] = ["client/LookAgain", "room/QueueHasRoom"];

/// Passed only while health is asked for, or while the log does not keep up, or its disk is full.
const NOW_AND_THEN: [&str; 4] = [
    "client/LookAgain",
    "log/ProbeLog",
    "room/HearProbe",
    "room/QueueHasRoom",
];

/// All places that the source names: [name of the place, with or without `/entry` and `/end`].
pub fn known() -> BTreeSet<String> {
    let (mut found, mut folders) = (
        BTreeSet::new(),
        vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")],
    );
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("text");
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            let names = |start: &str| {
                let parts = text.split(start).skip(1);
                let names = parts.filter_map(|part| part.split('"').next());
                names.map(str::to_owned).collect::<Vec<_>>()
            };
            for name in names("panic_at::place(\"") {
                found.extend([format!("{name}/entry"), format!("{name}/end")]);
            }
            found.extend(names("panic_at::point(\""));
        }
    }
    found
}

fn is_among(place: &str, names: &[&str]) -> bool {
    names
        .iter()
        .any(|name| place.starts_with(&format!("{name}/")))
}

#[test]
fn each_place_panics_while_everything_goes_on() {
    let known = known();
    assert!(known.len() > 150, "only {} places were found", known.len());
    let later = |place: &&String| {
        !place.starts_with("fatal/")
            && !is_among(place, &AT_THE_START)
            && !is_among(place, &AT_THE_END)
            && !is_among(place, &NOW_AND_THEN)
            && !is_among(place, &IN_A_TAKEOVER)
            && !is_among(place, &WHEN_FULL)
    };
    let at_start: Vec<String> = AT_THE_START
        .iter()
        .flat_map(|name| {
            // A server that cannot wire its shards does not start.
            let ends = ["entry", "end"]
                .iter()
                .filter(|_| *name != "sessions/Connect");
            ends.map(move |end| format!("{name}/{end}"))
        })
        .collect();
    let panics = format!("rate=4000000000,restarts=100000,at={}", at_start.join("|"));
    let mut missing = Vec::new();
    let outcome = world::run(&panics, |steering| {
        // Not both at once: a message that panics twice is dropped.
        for (wave, end) in ["/entry", "/end", ""].into_iter().enumerate() {
            let is_of_wave = |place: &&String| match wave {
                2 => !place.ends_with("/entry") && !place.ends_with("/end"),
                _ => place.ends_with(end),
            };
            let wanted: BTreeSet<&String> = known.iter().filter(later).filter(is_of_wave).collect();
            for place in &wanted {
                steering.provoke(&format!("at={place}"));
                std::thread::sleep(Duration::from_millis(10));
            }
            let until = Instant::now() + WAVE_PATIENCE;
            loop {
                let fired = steering.fired();
                let due: Vec<_> = wanted
                    .iter()
                    .filter(|at| !fired.contains_key(**at))
                    .collect();
                if due.is_empty() {
                    break;
                }
                if Instant::now() >= until {
                    missing.extend(due.into_iter().map(ToString::to_string));
                    break;
                }
                // Some are passed only when an actor starts anew.
                for actor in ["auth", "room", "codec"] {
                    steering.provoke(actor);
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        for name in AT_THE_END {
            steering.provoke(&format!("at={name}/entry"));
        }
    });
    assert!(missing.is_empty(), "never passed: {missing:?}");
    for place in &at_start {
        assert!(
            outcome.fired.contains_key(place),
            "{place}: {:?}",
            outcome.fired
        );
    }
}
