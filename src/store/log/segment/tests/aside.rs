//! The power goes while several segments are taken out of the log.

use std::path::Path;

use super::super::super::disk::simulated::{Dice, Machine, Plan};
use super::super::super::disk::{Folder, Open};
use super::super::Segments;
use super::super::files::{Part, part_path};
use super::support::*;
use crate::store::log::LogReader;

/// Five segments or more, synced, and nothing of the first one can be read.
fn spoilt(machine: &Machine) {
    machine.make_folder("log");
    let mut segments = open(machine).unwrap();
    for id in 1..=30 {
        let body = "x".repeat(150);
        append(&mut segments, vec![message(id, id * 1000, "lobby", &body)]);
    }
    segments.close().unwrap();
    let folder = folder(machine);
    let names = folder.disk().names(&folder).unwrap();
    let texts = names.iter().filter(|name| name.ends_with(".log"));
    assert!(texts.count() >= 5);
    let index = part_path(&folder, 1, Part::Index);
    let file = folder.open(&index, Open::Write).unwrap();
    file.write_all_at(&[b'x'; 64], 0).unwrap();
    file.sync_all().unwrap();
}

fn folder(machine: &Machine) -> Folder {
    Folder::new(machine.start(), Path::new("log").to_owned())
}

/// A start that compares every segment.
fn open(machine: &Machine) -> Option<Segments> {
    let options = options(Path::new("log"));
    Segments::open_in(folder(machine), options, NO_JOURNAL, &log()).ok()
}

#[test]
fn power_that_goes_while_segments_are_set_aside_leaves_none_without_those_before_it() {
    let mut cuts = 0;
    for seed in 0..10 {
        for off_in in (0..).step_by(7) {
            let machine = Machine::new(Dice::new(seed), false);
            spoilt(&machine);
            machine.plan(Plan {
                off_in: Some(off_in),
                ..Plan::default()
            });
            let went_well = open(&machine).is_some();
            machine.cut_power();
            let after = open(&machine).unwrap();
            let read = after.reader().page(&everything()).unwrap();
            let found = ids(&read.events);
            assert_eq!(found, [0; 0], "seed {seed}, operation {off_in}");
            if went_well {
                break;
            }
            cuts += 1;
        }
    }
    assert!(cuts > 50, "{cuts}");
}
