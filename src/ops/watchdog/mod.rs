//! Looks whether every thread of actors still turns. In: a count that each raises by a timer of its own. Out: log lines, [`stuck`](Stuck),
//! word to the service manager; and the end of the process when a thread has been still for `server.watchdog`. Owns one thread.
//!
//! What counts is time in which this thread looked. Where the whole process stands still, as on a machine that was suspended, nobody
//! is to blame.
//!
//! Threads that write to the disk have [`DISK_FACTOR`] times as long: a disk may take its time, and a process that waits for one does not end
//! before it answers anyway.

mod rule;

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use actix_rt::Arbiter;
use slog::{Logger, crit, error, warn};

use super::{notify, sys};
use rule::{Verdict, Watched};

/// How often each thread says that it turns.
const TICK: Duration = Duration::from_millis(500);
/// How often is looked, unless the service manager wants to hear more often.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOK_EVERY_MIN: Duration = Duration::from_millis(20);
/// How much longer than `server.watchdog` a thread may be still that writes to the disk.
const DISK_FACTOR: u32 = 4;
/// How often the service manager gets a new status line, at most.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// How long the last line may take before the process ends without it.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a thread may be waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Nothing but its next message.
    Memory,
    /// The disk, within a message.
    Disk,
}

/// One thread.
#[derive(Debug)]
struct Pulse {
    name: String,
    work: Work,
    turns: AtomicU64,
    /// Its folder under `/proc/self`, once it runs.
    task: OnceLock<std::path::PathBuf>,
}

impl Pulse {
    async fn beat(self: Arc<Self>) {
        if let Ok(task) = std::fs::read_link("/proc/thread-self") {
            let _ = self.task.set(task);
        }
        let mut ticks = actix_rt::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.turns.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What the kernel says it does; proc(5), `stat`, the field behind the name.
    fn doing(&self) -> &'static str {
        let stat = self.task.get().and_then(|task| {
            let path = std::path::Path::new("/proc").join(task).join("stat");
            std::fs::read_to_string(path).ok()
        });
        let state = stat.and_then(|stat| stat.rsplit_once(") ")?.1.chars().next());
        match state {
            Some('R') => "it computes",
            Some('D') => "it waits for a disk",
            Some('S') => "it waits",
            _ => "unknown",
        }
    }
}

/// The threads to look after.
#[derive(Debug, Default)]
pub(super) struct Threads(Vec<Arc<Pulse>>);

impl Threads {
    /// This thread, which runs a runtime of actors.
    pub(super) fn here(mut self, name: &str) -> Self {
        actix_rt::spawn(self.add(name, Work::Memory).beat());
        self
    }

    /// The thread of this arbiter.
    pub(super) fn on(mut self, thread: &Arbiter, name: &str, work: Work) -> Self {
        thread.spawn(self.add(name, work).beat());
        self
    }

    fn add(&mut self, name: &str, work: Work) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse {
            name: name.to_owned(),
            work,
            turns: AtomicU64::new(0),
            task: OnceLock::new(),
        });
        self.0.push(pulse.clone());
        pulse
    }
}

/// Which threads are late now, and for how long. Clones ask the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Stuck(Arc<Mutex<Vec<(String, Duration)>>>);

impl Stuck {
    /// Their names.
    pub(super) fn now(&self) -> Vec<(String, Duration)> {
        let list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.clone()
    }

    fn set(&self, late: Vec<(String, Duration)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = late;
    }
}

/// What the watchdog asks while it runs.
pub(super) struct Questions {
    /// `server.watchdog` as it is in force; zero = never ends the process.
    pub(super) deadline: Box<dyn Fn() -> Duration + Send>,
    /// A line for people.
    pub(super) status: Box<dyn Fn() -> String + Send>,
    /// Within what time the service manager wants to hear that every thread turns, if it does.
    pub(super) alive_within: Option<Duration>,
}

/// The watchdog's thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Watchdog {
    _end: Sender<()>,
    stuck: Stuck,
}

impl Watchdog {
    /// Which threads are late.
    pub(super) fn stuck(&self) -> Stuck {
        self.stuck.clone()
    }
}

