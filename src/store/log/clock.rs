//! The two clocks of the log: one that somebody may set, by which messages are dated, and one that nobody sets, by which it waits.

use std::time::{Duration, Instant};

use crate::edge::wire::timestamp::Timestamp;

/// See the module.
#[derive(Clone)]
pub(crate) enum Clock {
    /// The machine's; time goes by since the moment kept here.
    System(Instant),
    /// A test's: what both clocks say.
    #[cfg(any(test, feature = "fuzzing"))]
    Simulated(std::sync::Arc<dyn Fn() -> (Duration, Timestamp) + Send + Sync>),
}

impl Clock {
    /// The machine's clocks.
    pub(crate) fn system() -> Self {
        Self::System(Instant::now())
    }

    /// The time of day.
    pub(crate) fn wall(&self) -> Timestamp {
        match self {
            Self::System(_) => Timestamp::now(),
            #[cfg(any(test, feature = "fuzzing"))]
            Self::Simulated(both) => both().1,
        }
    }

    /// Time gone by since some moment before.
    pub(crate) fn uptime(&self) -> Duration {
        match self {
            Self::System(since) => since.elapsed(),
            #[cfg(any(test, feature = "fuzzing"))]
            Self::Simulated(both) => both().0,
        }
    }
}
