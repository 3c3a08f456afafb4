//! Log lines about what comes in crowds: the first at once, later ones now and then, with how many there were.

use std::time::{Duration, Instant};

/// Time between two lines.
const PAUSE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug, Default)]
pub struct NowAndThen {
    /// Since the last line.
    count: u64,
    told_at: Option<Instant>,
}

impl NowAndThen {
    /// It happened. If that is to be told now: how often since it was told last.
    pub fn note(&mut self) -> Option<u64> {
        self.note_at(Instant::now())
    }

    fn note_at(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        let is_due = self
            .told_at
            .is_none_or(|told| now.duration_since(told) >= PAUSE);
        is_due.then(|| {
            self.told_at = Some(now);
            std::mem::take(&mut self.count)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_the_others_together() {
        let (mut told, start) = (NowAndThen::default(), Instant::now());
        assert_eq!(told.note_at(start), Some(1));
        for at in 1..1000 {
            assert_eq!(told.note_at(start + PAUSE * at / 1000), None);
        }
        assert_eq!(told.note_at(start + PAUSE), Some(1000));
        assert_eq!(told.note_at(start + PAUSE), None);
        assert_eq!(told.note_at(start + 3 * PAUSE), Some(2));
    }
}
