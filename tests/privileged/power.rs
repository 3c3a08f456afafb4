//! Power cuts: the built server on a disk that forgets what was not synced, cut off at any of its operations, also while it recovers.
//!
//! `GENCOMM_CUTS` says how often (100 with `GENCOMM_FULL`), `GENCOMM_SEED` repeats the cuts of a run.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support::forgetful::{Cut, Forgetful};
use crate::support::load::{self, Crowd, Load};
use crate::support::privileges::{self, Need};
use crate::support::{Server, rounds, seed};

/// Operations of the disk before a cut under load, at most: some hundred commits, which the journal does not hold all.
const OPERATIONS_MAX: u64 = 700;
/// The same while the server starts, which takes fewer.
const OPERATIONS_MAX_AT_START: u64 = 60;
/// Every so many rounds everything is read; in the others what is new.
const ROUNDS_TO_ALL: usize = 10;
/// Of so many starts one is cut off too.
const ONE_START_IN: u32 = 3;
/// A cut that has not come by then comes at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at whether it comes at all.
const TURN: Duration = Duration::from_millis(100);

/// Waits for the cut; then everything is off, and on again.
fn cut(server: &mut Server, disk: &mut Forgetful, load: Option<&Load>, seed: u64) {
    let end = Instant::now() + PATIENCE;
    while !disk.wait_for_cut(TURN) {
        // A start may take fewer operations than it was given, and then nobody does any more.
        let is_idle = load.is_none() && server.is_ready_within(Duration::ZERO);
        if is_idle || Instant::now() >= end {
            disk.cut_power();
        }
    }
    // Dead before the disk answers with errors, which no lost power would let it see.
    server.order_to_die();
    disk.let_go();
    server.kill9();
    if let Some(load) = load {
        load.wait_until_all_are_cut_off();
    }
    disk.power_on(Cut::Chance(seed));
}

/// So many cuts under load; `check` looks at what is left after each, nobody being at work.
fn cut_again_and_again(
    rounds: usize,
    durability: &str,
    crowd: Crowd,
    mut check: impl FnMut(&Server, &Load, bool),
) {
    let seed = seed("GENCOMM_SEED");
    eprintln!("{rounds} cuts, durability {durability}: GENCOMM_SEED={seed}");
    let folder = tempfile::tempdir().expect("a folder");
    let mut disk = Forgetful::mount(folder.path());
    let mut server = load::builder()
        .data_dir(&folder.path().join("data"))
        .set("storage.durability", durability)
        .set("storage.flush_interval", "20ms")
        .set("storage.segment_bytes", "64KiB")
        .start();
    let load = Load::start(server.address(), crowd);
    let mut at_start = 0;
    for round in 1..=rounds {
        let seed = seed.wrapping_add(round as u64);
        let mut chance = StdRng::seed_from_u64(seed);
        assert!(
            load.goes_on(1, 3 * PATIENCE),
            "round {round}: nothing is kept"
        );
        disk.cut_power_after(chance.random_range(1..OPERATIONS_MAX));
        cut(&mut server, &mut disk, Some(&load), seed);
        while chance.random_ratio(1, ONE_START_IN) {
            disk.cut_power_after(chance.random_range(1..OPERATIONS_MAX_AT_START));
            server.launch();
            cut(&mut server, &mut disk, None, chance.random());
            at_start += 1;
        }
        server.restart();
        check(&server, &load, round == rounds);
        load.move_to(server.address());
    }
    assert!(load.goes_on(5, 3 * PATIENCE), "nothing is kept");
    let (kept, accounts) = (load.ledger.kept_len(), load.ledger.accounts().len());
    load.finish(&server);
    assert!(server.term().success());
    eprintln!(
        "{rounds} cuts under load and {at_start} at starts: {kept} messages, {accounts} accounts"
    );
}

#[test]
fn nothing_that_was_answered_is_lost() {
    if !privileges::has(&[Need::Root, Need::Fuse]) {
        return;
    }
    let crowd = Crowd {
        rooms: 2,
        senders: 2,
        readers: 1,
        removes: true,
        direct: true,
        registers: true,
        padding: 6000,
    };
    let (mut checked, mut accounts, mut round) = (0, 0, 0);
    let rounds = rounds("GENCOMM_CUTS", 3, 100);
    cut_again_and_again(rounds, "always", crowd, |server, load, is_last| {
        round += 1;
        let is_all = is_last || round % ROUNDS_TO_ALL == 0;
        load.check(server, if is_all { 0 } else { checked });
        load.check_accounts(server, accounts);
        (checked, accounts) = (load.ledger.newest(), load.ledger.accounts().len());
    });
}

#[test]
fn what_is_synced_later_loses_what_was_not_at_most_and_uses_no_id_again() {
    if !privileges::has(&[Need::Root, Need::Fuse]) {
        return;
    }
    let crowd = Crowd {
        rooms: 2,
        senders: 3,
        padding: 500,
        ..Crowd::default()
    };
    let mut lost = 0;
    let rounds = rounds("GENCOMM_CUTS", 3, 100);
    cut_again_and_again(rounds, "interval", crowd, |server, load, _| {
        lost += load.check_but_the_unsynced(server);
    });
    eprintln!("{lost} messages that were not synced were lost");
}
