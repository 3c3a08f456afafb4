//! The embedded log as a whole, mostly under hostile conditions.

mod basics;
mod copy;
mod crash;
mod expiry;
mod faults;
mod model;
mod mutations;
mod power;
mod removal;
mod support;

use std::io::{Error, ErrorKind};
use std::path::Path;

use super::super::LogError;
use super::files::refused;

/// What tests can do to a log from inside.
#[derive(Default)]
pub(super) struct Hooks {
    /// Told of every step of a commit.
    pub(super) watch: Option<Box<dyn FnMut(&'static str) + Send>>,
    /// So many attempts to append to the segments fail.
    pub(super) apply_faults: u32,
    /// So many attempts to overwrite removed content fail.
    pub(super) redact_faults: u32,
}

impl Hooks {
    pub(super) fn apply_fault(&mut self) -> Option<LogError> {
        fault(&mut self.apply_faults)
    }

    pub(super) fn redact_fault(&mut self) -> Option<LogError> {
        fault(&mut self.redact_faults)
    }
}

fn fault(left: &mut u32) -> Option<LogError> {
    *left = left.checked_sub(1)?;
    Some(refused("appending to", Path::new("test"))(Error::from(
        ErrorKind::StorageFull,
    )))
}
