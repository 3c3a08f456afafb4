//! Whether the server serves: it calls itself, writes to its log, and hears of it on every shard. In: questions from the control socket. Out:
//! what became of each step. Owns one probe at a time, on the main thread.
//!
//! Who asks while a probe is under way joins it, and what is [`REUSE`] old counts as new: a hundred who ask cost no more than one. A probe
//! that meets a thread that hangs stays under way until that thread turns again, so no more than one message waits there.

mod accept;
mod report;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Addr;
use futures::future::join3;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout_at;

use crate::hub::log::MessageLog;
use crate::hub::probe::{ProbeLog, ProbeNews, Probes};

use super::control::Answer;
use super::sys;
use super::watchdog::Stuck;
pub(crate) use report::Step;

/// A probe counts for so long from its beginning.
const REUSE: Duration = Duration::from_millis(250);
/// Who does not say how long they wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// The longest that anybody is kept waiting.
const PATIENCE_MAX: Duration = Duration::from_secs(25);
/// With less space than this no group can be expected to find room.
const FREE_BYTES_MIN: u64 = 1 << 20;

/// The names of the steps, in the order in which they are told.
const ACCEPT: usize = 0;
const COMMIT: usize = 1;
const DELIVER: usize = 2;
const SPACE: usize = 3;
const NAMES: [&str; 4] = ["accept", "commit", "deliver", "space"];

/// What is looked at.
pub(super) struct Parts {
    /// Where the main port listens.
    pub(super) address: SocketAddr,
    /// How many listen there.
    pub(super) shards: usize,
    /// Which connections are ours.
    pub(super) probes: Arc<Probes>,
    /// The one that appends.
    pub(super) log: Addr<MessageLog>,
    /// What the watchdog sees.
    pub(super) stuck: Stuck,
    /// The data folder.
    pub(super) folder: PathBuf,
}

/// See the module. Clones ask the same; on one thread.
#[derive(Clone)]
pub(super) struct Health {
    parts: Rc<Parts>,
    last: Rc<RefCell<Option<Rc<Probe>>>>,
}

impl Health {
    /// Nothing is asked yet.
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts: Rc::new(parts),
            last: Rc::default(),
        }
    }

    /// How the server is, after `patience` at the latest.
    pub(super) async fn ask(&self, patience: Duration) -> Answer {
        let asked = Instant::now();
        let end = asked + patience.min(PATIENCE_MAX);
        loop {
            let probe = self.probe();
            let in_time = timeout_at(end.into(), probe.ended()).await.is_ok();
            if !in_time || probe.began + REUSE >= asked {
                return self.tell(&probe);
            }
            // It began long before anybody asked.
        }
    }

    /// The one under way, or the last one while it counts, or a new one.
    fn probe(&self) -> Rc<Probe> {
        let mut last = self.last.borrow_mut();
        if let Some(probe) = &*last
            && (!probe.has_ended.get() || probe.began.elapsed() < REUSE)
        {
            return probe.clone();
        }
        let probe = Rc::new(Probe::new(self.parts.shards));
        actix_rt::spawn(probe.clone().run(self.parts.clone()));
        *last = Some(probe.clone());
        probe
    }

    fn tell(&self, probe: &Probe) -> Answer {
        let mut steps = probe.report();
        let stuck = self.parts.stuck.now();
        let named = stuck
            .iter()
            .map(|(name, still)| format!("\"{name}\" has not turned for {} s", still.as_secs()));
        let named: Vec<String> = named.collect();
        steps.push(Step {
            name: "threads".to_owned(),
            failure: (!named.is_empty()).then(|| named.join(", ")),
            took: Duration::ZERO,
        });
        let lines = steps.iter().map(Step::line).collect();
        match steps.iter().all(|step| step.failure.is_none()) {
            true => Answer::ok(lines),
            false => Answer::failed(lines),
        }
    }
}

/// What a step came to, and after how long.
type Outcome = (Result<(), String>, Duration);

/// One look at everything.
struct Probe {
    began: Instant,
    steps: RefCell<[Option<Outcome>; NAMES.len()]>,
    /// Shards that have not answered a connection yet.
    silent: RefCell<BTreeSet<u16>>,
    /// Shards whose fan-out has not heard of the log yet.
    unheard: RefCell<BTreeSet<u16>>,
    has_ended: Cell<bool>,
    wake: Notify,
}

