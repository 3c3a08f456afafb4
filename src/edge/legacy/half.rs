//! Log-ins of which one half has come: `Ping` on the main port, or `AuthRequest` on the other. Pure.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Addresses that may be half logged in at a time.
const HALF_LOG_INS_MAX: usize = 1024;

/// Which half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Ping,
    AuthRequest,
}

/// What became of a half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrived {
    /// The other one is missing.
    Waits,
    /// Now both are there.
    Complete,
    /// Too many others wait.
    Full,
}

/// See the module.
#[derive(Debug)]
pub(super) struct HalfLogIns {
    deadline: Duration,
    waiting: HashMap<IpAddr, (Half, Instant)>,
}

impl HalfLogIns {
    /// The second half must come within `deadline` of the first.
    pub(super) fn new(deadline: Duration) -> Self {
        Self {
            deadline,
            waiting: HashMap::new(),
        }
    }

    /// Another deadline, for halves that wait as well.
    pub(super) fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    /// A half came from `address`. The same half again counts from its newer time.
    pub(super) fn arrive(&mut self, address: IpAddr, half: Half, now: Instant) -> Arrived {
        if let Some((first, at)) = self.waiting.get(&address)
            && *first != half
            && now.duration_since(*at) <= self.deadline
        {
            self.waiting.remove(&address);
            return Arrived::Complete;
        }
        if self.waiting.len() >= HALF_LOG_INS_MAX {
            self.sweep(now);
        }
        if self.waiting.len() >= HALF_LOG_INS_MAX && !self.waiting.contains_key(&address) {
            return Arrived::Full;
        }
        self.waiting.insert(address, (half, now));
        Arrived::Waits
    }

    /// Forgets halves that waited too long; returns whose they were.
    pub(super) fn sweep(&mut self, now: Instant) -> Vec<(IpAddr, Half)> {
        let deadline = self.deadline;
        let overdue = self
            .waiting
            .extract_if(|_, (_, at)| now.duration_since(*at) > deadline);
        overdue
            .map(|(address, (half, _))| (address, half))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn both_halves_in_either_order_make_a_log_in() {
        let (mut table, now) = (HalfLogIns::new(DEADLINE), Instant::now());
        assert_eq!(table.arrive(address(1), Half::Ping, now), Arrived::Waits);
        assert_eq!(
            table.arrive(address(2), Half::AuthRequest, now),
            Arrived::Waits
        );
        assert_eq!(table.arrive(address(1), Half::Ping, now), Arrived::Waits);
        let last = now + DEADLINE;
        assert_eq!(
            table.arrive(address(1), Half::AuthRequest, last),
            Arrived::Complete
        );
        assert_eq!(
            table.arrive(address(2), Half::Ping, last),
            Arrived::Complete
        );
        assert_eq!(
            table.arrive(address(1), Half::AuthRequest, last),
            Arrived::Waits
        );
    }

    #[test]
    fn a_half_expires() {
        let (mut table, now) = (HalfLogIns::new(DEADLINE), Instant::now());
        let _ = table.arrive(address(1), Half::Ping, now);
        let late = now + DEADLINE + Duration::from_millis(1);
        assert_eq!(
            table.arrive(address(1), Half::AuthRequest, late),
            Arrived::Waits
        );
        assert_eq!(table.sweep(late), []);
        table.set_deadline(DEADLINE * 3);
        let longer = late + DEADLINE * 2;
        assert_eq!(table.sweep(longer), []);
        table.set_deadline(DEADLINE);
        let later = late + DEADLINE + Duration::from_millis(1);
        assert_eq!(table.sweep(later), [(address(1), Half::AuthRequest)]);
    }

    #[test]
    fn the_table_is_bounded_and_makes_room() {
        let (mut table, now) = (HalfLogIns::new(DEADLINE), Instant::now());
        for number in 0..HALF_LOG_INS_MAX as u32 {
            assert_eq!(
                table.arrive(address(number), Half::Ping, now),
                Arrived::Waits
            );
        }
        assert_eq!(table.arrive(address(9999), Half::Ping, now), Arrived::Full);
        assert_eq!(
            table.arrive(address(5), Half::AuthRequest, now),
            Arrived::Complete
        );
        assert_eq!(table.arrive(address(9999), Half::Ping, now), Arrived::Waits);
        let late = now + DEADLINE * 2;
        assert_eq!(
            table.arrive(address(7777), Half::Ping, late),
            Arrived::Waits
        );
    }
}
