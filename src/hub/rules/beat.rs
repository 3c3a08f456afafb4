//! When a silent client is asked whether it is there, and when it is given up.

use std::time::Duration;

/// What is known of one client at a tick of the clock. Times are on the shard's clock, which starts at zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vitals {
    /// When the last line from it came.
    pub heard_at: Duration,
    /// When the `PING` was sent that has not been answered by anything.
    pub asked_at: Option<Duration>,
    /// Whether bytes for it wait to be sent; then no PONG is due, since it cannot have read the PING.
    pub has_unsent: bool,
    /// Whether it is logged in.
    pub is_known: bool,
    /// When it connected.
    pub since: Duration,
}

/// The limits, from the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeatLimits {
    /// Silence after which a client is asked.
    pub interval: Duration,
    /// How long it may take to answer.
    pub timeout: Duration,
    /// How long a connection may take to log in.
    pub log_in: Duration,
}

/// What to do about a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Leave,
    /// Send a `PING`.
    Ask,
    /// It waits for room to send: look at what its TCP says.
    CheckTransport,
    /// It did not log in in time.
    LogInOverdue,
    /// It did not answer.
    Evict,
}

/// Judges one client at `now`.
pub fn judge(vitals: Vitals, limits: BeatLimits, now: Duration) -> Verdict {
    if !vitals.is_known {
        let overdue = now.saturating_sub(vitals.since) >= limits.log_in;
        return if overdue {
            Verdict::LogInOverdue
        } else {
            Verdict::Leave
        };
    }
    if vitals.has_unsent {
        return Verdict::CheckTransport;
    }
    match vitals.asked_at {
        Some(asked) if now.saturating_sub(asked) >= limits.timeout => Verdict::Evict,
        Some(_) => Verdict::Leave,
        None if now.saturating_sub(vitals.heard_at) >= limits.interval => Verdict::Ask,
        None => Verdict::Leave,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_through_a_silent_life() {
        let s = Duration::from_secs;
        let limits = BeatLimits {
            interval: s(30),
            timeout: s(20),
            log_in: s(10),
        };
        let base = Vitals {
            heard_at: s(0),
            asked_at: None,
            has_unsent: false,
            is_known: true,
            since: s(0),
        };
        assert_eq!(judge(base, limits, s(29)), Verdict::Leave);
        assert_eq!(judge(base, limits, s(30)), Verdict::Ask);
        let asked = Vitals {
            asked_at: Some(s(30)),
            ..base
        };
        assert_eq!(judge(asked, limits, s(49)), Verdict::Leave);
        assert_eq!(judge(asked, limits, s(50)), Verdict::Evict);
        let slow = Vitals {
            has_unsent: true,
            ..asked
        };
        assert_eq!(judge(slow, limits, s(500)), Verdict::CheckTransport);
        let stranger = Vitals {
            is_known: false,
            ..base
        };
        assert_eq!(judge(stranger, limits, s(9)), Verdict::Leave);
        assert_eq!(judge(stranger, limits, s(10)), Verdict::LogInOverdue);
    }
}