impl Probe {
    fn new(shards: usize) -> Self {
        let all: BTreeSet<u16> = (0..shards)
            .filter_map(|id| u16::try_from(id).ok())
            .collect();
        Self {
            began: Instant::now(),
            steps: RefCell::default(),
            silent: RefCell::new(all.clone()),
            unheard: RefCell::new(all),
            has_ended: Cell::new(false),
            wake: Notify::new(),
        }
    }

    async fn ended(&self) {
        while !self.has_ended.get() {
            self.wake.notified().await;
        }
    }

    async fn run(self: Rc<Self>, parts: Rc<Parts>) {
        let (news, heard) = mpsc::unbounded_channel();
        parts.log.do_send(ProbeLog(news));
        let accept = async {
            let accepted = accept::all(parts.address, &parts.probes, &self.silent).await;
            self.note(ACCEPT, accepted);
        };
        let space = async {
            let folder = parts.folder.clone();
            // On another thread: a file system may not answer.
            let asked = tokio::task::spawn_blocking(move || sys::free_disk_bytes(&folder)).await;
            let free = asked.map_err(|error| error.to_string());
            let free = free.and_then(|free| free.map_err(|error| error.to_string()));
            self.note(SPACE, free.and_then(rate_space));
        };
        join3(accept, self.follow(heard), space).await;
        self.has_ended.set(true);
        self.wake.notify_waiters();
    }

    /// The way through the log to every shard.
    async fn follow(&self, mut heard: mpsc::UnboundedReceiver<ProbeNews>) {
        while let Some(news) = heard.recv().await {
            match news {
                ProbeNews::Committed(result) => self.note(COMMIT, result),
                ProbeNews::Heard(shard) => {
                    self.unheard.borrow_mut().remove(&shard);
                    if self.unheard.borrow().is_empty() {
                        self.note(DELIVER, Ok(()));
                        return;
                    }
                }
            }
        }
        // Everybody who could answer has let go of it.
        let lost = || Err("the actor panicked or has ended".to_owned());
        for step in [COMMIT, DELIVER] {
            let is_open = self.steps.borrow()[step].is_none();
            if is_open {
                self.note(step, lost());
            }
        }
    }

    fn note(&self, step: usize, result: Result<(), String>) {
        self.steps.borrow_mut()[step] = Some((result, self.began.elapsed()));
    }

    fn report(&self) -> Vec<Step> {
        let steps = self.steps.borrow();
        let told = NAMES.iter().zip(&*steps).enumerate();
        let step = |(at, (name, done)): (usize, (&&str, &Option<_>))| match done {
            Some((result, took)) => Step {
                name: (*name).to_owned(),
                failure: Result::err(Result::clone(result)),
                took: *took,
            },
            None => Step {
                name: (*name).to_owned(),
                failure: Some(self.missing(at)),
                took: self.began.elapsed(),
            },
        };
        told.map(step).collect()
    }

    /// What a step waits for that is not done.
    fn missing(&self, step: usize) -> String {
        let waits_for = |shards: &BTreeSet<u16>| {
            let names: Vec<String> = shards.iter().map(u16::to_string).collect();
            format!("no answer yet from shard {}", names.join(", "))
        };
        match step {
            ACCEPT => waits_for(&self.silent.borrow()),
            COMMIT => "no answer yet from the log".to_owned(),
            DELIVER if self.steps.borrow()[COMMIT].is_none() => "waits for the log".to_owned(),
            DELIVER => waits_for(&self.unheard.borrow()),
            _ => "no answer yet from the file system".to_owned(),
        }
    }
}

fn rate_space(free: u64) -> Result<(), String> {
    if free >= FREE_BYTES_MIN {
        return Ok(());
    }
    Err(format!(
        "{} KiB are free on the disk of the data folder; make room",
        free >> 10
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_no_health() {
        assert!(rate_space(FREE_BYTES_MIN).is_ok());
        assert!(rate_space(0).unwrap_err().starts_with("0 KiB are free"));
    }

    #[test]
    fn what_has_not_answered_is_named() {
        let probe = Probe::new(3);
        probe.silent.borrow_mut().remove(&0);
        let told: Vec<String> = probe.report().iter().map(Step::line).collect();
        assert!(
            told[0].starts_with("accept failed ") && told[0].ends_with("shard 1, 2"),
            "{told:?}"
        );
        assert!(told[2].ends_with("waits for the log"), "{told:?}");
        probe.note(COMMIT, Ok(()));
        probe.unheard.borrow_mut().remove(&1);
        let told: Vec<String> = probe.report().iter().map(Step::line).collect();
        assert!(told[1].starts_with("commit ok "), "{told:?}");
        assert!(
            told[2].ends_with("no answer yet from shard 0, 2"),
            "{told:?}"
        );
    }
}
