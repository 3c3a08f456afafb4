//! The threads that hash passwords. In: jobs. Out: what each job sends. Owns the threads and their queue, which has a limit: a log-in
//! that finds it full is told to come back, so a flood of them costs those who are in neither time nor memory.
//!
//! The threads run at a low priority: on a machine with few cores a password may wait, a message may not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use slog::{Logger, error, warn};

use crate::ops::sys;

/// Added to the niceness of these threads.
const NICENESS: i32 = 10;

/// Something slow to do, and then the telling of it.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// See the module.
pub struct HashPool {
    jobs: SyncSender<Job>,
}

/// No room in the queue: the job, which has not run.
pub struct PoolFull(pub(super) Job);

impl std::fmt::Debug for PoolFull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PoolFull")
    }
}

impl HashPool {
    /// Starts `threads` threads with room for `queue` jobs.
    pub fn start(threads: usize, queue: usize, log: &Logger) -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel(queue);
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..threads.max(1) {
            let (waiting, log) = (waiting.clone(), log.clone());
            std::thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || work(&waiting, &log))?;
        }
        Ok(Self { jobs })
    }

    /// Takes a job, unless the queue is full. A job that panics tells nobody anything: what it holds must do that when it is dropped.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) -> Result<(), PoolFull> {
        self.jobs
            .try_send(Box::new(job))
            .map_err(|error| match error {
                TrySendError::Full(job) | TrySendError::Disconnected(job) => PoolFull(job),
            })
    }
}

/// Ends when the pool is gone and its queue empty.
fn work(waiting: &Mutex<Receiver<Job>>, log: &Logger) {
    if let Err(error) = sys::lower_priority(NICENESS) {
        warn!(log, "hashing runs at the usual priority"; "error" => %error);
    }
    loop {
        let next = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(job) = next else {
            return;
        };
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            error!(log, "hashing a password panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn jobs_run_a_panic_costs_one_and_too_many_are_refused() {
        let log = Logger::root(slog::Discard, slog::o!());
        let pool = HashPool::start(1, 2, &log).unwrap();
        let (told, hear) = channel();
        let (go, wait) = channel::<()>();
        let (begun, begins) = channel();
        pool.run(move || {
            let _ = begun.send(());
            let _ = wait.recv();
            panic!("provoked");
        })
        .unwrap();
        begins.recv().unwrap();
        for number in 0..2 {
            let told = told.clone();
            pool.run(move || told.send(number).unwrap()).unwrap();
        }
        assert!(pool.run(|| ()).is_err());
        go.send(()).unwrap();
        assert_eq!((hear.recv(), hear.recv()), (Ok(0), Ok(1)));
    }
}
