//! When a thread counts as stuck. Pure: how far it has turned, and time that was watched, in; a verdict out.

use std::time::Duration;

/// A thread that has not turned for so long is told of; sooner if the deadline is near.
pub(super) const LATE: Duration = Duration::from_secs(5);

/// A watchdog that comes later to its look than this factor did not run either.
const LOOK_LATE_FACTOR: u32 = 2;

/// How much of the time since the last look was watched.
pub(super) fn watched(elapsed: Duration, look_every: Duration) -> Duration {
    elapsed.min(look_every * LOOK_LATE_FACTOR)
}

/// What is known of one thread.
#[derive(Debug, Default)]
pub(super) struct Watched {
    turns: u64,
    still: Duration,
    told: bool,
}

/// What comes of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing to say.
    Fine,
    /// It has been still for so long; said once.
    Late(Duration),
    /// It turns again, after so long.
    Back(Duration),
    /// The deadline has passed.
    Over(Duration),
}

impl Watched {
    /// The thread has turned so often by now; since the last look so much time has gone by in which it was watched. A `deadline` of zero
    /// never passes.
    pub(super) fn look(&mut self, turns: u64, watched: Duration, deadline: Duration) -> Verdict {
        if turns != self.turns {
            self.turns = turns;
            let still = std::mem::take(&mut self.still);
            return match std::mem::take(&mut self.told) {
                true => Verdict::Back(still),
                false => Verdict::Fine,
            };
        }
        self.still += watched;
        if !deadline.is_zero() && self.still >= deadline {
            return Verdict::Over(self.still);
        }
        if self.still >= late(deadline) && !self.told {
            self.told = true;
            return Verdict::Late(self.still);
        }
        Verdict::Fine
    }

    /// How long it has been still, if that is too long.
    pub(super) fn late_for(&self) -> Option<Duration> {
        self.told.then_some(self.still)
    }
}

fn late(deadline: Duration) -> Duration {
    match deadline.is_zero() {
        true => LATE,
        false => LATE.min(deadline / 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = Duration::from_millis(500);
    const DEADLINE: Duration = Duration::from_secs(30);

    #[test]
    fn late_is_said_once_and_the_deadline_ends_it() {
        let mut thread = Watched::default();
        assert_eq!(thread.look(1, LOOK, DEADLINE), Verdict::Fine);
        let mut said = Vec::new();
        for _ in 0..60 {
            match thread.look(1, LOOK, DEADLINE) {
                Verdict::Fine => {}
                verdict => said.push(verdict),
            }
        }
        assert_eq!(said, [Verdict::Late(LATE), Verdict::Over(DEADLINE)]);
    }

    #[test]
    fn who_did_not_look_blames_nobody() {
        let mut thread = Watched::default();
        let asleep = watched(Duration::from_secs(8 * 3600), LOOK);
        assert_eq!(thread.look(0, asleep, DEADLINE), Verdict::Fine);
        assert_eq!(watched(LOOK, LOOK), LOOK);
    }

    #[test]
    fn who_turns_again_is_welcome_and_begins_anew() {
        let mut thread = Watched::default();
        for _ in 0..20 {
            thread.look(0, LOOK, DEADLINE);
        }
        assert_eq!(thread.late_for(), Some(Duration::from_secs(10)));
        assert_eq!(
            thread.look(1, LOOK, DEADLINE),
            Verdict::Back(Duration::from_secs(10))
        );
        assert_eq!(thread.late_for(), None);
        assert_eq!(thread.look(1, LOOK, DEADLINE), Verdict::Fine);
    }

    #[test]
    fn without_a_deadline_it_is_only_said() {
        let mut thread = Watched::default();
        let all: Vec<Verdict> = (0..10_000)
            .map(|_| thread.look(0, LOOK, Duration::ZERO))
            .filter(|verdict| *verdict != Verdict::Fine)
            .collect();
        assert_eq!(all, [Verdict::Late(LATE)]);
    }

    #[test]
    fn a_short_deadline_is_told_of_at_half_time() {
        let mut thread = Watched::default();
        let deadline = Duration::from_secs(3);
        let said: Vec<Verdict> = (0..6).map(|_| thread.look(0, LOOK, deadline)).collect();
        assert_eq!(said[2], Verdict::Late(Duration::from_millis(1500)));
        assert_eq!(said[5], Verdict::Over(deadline));
    }
}
