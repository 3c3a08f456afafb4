//! A shard as far as the log knows one: it takes what it is told, and may panic while it is told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::hub::log::Listener;
use crate::hub::probe::HearProbe;
use crate::hub::registry::ChangeAnswered;
use crate::hub::room::{Committed, RoomExpired, RoomOpened};
use crate::store::log::disk::simulated::Machine;

/// What a shard was told.
pub(super) enum Told {
    Committed(Committed),
    Opened(RoomOpened),
    Expired(RoomExpired),
}

/// What is shared with the test: what was told, and whether the log had stopped by then.
#[derive(Default)]
pub(super) struct Ear {
    pub(super) told: VecDeque<(Told, bool)>,
    /// Telling this one panics: before it is heard, or behind that.
    pub(super) panic_in: Option<(u32, bool)>,
}

#[derive(Clone)]
pub(super) struct Shard {
    machine: Machine,
    ear: Arc<Mutex<Ear>>,
    /// The log has said that it cannot go on.
    pub(super) stopped: Arc<AtomicBool>,
}

impl Shard {
    pub(super) fn new(machine: &Machine) -> Self {
        Self {
            machine: machine.clone(),
            ear: Arc::default(),
            stopped: Arc::default(),
        }
    }

    pub(super) fn ear(&self) -> MutexGuard<'_, Ear> {
        self.ear.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, told: Told) {
        // Nobody hears what is said after the end.
        if self.machine.is_off() {
            return;
        }
        let mut ear = self.ear();
        let panics = match &mut ear.panic_in {
            Some((0, heard)) => Some(*heard),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        if panics != Some(false) {
            let stopped = self.stopped.load(Ordering::SeqCst);
            ear.told.push_back((told, stopped));
        }
        if panics.is_some() {
            ear.panic_in = None;
            drop(ear);
            std::panic::resume_unwind(Box::new("provoked by a shard"));
        }
    }
}

impl Listener for Shard {
    fn committed(&self, committed: Committed) {
        self.hear(Told::Committed(committed));
    }

    fn opened(&self, opened: RoomOpened) {
        self.hear(Told::Opened(opened));
    }

    fn expired(&self, expired: RoomExpired) {
        self.hear(Told::Expired(expired));
    }

    fn answered(&self, _: ChangeAnswered) {}

    fn probed(&self, _: HearProbe) {}
}
