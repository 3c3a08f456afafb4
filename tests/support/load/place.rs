//! Where the server is, for clients that outlive it.

use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Where {
    /// Rises with every address.
    epoch: u64,
    address: Option<SocketAddr>,
    is_stopping: bool,
    is_over: bool,
    waiting: usize,
}

/// See the module.
#[derive(Default)]
pub(super) struct Place {
    at: Mutex<Where>,
    changed: Condvar,
}

impl Place {
    fn at(&self) -> MutexGuard<'_, Where> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server is here from now on.
    pub(super) fn moved_to(&self, server: SocketAddr) {
        let mut at = self.at();
        at.epoch += 1;
        at.address = Some(server);
        self.changed.notify_all();
    }

    /// Waits for the server that comes after that of `seen`; `None` when all is over.
    pub(super) fn next(&self, seen: u64) -> Option<(u64, SocketAddr)> {
        let mut at = self.at();
        at.waiting += 1;
        self.changed.notify_all();
        let found = loop {
            if at.is_over {
                break None;
            }
            if let Some(address) = at.address.filter(|_| at.epoch > seen) {
                break Some((at.epoch, address));
            }
            at = self
                .changed
                .wait(at)
                .unwrap_or_else(PoisonError::into_inner);
        };
        at.waiting -= 1;
        found
    }

    /// Whether so many wait for another server within this time.
    pub(super) fn wait_for_waiting(&self, count: usize, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let mut at = self.at();
        while at.waiting < count {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.changed.wait_timeout(at, left);
            at = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// How many wait for another server.
    pub(super) fn waiting_len(&self) -> usize {
        self.at().waiting
    }

    /// Senders end what they have in hand.
    pub(super) fn stop_sending(&self) {
        self.at().is_stopping = true;
    }

    /// Whether senders are to end.
    pub(super) fn is_stopping(&self) -> bool {
        let at = self.at();
        at.is_stopping || at.is_over
    }

    /// Whether nobody is wanted any more.
    pub(super) fn is_over(&self) -> bool {
        self.at().is_over
    }

    /// Everybody ends.
    pub(super) fn end(&self) {
        self.at().is_over = true;
        self.changed.notify_all();
    }
}
