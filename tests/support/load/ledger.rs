//! What everybody of a crowd was told, in one place.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Failures that are kept; one is enough to fail a test.
const FAILURES_MAX: usize = 20;

/// What is known of a message that was answered with OK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nobody asked for its removal.
    Kept,
    /// Its removal was answered with OK.
    Removed,
    /// Its removal was asked for.
    Unsure,
}

/// A message that was answered with OK.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) room: String,
    pub(super) body: String,
    pub(super) fate: Fate,
}

/// An answer that was `ERR;...;unavailable`.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The whole line.
    pub line: String,
    /// When it came.
    pub at: Instant,
}

#[derive(Default)]
pub(super) struct Known {
    pub(super) kept: BTreeMap<u64, Kept>,
    /// Room and body of what was sent and not answered.
    pub(super) unanswered: HashSet<(String, String)>,
    accounts: Vec<String>,
    refusals: Vec<Refusal>,
    failures: Vec<String>,
    /// When the newest OK to a SEND came.
    last_kept: Option<Instant>,
    /// The highest id that anybody saw.
    newest: u64,
    /// The same when this round began.
    pub(super) newest_before: u64,
}

/// See the module.
#[derive(Default)]
pub struct Ledger(Mutex<Known>);

impl Ledger {
    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something that must not be.
    pub(super) fn fail(&self, what: String) {
        let mut known = self.known();
        if known.failures.len() < FAILURES_MAX {
            known.failures.push(what);
        }
    }

    /// What must not be and was.
    pub fn failures(&self) -> Vec<String> {
        self.known().failures.clone()
    }

    /// Fails the test if there is any.
    #[track_caller]
    pub(super) fn assert_no_failure(&self) {
        let mut failures = self.failures();
        for failure in &mut failures {
            *failure = failure.replace("xxxxxxxx", "");
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    /// Ids that are given from now on are above all that were given.
    pub(super) fn begin_round(&self) {
        let mut known = self.known();
        known.newest_before = known.newest;
    }

    /// A message is on its way.
    pub(super) fn sent(&self, room: &str, body: &str) {
        let message = (room.to_owned(), body.to_owned());
        self.known().unanswered.insert(message);
    }

    /// A message was answered with OK. `is_fresh` if it was first sent in this round.
    pub(super) fn kept(&self, room: &str, body: &str, id: u64, is_fresh: bool) {
        let mut known = self.known();
        known.unanswered.remove(&(room.to_owned(), body.to_owned()));
        if is_fresh && id <= known.newest_before {
            let before = known.newest_before;
            known.failures.push(format!(
                "{id} was given to {body:?}, and {before} before a restart"
            ));
        }
        known.newest = known.newest.max(id);
        known.last_kept = Some(Instant::now());
        let kept = Kept {
            room: room.to_owned(),
            body: body.to_owned(),
            fate: Fate::Kept,
        };
        if let Some(before) = known.kept.insert(id, kept) {
            let failure = format!("{id} was given to {:?} and to {body:?}", before.body);
            known.failures.push(failure);
        }
    }

    /// What is known of a removal.
    pub(super) fn set_fate(&self, id: u64, fate: Fate) {
        if let Some(kept) = self.known().kept.get_mut(&id) {
            kept.fate = fate;
        }
    }

    /// Somebody saw this id.
    pub(super) fn saw(&self, id: u64) {
        let mut known = self.known();
        known.newest = known.newest.max(id);
    }

    /// An account was made.
    pub(super) fn has_account(&self, name: &str) {
        self.known().accounts.push(name.to_owned());
    }

    /// Something was refused as unavailable.
    pub(super) fn refused(&self, line: String) {
        let at = Instant::now();
        self.known().refusals.push(Refusal { line, at });
    }

    /// Messages answered with OK so far.
    pub fn kept_len(&self) -> usize {
        self.known().kept.len()
    }

    /// The newest id that anybody has seen.
    pub fn newest(&self) -> u64 {
        self.known().newest
    }

    /// When the newest OK to a SEND came.
    pub fn last_kept(&self) -> Option<Instant> {
        self.known().last_kept
    }

    /// All that was refused as unavailable so far.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.known().refusals.clone()
    }

    /// The accounts that were made so far, in that order.
    pub fn accounts(&self) -> Vec<String> {
        self.known().accounts.clone()
    }

    /// How many messages are known to be removed.
    pub fn removed_len(&self) -> usize {
        let known = self.known();
        let is_removed = |kept: &&Kept| kept.fate == Fate::Removed;
        known.kept.values().filter(is_removed).count()
    }
}
