//! Actors panic at random while everything goes on: one kind of them at a time, and all together.
//!
//! `GENCOMM_PANIC_ROUNDS=200` runs so many rounds, `GENCOMM_PANIC_SEED=17` begins with that one; a round that fails names its seed. What was
//! survived is printed (`--no-capture`).

use std::collections::BTreeMap;
use std::time::Duration;

use super::world;

/// Whose places are drawn from, in turn.
const WHO: [&str; 14] = [
    "",
    "room/",
    "log/",
    "sessions/",
    "auth/",
    "client/",
    "registry/",
    "codec/",
    "legacy/",
    "gate/",
    "heartbeat/",
    "read-pool/",
    "hash-pool/",
    "inbox/",
];
/// How long a round lasts.
const ROUND: Duration = Duration::from_millis(2500);
/// Most that the median from a connection to a message that another one hears may be; a loaded machine is slow.
const MEDIAN_MAX: Duration = Duration::from_secs(10);

fn number_of(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn panics_at_random_under_load_cost_nobody_else_anything() {
    let rounds = number_of("GENCOMM_PANIC_ROUNDS", 3);
    let first = number_of("GENCOMM_PANIC_SEED", 0);
    let (mut fired, mut probes) = (BTreeMap::<String, u64>::new(), Vec::new());
    let (mut kept, mut losses, mut tries) = (0, 0, 0);
    for seed in first..first + rounds {
        let who = WHO[usize::try_from(seed).expect("a small number") % WHO.len()];
        println!("round {seed}: GENCOMM_PANIC_SEED={seed} GENCOMM_PANIC_ROUNDS=1, places {who:?}");
        let panics = format!("seed={seed},rate=30,places={who},gap=50ms,restarts=1000,calm");
        let outcome = world::run(&panics, |steering| {
            steering.provoke("wild");
            std::thread::sleep(ROUND);
        });
        for (place, count) in outcome.fired {
            *fired.entry(place).or_default() += count;
        }
        probes.extend(outcome.probes);
        kept += outcome.kept;
        losses += outcome.losses;
        tries += outcome.tries;
    }
    probes.sort_unstable();
    let at = |share: usize| probes[(probes.len() - 1) * share / 100];
    let all: u64 = fired.values().sum();
    println!(
        "{rounds} rounds, {all} panics in {} places survived; {kept} messages kept, {losses} clients came back, {tries} tries again;\n\
         from a connection to a message that another one hears: median {:?}, 99 of 100 within {:?}, longest {:?}, of {}",
        fired.len(),
        at(50),
        at(99),
        at(100),
        probes.len()
    );
    for (place, count) in &fired {
        println!("{count:7} {place}");
    }
    assert!(all > 0, "nothing has panicked");
    assert!(at(50) < MEDIAN_MAX, "{:?}", at(50));
}
