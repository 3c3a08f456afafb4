//! How long to wait before the next attempt: exponential, with full jitter, so that a thousand clients that lost the same
//! server do not come back at the same moment.

use std::time::Duration;

/// Shortest wait.
pub const WAIT_MIN: Duration = Duration::from_millis(250);
/// Longest wait, unless the server itself names a longer one.
pub const WAIT_MAX: Duration = Duration::from_secs(30);
/// Longest wait that a server may ask for; a number beyond that is a mistake somewhere.
const WAIT_ASKED_MAX: Duration = Duration::from_secs(3600);
/// A connection that lived this long was a success: the next wait is short again.
const STABLE: Duration = Duration::from_secs(10);

/// The state of one client's attempts.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after a connection that lived for `alive` (zero if there was none). `asked` is what the server wants at
    /// least, `jitter` is a random number from 0 to 1.
    pub fn next(&mut self, alive: Duration, asked: Duration, jitter: f64) -> Duration {
        if alive >= STABLE {
            self.failures = 0;
        }
        let ceiling = WAIT_MIN
            .saturating_mul(2u32.saturating_pow(self.failures.saturating_add(1)))
            .min(WAIT_MAX);
        self.failures = self.failures.saturating_add(1);
        let spread = (ceiling - WAIT_MIN).mul_f64(jitter.clamp(0.0, 1.0));
        if asked.is_zero() {
            WAIT_MIN + spread
        } else {
            asked.min(WAIT_ASKED_MAX) + spread
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_shrink_after_success() {
        let mut backoff = Backoff::default();
        let mut longest = |jitter| backoff.next(Duration::ZERO, Duration::ZERO, jitter);
        assert_eq!(longest(1.0), Duration::from_millis(500));
        assert_eq!(longest(1.0), Duration::from_millis(1000));
        assert_eq!(longest(0.0), WAIT_MIN);
        for _ in 0..80 {
            longest(1.0);
        }
        assert_eq!(longest(1.0), WAIT_MAX);
        assert_eq!(
            backoff.next(STABLE, Duration::ZERO, 1.0),
            Duration::from_millis(500)
        );
    }

    #[test]
    fn the_server_is_heard() {
        let mut backoff = Backoff::default();
        let asked = Duration::from_secs(7);
        let wait = backoff.next(Duration::ZERO, asked, 0.5);
        assert!(wait >= asked && wait < asked + WAIT_MIN, "{wait:?}");
        let wait = backoff.next(Duration::ZERO, Duration::MAX, 1.0);
        assert!(wait <= WAIT_ASKED_MAX + WAIT_MAX);
    }
}