/// Looks after `threads` from now on.
pub(super) fn start(threads: Threads, questions: Questions, log: Logger) -> io::Result<Watchdog> {
    let (end, ended) = channel::<()>();
    let stuck = Stuck::default();
    let wanted = questions.alive_within;
    let look_every = wanted.map_or(LOOK_EVERY, |within| {
        (within / 4).clamp(LOOK_EVERY_MIN, LOOK_EVERY)
    });
    let mut guard = Guard {
        watched: threads.0.iter().map(|_| Watched::default()).collect(),
        threads: threads.0,
        alive_every: wanted.map(|within| within / 2),
        alive_at: None,
        status_at: Instant::now(),
        last_status: String::new(),
        questions,
        stuck: stuck.clone(),
        log,
    };
    let look = move || {
        let mut before = Instant::now();
        while ended.recv_timeout(look_every) == Err(RecvTimeoutError::Timeout) {
            let now = Instant::now();
            let watched = rule::watched(now - before, look_every);
            before = now;
            guard.look(now, watched);
        }
    };
    thread::Builder::new().name("watchdog".into()).spawn(look)?;
    Ok(Watchdog { _end: end, stuck })
}

struct Guard {
    threads: Vec<Arc<Pulse>>,
    watched: Vec<Watched>,
    alive_every: Option<Duration>,
    alive_at: Option<Instant>,
    status_at: Instant,
    last_status: String,
    questions: Questions,
    stuck: Stuck,
    log: Logger,
}

impl Guard {
    fn look(&mut self, now: Instant, watched: Duration) {
        let deadline = (self.questions.deadline)();
        let mut late = Vec::new();
        for (thread, known) in self.threads.iter().zip(&mut self.watched) {
            let deadline = match thread.work {
                Work::Memory => deadline,
                Work::Disk => deadline * DISK_FACTOR,
            };
            let turns = thread.turns.load(Ordering::Relaxed);
            match known.look(turns, watched, deadline) {
                Verdict::Fine => {}
                Verdict::Late(still) => {
                    error!(self.log, "a thread does not turn"; "thread" => &thread.name,
                        "seconds" => still.as_secs(), "doing" => thread.doing(),
                        "ends_the_server_after" => format!("{deadline:?}"));
                }
                Verdict::Back(still) => {
                    warn!(self.log, "the thread turns again"; "thread" => &thread.name,
                        "seconds" => still.as_secs());
                }
                Verdict::Over(still) => end(&self.log, thread, still),
            }
            late.extend(known.late_for().map(|still| (thread.name.clone(), still)));
        }
        let all_turn = late.is_empty();
        self.stuck.set(late);
        self.tell_manager(now, all_turn);
    }

    fn tell_manager(&mut self, now: Instant, all_turn: bool) {
        let since = |then: Option<Instant>| then.map(|then| now.duration_since(then));
        if let Some(every) = self.alive_every
            && all_turn
            && since(self.alive_at).is_none_or(|passed| passed >= every)
        {
            notify::alive();
            self.alive_at = Some(now);
        }
        if now.duration_since(self.status_at) >= STATUS_EVERY {
            self.status_at = now;
            let status = (self.questions.status)();
            if status != self.last_status {
                notify::status(&status);
                self.last_status = status;
            }
        }
    }
}

/// Ends the process. In order is not possible: the thread that hangs is part of that.
fn end(log: &Logger, thread: &Pulse, still: Duration) {
    let line = format!(
        "the thread \"{}\" has not turned for {} s ({}); the server ends, so that it can be started again",
        thread.name,
        still.as_secs(),
        thread.doing()
    );
    let (log, words) = (log.clone(), line);
    let (said, done) = channel::<()>();
    // On another thread: whoever reads the log or standard error may be what hangs.
    let speaker = thread::Builder::new().name("last-words".into());
    let _ = speaker.spawn(move || {
        crit!(log, "{}", words);
        // The log's own thread writes that line, and has this long for it.
        thread::sleep(LAST_WORDS / 4);
        let _ = writeln!(io::stderr(), "gencomm: {words}");
        drop(said);
    });
    let _ = done.recv_timeout(LAST_WORDS);
    sys::end_at_once(1);
}
