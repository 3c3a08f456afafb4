//! What a life is given: how the log is set, how much there is to do, and what is going to fail.

use std::path::PathBuf;
use std::time::Duration;

use super::world::World;
use crate::store::log::disk::simulated::{Dice, Fault, Kind, Plan};
use crate::store::log::embedded::{Durability, EmbeddedOptions};

/// What the lives of a seed are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lives {
    /// A little of everything; hardly ever is a half of the journal full.
    Ordinary,
    /// So much is written that the halves of the journal take turns, whoever syncs beside the commits may be slow, and what fails is the
    /// sync of the journal.
    Busy,
}

impl World {
    /// What is going to happen in the next life.
    pub(super) fn plan(&mut self) {
        let plan = match self.lives {
            Lives::Ordinary => self.ordinary_plan(),
            Lives::Busy => self.busy_plan(),
        };
        self.tell(|| format!("{plan:?}"));
        self.machine.plan(plan);
    }

    fn ordinary_plan(&mut self) -> Plan {
        let dice = &mut self.dice;
        let mut plan = Plan::default();
        self.is_troubled = false;
        match dice.below(20) {
            0..9 => {
                let operations = dice.one_of(&[12, 60, 150, 400]);
                plan.off_in = Some(dice.below(operations));
            }
            9..12 => plan.panic_in = Some(dice.below(150)),
            12..15 => {
                for _ in 0..1 + dice.below(3) {
                    plan.faults.push(fault(dice, false));
                }
                self.is_troubled = true;
            }
            15 => {
                plan.faults.push(fault(dice, true));
                self.is_troubled = true;
            }
            16..18 => {
                plan.space = Some(self.machine.used() + dice.index(6000));
                self.is_troubled = true;
            }
            _ => {}
        }
        plan
    }

    /// The machine goes off late, or a sync of the journal fails and the machine goes off soon behind that.
    fn busy_plan(&mut self) -> Plan {
        let dice = &mut self.dice;
        let mut plan = Plan::default();
        self.is_troubled = false;
        match dice.below(20) {
            0..8 => {
                let operations = dice.one_of(&[150, 400, 1200]);
                plan.off_in = Some(dice.below(operations));
            }
            8..16 => {
                let (before, behind) = (dice.one_of(&[8, 20, 40]), dice.one_of(&[6, 30, 150]));
                plan.faults.push(Fault {
                    kind: Kind::Sync,
                    file: "journal",
                    after: dice.below(before),
                    errno: libc::EIO,
                    // The log's mark for the next start comes first: whoever is killed between the two can leave none, and nobody could
                    // tell from what the kernel shows that the disk has something else.
                    off_in: Some(1 + dice.below(behind)),
                });
                self.is_troubled = true;
            }
            16 => {
                plan.space = Some(self.machine.used() + dice.index(60_000));
                self.is_troubled = true;
            }
            17 => plan.panic_in = Some(dice.below(600)),
            _ => {}
        }
        plan
    }

    /// Lets the world be well.
    pub(super) fn calm(&self) {
        self.machine.plan(Plan::default());
    }
}

pub(super) fn options(dice: &mut Dice, lives: Lives) -> EmbeddedOptions {
    let durability = dice.one_of(&[
        Durability::Always,
        Durability::Always,
        Durability::Interval,
        Durability::Os,
    ]);
    let keeps_all = !dice.once_in(5);
    EmbeddedOptions {
        folder: PathBuf::from("/data/log"),
        durability,
        flush_interval: Duration::from_millis(dice.one_of(&[5, 50, 400])),
        segment_bytes: match lives {
            Lives::Ordinary => dice.one_of(&[1500, 4000, 12_000]),
            Lives::Busy => dice.one_of(&[12_000, 40_000, 200_000]),
        },
        journal_bytes: 64 * 1024,
        retain_messages: if keeps_all {
            0
        } else {
            dice.one_of(&[0, 10, 40])
        },
        retain_age: Duration::from_secs(if keeps_all { 0 } else { dice.one_of(&[0, 20]) }),
        retain_bytes: 0,
        rooms_max: 8,
        tags_max: 10_000,
    }
}

fn fault(dice: &mut Dice, sync: bool) -> Fault {
    let kinds = [Kind::Write, Kind::Write, Kind::Open, Kind::Name, Kind::Read];
    let kind = if sync {
        Kind::Sync
    } else {
        dice.one_of(&kinds)
    };
    let errno = match kind {
        Kind::Write => dice.one_of(&[libc::EIO, libc::ENOSPC]),
        Kind::Open => dice.one_of(&[libc::EMFILE, libc::ENOSPC, libc::EIO]),
        _ => libc::EIO,
    };
    let operations = dice.one_of(&[3, 20, 80]);
    Fault {
        kind,
        file: "",
        after: dice.below(operations),
        errno,
        off_in: None,
    }
}
