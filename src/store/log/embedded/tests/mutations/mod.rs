//! Any file of a log's folder altered in any way: found by `verify`, survived by the start, told to readers, set aside by `repair`.
//!
//! `GENCOMM_MUTATIONS` (60 unless set; the page on reliability has the figures of 1,000) says how many, `GENCOMM_MUTATION_SEED` (1) where
//! they begin. Each has a seed of its own: what a failure prints as `GENCOMM_MUTATION_SEED=...` runs that one first.

mod judge;
mod mutate;
mod rig;

use std::collections::BTreeMap;

use judge::Verdict;
use mutate::Mutation;
use rig::{Kind, Rig};

fn from_environment(name: &str, otherwise: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn every_mutation_is_found_survived_and_set_aside() {
    let count = from_environment("GENCOMM_MUTATIONS", 60);
    let begin = from_environment("GENCOMM_MUTATION_SEED", 1);
    let rigs = [Kind::Closed, Kind::Killed, Kind::Behind].map(Rig::build);
    let mut tally: BTreeMap<(&'static str, Verdict), u32> = BTreeMap::new();
    let mut failures = Vec::new();
    for seed in begin..begin + count {
        let rig = &rigs[(seed % 3) as usize];
        let mutation = Mutation::choose(rig, seed);
        match judge::judge(rig, &mutation) {
            Ok(verdict) => *tally.entry((mutation.class, verdict)).or_default() += 1,
            Err(why) => failures.push(format!(
                "GENCOMM_MUTATION_SEED={seed} ({:?} log): {mutation}: {why}",
                rig.kind
            )),
        }
    }
    for ((class, verdict), count) in &tally {
        println!("{count:>5}  {class}: {verdict}");
    }
    assert!(
        failures.is_empty(),
        "{} failed\n{}",
        failures.len(),
        failures.join("\n")
    );
}
