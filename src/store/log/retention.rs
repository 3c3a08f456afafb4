//! How long a room keeps what was said in it.

use std::time::Duration;

/// A room's own retention. It can only shorten that of the whole log (`storage.retain_*`), which holds beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoomRetention {
    /// Messages are kept so long; zero = no limit.
    pub age: Duration,
    /// So many of the newest messages are kept, removed ones counted; 0 = no limit.
    pub messages: u64,
}

impl RoomRetention {
    /// Whether it limits nothing.
    pub fn is_none(&self) -> bool {
        self.age.is_zero() && self.messages == 0
    }

    /// What is older than this has expired at `now`, both in microseconds; 0 = nothing has.
    pub(crate) fn cutoff(&self, now: u64) -> u64 {
        match u64::try_from(self.age.as_micros()).unwrap_or(u64::MAX) {
            0 => 0,
            age => now.saturating_sub(age),
        }
    }
}
