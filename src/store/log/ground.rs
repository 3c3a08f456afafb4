//! What the log stands on: a disk, the clocks, and who works beside it. The machine's own, but for tests.

use std::sync::Arc;

use super::clock::Clock;
use super::disk::{Disk, RealDisk};

/// See the module.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Clock,
    pub(crate) background: Background,
}

impl Ground {
    /// The machine's file system and clocks, and a thread.
    pub(crate) fn real() -> Self {
        Self {
            disk: Arc::new(RealDisk),
            clock: Clock::system(),
            background: Background::Thread,
        }
    }
}

/// Who does what need not be done before the next commit.
#[derive(Clone)]
pub(crate) enum Background {
    /// A thread of its own.
    Thread,
    /// The log's own thread, whenever a test says that it is time.
    #[cfg(any(test, feature = "fuzzing"))]
    Inline(Arc<dyn Fn() -> bool + Send + Sync>),
}
