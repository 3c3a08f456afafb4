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
mod trouble;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ops::supervise::panic_text;
use trouble::Lives;

/// Seeds that are tried by default.
const SEEDS: u64 = 400;
/// Of so many seeds one is lived through a second time, with busy lives.
const BUSY_ONE_IN: u64 = 4;
/// Seeds that found something once, beside those that are tried anyway.
const KEPT: [u64; 35] = [
    417, 444, 454, 485, 522, 603, 642, 650, 697, 1007, 1020, 1023, 1170, 1218, 1290, 1490, 1584,
    1938, 2193, 2215, 2644, 2669, 2751, 124, 127, 179, 196, 210, 272, 346, 3361, 42684, 53150,
    66493, 71180,
];

/// The same of busy lives.
const KEPT_BUSY: [u64; 13] = [
    7544, 12688, 21780, 1332, 20124, 42444, 62120, 94668, 112332, 138204, 153464, 177548, 241696,
];

/// Lives through one seed; returns how many operations of the disk that were, and what they were in one number.
fn live_through(seed: u64, lives: Lives, trace: bool) -> Result<(u64, u64), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    let lived = std::panic::catch_unwind(|| {
        runtime.block_on(async {
            let mut world = world::World::new(seed, lives, trace);
            world.run().await.map(|()| world.machine.history())
        })
    });
    lived.unwrap_or_else(|panic| Err(format!("panicked: {}", panic_text(&*panic))))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn complain(seed: u64, lives: Lives, why: &str) -> ! {
    let test = match lives {
        Lives::Ordinary => "seeds",
        Lives::Busy => "seeds_with_busy_lives",
    };
    panic!(
        "seed {seed}, {lives:?}: {why}\nto see it: GENCOMM_SEED={seed} cargo test --lib --all-features hub::log::simulation::{test} -- --exact --nocapture"
    );
}

/// Tries one in `one_in` of all seeds, or the one that is asked for.
fn try_seeds(lives: Lives, one_in: u64) {
    if let Some(seed) = number("GENCOMM_SEED") {
        match live_through(seed, lives, true) {
            Ok((operations, _)) => eprintln!("seed {seed}: {operations} operations, all well"),
            Err(why) => complain(seed, lives, &why),
        }
        return;
    }
    let from = number("GENCOMM_SEED_BASE").unwrap_or(0);
    let to = from + number("GENCOMM_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(from.next_multiple_of(one_in));
    let failed: Mutex<Vec<(u64, String)>> = Mutex::default();
    let operations = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(one_in, Ordering::Relaxed);
                    if seed >= to || !failed.lock().unwrap().is_empty() {
                        return;
                    }
                    match live_through(seed, lives, false) {
                        Ok((count, _)) => drop(operations.fetch_add(count, Ordering::Relaxed)),
                        Err(why) => failed.lock().unwrap().push((seed, why)),
                    }
                }
            });
        }
    });
    let operations = operations.into_inner();
    eprintln!(
        "{lives:?}, seeds {from} to {to}, one in {one_in}: {operations} operations of the disk"
    );
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    if let Some((seed, why)) = failed.first() {
        complain(*seed, lives, why);
    }
}

#[test]
fn seeds() {
    try_seeds(Lives::Ordinary, 1);
}

#[test]
fn seeds_with_busy_lives() {
    try_seeds(Lives::Busy, BUSY_ONE_IN);
}

#[test]
fn seeds_that_found_something_find_nothing_more() {
    let ordinary = KEPT.map(|seed| (seed, Lives::Ordinary));
    let busy = KEPT_BUSY.map(|seed| (seed, Lives::Busy));
    for (seed, lives) in ordinary.into_iter().chain(busy) {
        if let Err(why) = live_through(seed, lives, false) {
            complain(seed, lives, &why);
        }
    }
}

#[test]
fn a_seed_does_the_same_every_time() {
    for (lives, seeds) in [(Lives::Ordinary, 20), (Lives::Busy, 4)] {
        for seed in 0..seeds {
            let [once, again] = [(); 2].map(|()| live_through(seed, lives, false));
            assert_eq!(once, again, "{seed}, {lives:?}");
        }
    }
}
