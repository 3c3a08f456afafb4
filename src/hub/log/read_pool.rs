//! The threads that read the log: no file I/O on a shard. In: jobs. Out: whatever a job sends when it is done.
//!
//! A client has at most one job here at a time, so the queue is bounded by `limits.connections`.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use slog::{Logger, error};

use crate::ops::panic_at;
use crate::ops::supervise::panic_text;
use crate::store::log::LogReader;

/// The reader of the store that is open now; a restart of the log puts another one here.
#[derive(Clone)]
pub struct SharedReader(Arc<RwLock<Arc<dyn LogReader>>>);

impl SharedReader {
    /// Starts with `reader`.
    pub fn new(reader: Arc<dyn LogReader>) -> Self {
        Self(Arc::new(RwLock::new(reader)))
    }

    /// The current one.
    pub fn current(&self) -> Arc<dyn LogReader> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn replace(&self, reader: Arc<dyn LogReader>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = reader;
    }
}

type Job = Box<dyn FnOnce(&dyn LogReader, &Logger) + Send>;

/// Hands jobs to the threads. Cheap to clone; the threads end when the last one is gone.
#[derive(Clone)]
pub struct ReadPool {
    jobs: Sender<Job>,
}

impl ReadPool {
    /// Starts `threads` threads; their handles are for joining at the end.
    pub fn start(
        threads: usize,
        reader: SharedReader,
        log: &Logger,
    ) -> std::io::Result<(Self, Vec<JoinHandle<()>>)> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let spawn = |number: usize| {
            let (queue, reader) = (queue.clone(), reader.clone());
            let log = log.new(slog::o!("thread" => format!("log-read-{number}")));
            std::thread::Builder::new()
                .name(format!("log-read-{number}"))
                .spawn(move || work(&queue, &reader, &log))
        };
        let handles = (0..threads.max(1))
            .map(spawn)
            .collect::<Result<Vec<_>, _>>()?;
        Ok((Self { jobs }, handles))
    }

    /// Has `job` run with the current reader and its result given to `done`, on that thread; `None` if the job panicked, twice: it changes
    /// nothing, so it is tried again.
    pub fn run<T>(
        &self,
        job: impl Fn(&dyn LogReader) -> T + Send + 'static,
        done: impl FnOnce(Option<T>) + Send + 'static,
    ) {
        let job: Job = Box::new(move |reader, log| {
            let try_once = || {
                let run = std::panic::catch_unwind(AssertUnwindSafe(|| {
                    let _place = panic_at::place("read-pool/job");
                    job(reader)
                }));
                run.inspect_err(|panic| {
                    error!(log, "a read of the log panicked"; "reason" => panic_text(&**panic));
                })
            };
            let run = try_once().or_else(|_| try_once());
            let told = std::panic::catch_unwind(AssertUnwindSafe(|| done(run.ok())));
            if let Err(panic) = told {
                error!(log, "a read's answer panicked"; "reason" => panic_text(&*panic));
            }
        });
        // The threads live as long as this sender does.
        let _ = self.jobs.send(job);
    }
}

fn work(queue: &Mutex<Receiver<Job>>, reader: &SharedReader, log: &Logger) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        job(&*reader.current(), log);
    }
}
