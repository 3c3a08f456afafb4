//! The server's resident memory before a disturbance, at its worst, and after it, with the same clients there before and after.

use std::time::{Duration, Instant};

use crate::proc::Process;
use crate::report::Row;

/// How often memory is looked at: a look costs some 50 us.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// See the module.
#[derive(Debug)]
pub(super) struct Watch {
    server: Process,
    /// In KiB, as the others.
    before: u64,
    peak: u64,
    looked: Option<Instant>,
}

impl Watch {
    /// `before_kib` is what the quiet server has.
    pub(super) fn new(server: Process, before_kib: u64) -> Self {
        Self {
            server,
            before: before_kib,
            peak: before_kib,
            looked: None,
        }
    }

    /// To be called often: looks, if it has not just looked.
    pub(super) fn look(&mut self) {
        if self.looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
            // A server that is gone shows in its sockets too.
            self.peak = self.peak.max(self.server.resident_kib().unwrap_or(0));
            self.looked = Some(Instant::now());
        }
    }

    /// The most that it was seen to have beyond the beginning, in MiB.
    pub(super) fn growth_mib(&self) -> f64 {
        mib(self.peak.saturating_sub(self.before))
    }

    /// Adds the figures; `after_kib` is what the server has when it is quiet again.
    pub(super) fn add(&self, row: &mut Row, after_kib: u64) {
        row.add("server memory, before", "MiB", mib(self.before));
        row.add("server memory, peak", "MiB", mib(self.peak));
        row.add("server memory, after", "MiB", mib(after_kib));
        let ratio = after_kib as f64 / self.before as f64;
        row.add("server memory, after : before", "", ratio);
    }
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_never_below_the_beginning_and_the_ratio_is_that_of_the_ends() {
        let watch = Watch::new(Process::own(), 2048);
        let mut row = Row::new("slow", "tiny".to_owned());
        watch.add(&mut row, 3072);
        let medians: Vec<_> = row.figures.iter().map(|figure| figure.median()).collect();
        assert_eq!(medians, [2.0, 2.0, 3.0, 1.5]);
        assert_eq!(watch.growth_mib(), 0.0);
    }

    #[test]
    fn a_look_sees_what_the_process_has() {
        let mut watch = Watch::new(Process::own(), 0);
        watch.look();
        assert!(watch.growth_mib() > 0.0);
    }
}
