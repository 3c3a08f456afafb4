//! How long somebody has to wait after wrong passwords: nothing after the first few, then twice as long with each, up to a limit.
//!
//! Whoever stays away for long enough starts afresh. Pure: the caller says what time it is.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// Those remembered at a time. Beyond it those whose waits ended longest ago are forgotten, an eighth of them at once: to look for one
/// costs as much as to look for all.
pub const REMEMBERED_MAX: usize = 100_000;
const FORGOTTEN_AT_ONCE: usize = REMEMBERED_MAX / 8;

/// How a [`BackOff`] reckons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOffRule {
    /// Mistakes that cost nothing.
    pub free: u32,
    /// The wait after the first one that does.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// After so long without a mistake all are forgotten.
    pub forgiven_after: Duration,
}

/// The mistakes of many, by address or by account.
#[derive(Debug)]
pub struct BackOff<K> {
    rule: BackOffRule,
    mistakes: HashMap<K, Mistakes>,
}

#[derive(Debug, Clone, Copy)]
struct Mistakes {
    count: u32,
    /// When the last one was made.
    at: Duration,
    /// Until when nothing is taken.
    until: Duration,
}

impl<K: Eq + Hash + Clone> BackOff<K> {
    /// Nobody has made a mistake yet.
    pub fn new(rule: BackOffRule) -> Self {
        Self {
            rule,
            mistakes: HashMap::new(),
        }
    }

    /// How long `who` still has to wait; `None` if it may try now.
    pub fn wait(&self, who: &K, now: Duration) -> Option<Duration> {
        let until = self.mistakes.get(who)?.until;
        until.checked_sub(now).filter(|wait| !wait.is_zero())
    }

    /// `who` made a mistake.
    pub fn failed(&mut self, who: K, now: Duration) {
        if self.mistakes.len() >= REMEMBERED_MAX && !self.mistakes.contains_key(&who) {
            self.make_room(now);
        }
        let rule = self.rule;
        let mistakes = self.mistakes.entry(who).or_insert(Mistakes {
            count: 0,
            at: now,
            until: now,
        });
        if now.saturating_sub(mistakes.at) >= rule.forgiven_after {
            mistakes.count = 0;
        }
        mistakes.count = mistakes.count.saturating_add(1);
        mistakes.at = now;
        let beyond = mistakes.count.saturating_sub(rule.free);
        if let Some(doublings) = beyond.checked_sub(1) {
            let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
            mistakes.until = now + rule.first.saturating_mul(factor).min(rule.longest);
        }
    }

    /// `who` got it right.
    pub fn succeeded(&mut self, who: &K) {
        self.mistakes.remove(who);
    }

    fn make_room(&mut self, now: Duration) {
        let forgiven_after = self.rule.forgiven_after;
        let recent =
            |_: &K, mistakes: &mut Mistakes| now.saturating_sub(mistakes.at) < forgiven_after;
        self.mistakes.retain(recent);
        if self.mistakes.len() >= REMEMBERED_MAX {
            let mut ends: Vec<Duration> = self.mistakes.values().map(|it| it.until).collect();
            let (_, last_to_go, _) = ends.select_nth_unstable(FORGOTTEN_AT_ONCE - 1);
            let (last_to_go, mut left) = (*last_to_go, FORGOTTEN_AT_ONCE);
            self.mistakes.retain(|_, mistakes| {
                let goes = mistakes.until <= last_to_go && left > 0;
                left -= usize::from(goes);
                !goes
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: BackOffRule = BackOffRule {
        free: 2,
        first: Duration::from_secs(1),
        longest: Duration::from_secs(5),
        forgiven_after: Duration::from_secs(60),
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_wait_doubles_up_to_its_limit() {
        let mut back_off = BackOff::new(RULE);
        let mut now = seconds(100);
        for wait in [0, 0, 1, 2, 4, 5, 5] {
            back_off.failed("ann", now);
            let expected = (wait > 0).then(|| seconds(wait));
            assert_eq!(back_off.wait(&"ann", now), expected);
            now += seconds(wait);
            assert_eq!(back_off.wait(&"ann", now), None);
        }
        assert_eq!(back_off.wait(&"bob", now), None);
        for _ in 0..100 {
            back_off.failed("ann", now);
        }
        assert_eq!(back_off.wait(&"ann", now), Some(seconds(5)));
    }

    #[test]
    fn success_and_time_forgive() {
        let mut back_off = BackOff::new(RULE);
        for _ in 0..5 {
            back_off.failed("ann", seconds(0));
            back_off.failed("bob", seconds(0));
        }
        back_off.succeeded(&"ann");
        assert_eq!(back_off.wait(&"ann", seconds(0)), None);
        back_off.failed("bob", seconds(60));
        assert_eq!(back_off.wait(&"bob", seconds(60)), None);
    }

    #[test]
    fn a_crowd_is_bounded() {
        let mut back_off = BackOff::new(RULE);
        for who in 0..REMEMBERED_MAX + 10 {
            // The first ones have the longest waits.
            for _ in 0..if who < 10 { 4 } else { 1 } {
                back_off.failed(who, seconds(1));
            }
        }
        let kept = back_off.mistakes.len();
        assert_eq!(kept, REMEMBERED_MAX + 10 - FORGOTTEN_AT_ONCE);
        for who in 0..10 {
            assert_eq!(back_off.wait(&who, seconds(1)), Some(seconds(2)));
        }
        assert!(back_off.mistakes.contains_key(&(REMEMBERED_MAX + 9)));
    }
}
