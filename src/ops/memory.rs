//! Gives memory back to the system that the process has no use for any more. In: how many connections have begun and ended, and how much memory is
//! resident. Out: a word to the allocator. Owns a thread.
//!
//! glibc keeps what was freed: after 15,000 clients had come back at once, 15 MiB of 38. Asked to, it gives back every page that is wholly
//! free, in about a millisecond for such a server; other threads of the same arena wait for that, so it is asked only when it is
//! worth it and the storm is over. With another C library there is nothing to ask.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::hub::connections::ConnectionCount;

use super::supervise::whatever_happens;
use super::{panic_at, sys};

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// So many connections have to have begun and ended for it to be worth while.
const TURNOVER_MIN: u64 = 1000;
/// With more than so many since the last look, the storm is not over.
const CALM_MAX: u64 = 40;
/// After so many looks it is done once more: what those who came back have missed is still being read when the last of them is in.
const LOOKS_UNTIL_AGAIN: u8 = 4;
/// The memory has to be higher than ever after by this, and by a quarter, for it to be worth while without that.
const HIGH_MIN_BYTES: u64 = 8 << 20;
/// While memory is high, which it may be for good reasons, no more than one part in so many of the time is spent on this.
const TIME_SHARE: u32 = 500;
/// Looks between two times, at least, while memory is high.
const PAUSE_LOOKS_MIN: u32 = 8;

/// Bounds the arenas of glibc's allocator, of which each has its own holes: one for two cores, where it otherwise takes eight for each. Call
/// before there are other threads: they keep what they have. `MALLOC_ARENA_MAX` in the environment goes before.
///
/// On two cores, memory after a storm was 1.08 times that before it instead of 1.18, and CPU per delivery in many rooms fell by 12 %.
pub fn bound_arenas() {
    if std::env::var_os("MALLOC_ARENA_MAX").is_some() {
        return;
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    sys::set_arenas_max(i32::try_from(cores.div_ceil(2)).unwrap_or(i32::MAX));
}

/// Decides when it is worth while.
#[derive(Debug, Default)]
struct Rule {
    /// Connections that had begun, and ended, when memory was last given back.
    turnover_then: u64,
    /// The fewest bytes that were resident after that; 0 before the first time.
    resident_low: u64,
    /// Connections that had begun, and ended, at the last look.
    turnover: u64,
    /// Looks until it is done once more; 0 if it is not.
    again_in: u8,
    /// Looks until it may be done because memory is high.
    pause: u32,
}

impl Rule {
    /// So many connections have begun, and ended, since the start, and `resident` bytes are resident: whether to give memory back now.
    fn look(&mut self, turnover: u64, resident: u64) -> bool {
        let is_calm = turnover.saturating_sub(self.turnover) <= CALM_MAX;
        self.turnover = turnover;
        self.pause = self.pause.saturating_sub(1);
        let was_stormy = turnover.saturating_sub(self.turnover_then) >= TURNOVER_MIN;
        let excess = resident.saturating_sub(self.resident_low);
        let is_high = self.pause == 0 && excess >= HIGH_MIN_BYTES.max(self.resident_low / 4);
        if !is_calm {
            return false;
        }
        if was_stormy {
            self.again_in = LOOKS_UNTIL_AGAIN;
            return true;
        }
        let is_due_again = self.again_in == 1;
        self.again_in = self.again_in.saturating_sub(1);
        is_high || is_due_again
    }

    /// It was done, took so long, and left so much.
    fn note(&mut self, took: Duration, resident: u64) {
        self.turnover_then = self.turnover;
        self.resident_low = match self.resident_low {
            0 => resident,
            low => low.min(resident),
        };
        let looks = (took * TIME_SHARE).as_millis() / LOOK_EVERY.as_millis();
        let looks = u32::try_from(looks).unwrap_or(u32::MAX);
        self.pause = looks.max(PAUSE_LOOKS_MIN);
    }
}

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Tidying {
    _end: Sender<()>,
}

/// Looks after the memory of this process, whose connections are counted in `connections`.
pub(super) fn start(connections: Arc<ConnectionCount>) -> io::Result<Tidying> {
    let (end, ended) = channel::<()>();
    let mut rule = Rule::default();
    let look = move || {
        while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            // A panic is told in the log, and costs this look alone.
            whatever_happens(|| {
                let _place = panic_at::place("memory/look");
                let resident = resident_bytes().unwrap_or(0);
                if rule.look(connections.turnover(), resident) {
                    let began = Instant::now();
                    sys::give_memory_back();
                    rule.note(began.elapsed(), resident_bytes().unwrap_or(resident));
                }
            });
        }
    };
    thread::Builder::new().name("memory".into()).spawn(look)?;
    Ok(Tidying { _end: end })
}

/// `/proc/self/statm`, second field, in pages; proc(5).
fn resident_bytes() -> Option<u64> {
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const QUICK: Duration = Duration::from_millis(1);

    #[test]
    fn a_storm_is_waited_out_and_tidied_up_after_twice() {
        let mut rule = Rule::default();
        rule.note(QUICK, 100 * MIB);
        assert!(!rule.look(900, 100 * MIB));
        assert!(!rule.look(20_000, 100 * MIB));
        assert!(rule.look(20_010, 100 * MIB));
        rule.note(QUICK, 90 * MIB);
        let later: Vec<bool> = (0..12).map(|_| rule.look(20_010, 90 * MIB)).collect();
        let again = usize::from(LOOKS_UNTIL_AGAIN) - 1;
        let only_then = |(at, done): (usize, &bool)| *done == (at == again);
        assert!(later.iter().enumerate().all(only_then));
    }

    #[test]
    fn it_is_not_done_while_they_come_back() {
        let mut rule = Rule::default();
        rule.note(QUICK, 100 * MIB);
        assert!(!rule.look(15_000, 100 * MIB));
        assert!(rule.look(15_000, 100 * MIB));
        rule.note(QUICK, 90 * MIB);
        let storm: Vec<bool> = (1..8)
            .map(|at| rule.look(15_000 + at * 500, 200 * MIB))
            .collect();
        assert!(storm.iter().all(|done| !done));
        assert!(rule.look(18_510, 200 * MIB));
    }

    #[test]
    fn memory_that_stays_high_is_looked_through_now_and_then() {
        let mut rule = Rule::default();
        rule.note(QUICK, 20 * MIB);
        let pause = PAUSE_LOOKS_MIN as usize;
        let times =
            |rule: &mut Rule, resident| (0..pause).filter(|_| rule.look(0, resident)).count();
        assert_eq!(times(&mut rule, 27 * MIB), 0);
        assert!(rule.look(0, 28 * MIB));
        // It was in use.
        rule.note(QUICK, 28 * MIB);
        assert_eq!(times(&mut rule, 28 * MIB), 1);
        // What takes long is done seldom: ten milliseconds in five seconds.
        rule.note(Duration::from_millis(10), 28 * MIB);
        let looks = (0..100).position(|_| rule.look(0, 28 * MIB));
        assert_eq!(looks, Some(19));
    }

    #[test]
    fn this_process_has_some_memory() {
        assert!(resident_bytes().unwrap() > MIB);
    }
}
