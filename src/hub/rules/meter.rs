//! How fast one client may go: commands, bytes and JOINs, each with a bucket, and what happens to whoever goes faster.
//!
//! A command beyond the rate is refused with the wait, and then nothing is read until a second's worth may come again: TCP slows the
//! client down, and only the first command of each such pause is lost. Whoever goes on like that for longer than it is borne is
//! disconnected. Pure: the caller says what time it is.

use std::time::Duration;

use super::bucket::Bucket;

/// What a client may do. A rate of 0 means no limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Commands a second.
    pub commands: f64,
    /// Commands at once after a pause.
    pub commands_burst: f64,
    /// Bytes a second.
    pub bytes: f64,
    /// Bytes at once after a pause.
    pub bytes_burst: f64,
    /// JOINs a second.
    pub joins: f64,
    /// JOINs at once after a pause.
    pub joins_burst: f64,
    /// How long it may go on beyond its rates.
    pub patience: Duration,
}

/// What one client has used.
#[derive(Debug)]
pub struct Meter {
    commands: Bucket,
    bytes: Bucket,
    joins: Bucket,
    /// Nothing is read before.
    paused_until: Duration,
    /// Since when it has been going too fast, and when it last did.
    too_fast: Option<(Duration, Duration)>,
}

/// What is to be done about a client that goes too fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooFast {
    /// Tell it, and read nothing for so long.
    Pause(Duration),
    /// Let it go.
    Disconnect,
}

/// Who behaves for so long has behaved.
const FORGIVEN_AFTER: Duration = Duration::from_secs(5);
/// Shortest pause: a second's worth of commands may come after it, instead of one.
const PAUSE_MIN: Duration = Duration::from_secs(1);

impl Meter {
    /// For a client that has done nothing yet.
    pub fn new(now: Duration) -> Self {
        Self {
            commands: Bucket::full(now),
            bytes: Bucket::full(now),
            joins: Bucket::full(now),
            paused_until: Duration::ZERO,
            too_fast: None,
        }
    }

    /// How long nothing is to be read; `None` if the client may go on.
    pub fn pause(&self, now: Duration) -> Option<Duration> {
        let left = self.paused_until.checked_sub(now)?;
        (!left.is_zero()).then_some(left)
    }

    /// A command came; if it is refused it has cost nothing.
    pub fn command(&mut self, rates: &Rates, now: Duration) -> Result<(), TooFast> {
        let taken = self
            .commands
            .take(1.0, rates.commands, rates.commands_burst, now);
        taken.map_err(|wait| self.too_fast(wait, rates, now))
    }

    /// So many bytes came. They are there, and count; beyond the rate nothing more is read for a while.
    pub fn bytes(&mut self, count: usize, rates: &Rates, now: Duration) -> Result<(), TooFast> {
        let owed = self
            .bytes
            .charge(count as f64, rates.bytes, rates.bytes_burst, now);
        owed.map_or(Ok(()), |wait| Err(self.too_fast(wait, rates, now)))
    }

    /// A JOIN came; how long it has to wait if it is one too many. Others are read on.
    pub fn join(&mut self, rates: &Rates, now: Duration) -> Result<(), Duration> {
        self.joins.take(1.0, rates.joins, rates.joins_burst, now)
    }

    fn too_fast(&mut self, wait: Duration, rates: &Rates, now: Duration) -> TooFast {
        let since = match self.too_fast {
            Some((since, last)) if now.saturating_sub(last) < FORGIVEN_AFTER => since,
            _ => now,
        };
        let pause = wait.max(PAUSE_MIN);
        // Its next chance to misbehave is after the pause, and is to count as the same offence.
        self.too_fast = Some((since, now + pause));
        if now.saturating_sub(since) >= rates.patience {
            return TooFast::Disconnect;
        }
        self.paused_until = self.paused_until.max(now + pause);
        TooFast::Pause(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Rates = Rates {
        commands: 20.0,
        commands_burst: 100.0,
        bytes: 1000.0,
        bytes_burst: 5000.0,
        joins: 2.0,
        joins_burst: 3.0,
        patience: Duration::from_secs(30),
    };

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_paste_of_thirty_lines_passes_and_so_does_the_next() {
        let mut meter = Meter::new(at(0.0));
        for paste in 0..20 {
            for _ in 0..30 {
                let now = at(f64::from(paste) * 2.0);
                assert_eq!(meter.command(&RATES, now), Ok(()), "paste {paste}");
            }
        }
        assert_eq!(meter.pause(at(40.0)), None);
    }

    #[test]
    fn a_flood_is_told_paused_and_at_the_end_disconnected() {
        let mut meter = Meter::new(at(0.0));
        let (mut now, mut passed, mut refused) = (at(0.0), 0, 0);
        let end = loop {
            match meter.command(&RATES, now) {
                Ok(()) => passed += 1,
                Err(TooFast::Pause(pause)) => {
                    refused += 1;
                    assert_eq!(meter.pause(now), Some(pause));
                    now += pause;
                    assert_eq!(meter.pause(now), None);
                }
                Err(TooFast::Disconnect) => break now,
            }
        };
        assert_eq!(end, RATES.patience);
        assert_eq!((passed, refused), (100 + 30 * 20, 30));
    }

    #[test]
    fn whoever_behaves_for_a_while_starts_afresh() {
        let mut meter = Meter::new(at(0.0));
        let burst =
            |meter: &mut Meter, now| (0..1000).find_map(|_| meter.command(&RATES, now).err());
        for round in 0..10 {
            let now = at(f64::from(round) * 10.0);
            assert_eq!(
                burst(&mut meter, now),
                Some(TooFast::Pause(at(1.0))),
                "{round}"
            );
        }
    }

    #[test]
    fn bytes_are_owed_and_joins_wait_alone() {
        let mut meter = Meter::new(at(0.0));
        assert_eq!(meter.bytes(5000, &RATES, at(0.0)), Ok(()));
        assert_eq!(
            meter.bytes(3000, &RATES, at(0.0)),
            Err(TooFast::Pause(at(3.0)))
        );
        let mut meter = Meter::new(at(0.0));
        for _ in 0..3 {
            assert_eq!(meter.join(&RATES, at(0.0)), Ok(()));
        }
        assert_eq!(meter.join(&RATES, at(0.0)), Err(at(0.5)));
        assert_eq!(meter.pause(at(0.0)), None);
        let none = Rates {
            commands: 0.0,
            bytes: 0.0,
            joins: 0.0,
            ..RATES
        };
        for _ in 0..10_000 {
            assert_eq!(meter.command(&none, at(0.0)), Ok(()));
            assert_eq!(meter.bytes(1 << 20, &none, at(0.0)), Ok(()));
            assert_eq!(meter.join(&none, at(0.0)), Ok(()));
        }
    }
}
