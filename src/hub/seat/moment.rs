//! When something happened, for cells of which there are many.

use std::num::NonZeroU64;
use std::time::Duration;

/// A moment on the shard's clock, in microseconds and one more: half as large as a [`Duration`], and none costs nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(NonZeroU64);

impl Moment {
    pub(super) fn of(clock: Duration) -> Self {
        let micros = u64::try_from(clock.as_micros()).unwrap_or(u64::MAX);
        Self(NonZeroU64::MIN.saturating_add(micros))
    }

    pub(super) fn on_clock(self) -> Duration {
        Duration::from_micros(self.0.get() - 1)
    }
}
