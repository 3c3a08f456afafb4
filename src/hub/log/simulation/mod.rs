//! The real actor over the real log over a disk in memory, with clocks of its own: by a seed the disk tears, loses, refuses, goes off, the
//! actor panics, the clock is set; and a model knows what was answered.
//!
//! `GENCOMM_SEEDS=10000` tries so many seeds, from `GENCOMM_SEED_BASE` on; `GENCOMM_SEED=n` replays one and prints everything it does.

mod asking;
mod hearing;
mod life;
mod listener;
mod model;
mod reading;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ops::supervise::panic_text;

/// Seeds that are tried by default.
const SEEDS: u64 = 400;
/// Seeds that found something once, beside those that are tried anyway.
const KEPT: [u64; 30] = [
    417, 444, 454, 485, 522, 603, 642, 650, 697, 1007, 1020, 1023, 1170, 1218, 1290, 1490, 1584,
    1938, 2193, 2215, 2644, 2669, 2751, 124, 127, 179, 196, 210, 272, 346,
];

/// Lives through one seed; returns how many operations of the disk that were, and what they were in one number.
fn live_through(seed: u64, trace: bool) -> Result<(u64, u64), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    let lived = std::panic::catch_unwind(|| {
        runtime.block_on(async {
            let mut world = world::World::new(seed, trace);
            world.run().await.map(|()| world.machine.history())
        })
    });
    lived.unwrap_or_else(|panic| Err(format!("panicked: {}", panic_text(&*panic))))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn complain(seed: u64, why: &str) -> ! {
    panic!(
        "seed {seed}: {why}\nto see it: GENCOMM_SEED={seed} cargo test --lib simulation::seeds -- --nocapture"
    );
}

#[test]
fn seeds() {
    if let Some(seed) = number("GENCOMM_SEED") {
        match live_through(seed, true) {
            Ok((operations, _)) => eprintln!("seed {seed}: {operations} operations, all well"),
            Err(why) => complain(seed, &why),
        }
        return;
    }
    let from = number("GENCOMM_SEED_BASE").unwrap_or(0);
    let to = from + number("GENCOMM_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(from);
    let failed: Mutex<Vec<(u64, String)>> = Mutex::default();
    let operations = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= to || !failed.lock().unwrap().is_empty() {
                        return;
                    }
                    match live_through(seed, false) {
                        Ok((count, _)) => drop(operations.fetch_add(count, Ordering::Relaxed)),
                        Err(why) => failed.lock().unwrap().push((seed, why)),
                    }
                }
            });
        }
    });
    let operations = operations.into_inner();
    eprintln!("seeds {from} to {to}: {operations} operations of the disk");
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    if let Some((seed, why)) = failed.first() {
        complain(*seed, why);
    }
}

#[test]
fn seeds_that_found_something_find_nothing_more() {
    for seed in KEPT {
        if let Err(why) = live_through(seed, false) {
            complain(seed, &why);
        }
    }
}

#[test]
fn a_seed_does_the_same_every_time() {
    for seed in 0..20 {
        assert_eq!(
            live_through(seed, false),
            live_through(seed, false),
            "{seed}"
        );
    }
}
