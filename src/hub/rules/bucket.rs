//! Token buckets: how much of something is allowed on average, and how much at once after a pause.
//!
//! Pure: the caller says what time it is, on a clock that never steps back. Rates are in units a second, a burst in units; a rate of 0
//! means no limit.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// Those whose buckets are kept at a time by one [`Buckets`].
pub const KEPT_MAX: usize = 100_000;

/// What one bucket holds. Full at first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Units taken and not yet regained. Below 0 never, above the burst for debts.
    used: f64,
    /// When that was reckoned.
    at: Duration,
}

impl Bucket {
    /// A full bucket.
    pub fn full(now: Duration) -> Self {
        Self { used: 0.0, at: now }
    }

    fn regain(&mut self, rate: f64, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.used = (self.used - passed * rate).max(0.0);
        self.at = self.at.max(now);
    }

    /// Takes `units`, or says how long it takes until they are there. What was refused was not taken.
    pub fn take(
        &mut self,
        units: f64,
        rate: f64,
        burst: f64,
        now: Duration,
    ) -> Result<(), Duration> {
        if rate <= 0.0 {
            return Ok(());
        }
        self.regain(rate, now);
        let over = self.used + units - burst.max(units);
        if over > 0.0 {
            return Err(Duration::from_secs_f64(over / rate));
        }
        self.used += units;
        Ok(())
    }

    /// Takes `units` that cannot be refused any more, on credit if need be; returns how long it takes until the credit is paid back.
    pub fn charge(&mut self, units: f64, rate: f64, burst: f64, now: Duration) -> Option<Duration> {
        if rate <= 0.0 {
            return None;
        }
        self.regain(rate, now);
        self.used += units;
        let over = self.used - burst;
        (over > 0.0).then(|| Duration::from_secs_f64(over / rate))
    }

    /// Gives back `units` that were taken for nothing.
    pub fn give_back(&mut self, units: f64, rate: f64, now: Duration) {
        self.regain(rate, now);
        self.used = (self.used - units).max(0.0);
    }

    /// Units taken and not yet regained.
    pub fn used(&mut self, rate: f64, now: Duration) -> f64 {
        self.regain(rate, now);
        self.used
    }

    /// Whether it would be full now: then nothing is lost if it is forgotten.
    pub fn is_full(&self, rate: f64, now: Duration) -> bool {
        self.used <= now.saturating_sub(self.at).as_secs_f64() * rate
    }
}

/// A bucket for each of many.
#[derive(Debug)]
pub struct Buckets<K> {
    buckets: HashMap<K, Bucket>,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self {
            buckets: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash + Clone> Buckets<K> {
    /// Takes one unit from the bucket of `who`, or says how long it takes until there is one.
    pub fn take(&mut self, who: K, rate: f64, burst: f64, now: Duration) -> Result<(), Duration> {
        if rate <= 0.0 {
            return Ok(());
        }
        if self.buckets.len() >= KEPT_MAX && !self.buckets.contains_key(&who) {
            self.make_room(rate, now);
        }
        let bucket = self.buckets.entry(who).or_insert_with(|| Bucket::full(now));
        bucket.take(1.0, rate, burst, now)
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether nobody is remembered.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    fn make_room(&mut self, rate: f64, now: Duration) {
        self.buckets.retain(|_, bucket| !bucket.is_full(rate, now));
        // With little gained, the next ones would make room again at once.
        if self.buckets.len() > KEPT_MAX / 4 * 3 {
            // So many at once is an attack from everywhere: to forgive some is better than to remember without end.
            let some: Vec<K> = self.buckets.keys().take(KEPT_MAX / 2).cloned().collect();
            for who in some {
                self.buckets.remove(&who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut bucket = Bucket::full(at(10.0));
        for _ in 0..30 {
            assert_eq!(bucket.take(1.0, 2.0, 30.0, at(10.0)), Ok(()));
        }
        assert_eq!(bucket.take(1.0, 2.0, 30.0, at(10.0)), Err(at(0.5)));
        assert_eq!(bucket.take(1.0, 2.0, 30.0, at(10.25)), Err(at(0.25)));
        assert_eq!(bucket.take(1.0, 2.0, 30.0, at(10.5)), Ok(()));
        assert!(!bucket.is_full(2.0, at(11.0)) && bucket.is_full(2.0, at(26.0)));
        assert_eq!(bucket.take(1.0, 0.0, 0.0, at(10.5)), Ok(()));
    }

    #[test]
    fn more_than_a_burst_passes_a_full_bucket_alone() {
        let mut bucket = Bucket::full(at(0.0));
        assert_eq!(bucket.take(50.0, 10.0, 20.0, at(0.0)), Ok(()));
        assert_eq!(bucket.take(1.0, 10.0, 20.0, at(0.0)), Err(at(3.1)));
    }

    #[test]
    fn credit_is_paid_back() {
        let mut bucket = Bucket::full(at(0.0));
        assert_eq!(bucket.charge(20.0, 10.0, 20.0, at(0.0)), None);
        assert_eq!(bucket.charge(5.0, 10.0, 20.0, at(0.0)), Some(at(0.5)));
        assert_eq!(bucket.charge(0.0, 10.0, 20.0, at(0.5)), None);
        assert_eq!(bucket.charge(1e9, 0.0, 20.0, at(0.5)), None);
    }

    #[test]
    fn what_is_given_back_makes_it_no_more_than_full() {
        let mut bucket = Bucket::full(at(0.0));
        assert_eq!(bucket.charge(25.0, 10.0, 20.0, at(0.0)), Some(at(0.5)));
        bucket.give_back(15.0, 10.0, at(0.0));
        assert_eq!(bucket.used(10.0, at(0.5)), 5.0);
        bucket.give_back(15.0, 10.0, at(0.5));
        assert_eq!(bucket.take(20.0, 10.0, 20.0, at(0.5)), Ok(()));
        assert_eq!(bucket.take(1.0, 10.0, 20.0, at(0.5)), Err(at(0.1)));
    }

    #[test]
    fn a_clock_that_stands_still_gives_nothing_back() {
        let mut bucket = Bucket::full(at(5.0));
        assert_eq!(bucket.take(1.0, 1.0, 1.0, at(5.0)), Ok(()));
        assert_eq!(bucket.take(1.0, 1.0, 1.0, at(4.0)), Err(at(1.0)));
    }

    #[test]
    fn a_crowd_is_bounded() {
        let mut buckets = Buckets::default();
        for who in 0..KEPT_MAX + 10 {
            assert_eq!(buckets.take(who, 1.0, 1.0, at(1.0)), Ok(()));
        }
        assert!(buckets.len() <= KEPT_MAX);
        assert!(buckets.take(KEPT_MAX + 9, 1.0, 1.0, at(1.0)).is_err());
    }
}
