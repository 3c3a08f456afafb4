//! One seed: a machine, and the lives of the log on it, one after the other, until the seed has had enough.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use slog::Logger;

use super::listener::Shard;
use super::model::{Message, Model, When, ensure};
use super::reading;
use super::trouble::{self, Lives};
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;
use crate::store::log::clock::Clock;
use crate::store::log::disk::simulated::{Dice, Machine};
use crate::store::log::embedded::{EmbeddedLog, EmbeddedOptions};
use crate::store::log::ground::{Background, Ground};
use crate::store::log::{EventKind, LogError, LogStore, NewEvent, RoomRetention};

/// A process of the log, from its start to its end.
pub(super) const LIVES_MAX: u64 = 5;
/// Where the clock begins.
const BEGINNING_MICROS: i64 = 1_700_000_000_000_000;

/// What a process knows of its end.
#[derive(Default)]
pub(super) struct Ends {
    /// The log said that it cannot go on.
    pub(super) fatal: AtomicBool,
    /// It panicked too often.
    pub(super) given_up: AtomicBool,
}

/// See the module.
pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) machine: Machine,
    pub(super) model: Model,
    pub(super) options: EmbeddedOptions,
    pub(super) shards: Vec<Shard>,
    pub(super) clock: Clock,
    /// What the wall clock is set off by, in microseconds.
    wall: Arc<AtomicI64>,
    /// The clock was set since the log was opened.
    pub(super) clock_was_set: bool,
    pub(super) log: Logger,
    pub(super) trace: bool,
    /// Numbers of requests.
    pub(super) next_request: u32,
    /// Something fails in this life, other than by its end.
    pub(super) is_troubled: bool,
    /// A power cut came since the log was last recovered.
    power_was_cut: bool,
    beside: Arc<Mutex<Dice>>,
    pub(super) lives: Lives,
}

impl World {
    pub(super) fn new(seed: u64, lives: Lives, trace: bool) -> Self {
        let mut dice = Dice::new(seed);
        let machine = Machine::new(dice.split(), trace);
        machine.make_folder("data");
        let wall = Arc::new(AtomicI64::new(BEGINNING_MICROS));
        let start = tokio::time::Instant::now();
        let set = Arc::clone(&wall);
        let clock = Clock::Simulated(Arc::new(move || {
            let uptime = start.elapsed();
            let micros = set.load(Ordering::Relaxed) + uptime.as_micros() as i64;
            // Of a whole millisecond, as the machine's.
            (uptime, Timestamp::from_micros(micros as u64 / 1000 * 1000))
        }));
        let shards = 1 + dice.index(3);
        let options = trouble::options(&mut dice, lives);
        let retention = RoomRetention {
            messages: options.retain_messages,
            age: options.retain_age,
        };
        let log = if trace {
            printing()
        } else {
            Logger::root(slog::Discard, slog::o!())
        };
        let beside = Arc::new(Mutex::new(dice.split()));
        if trace {
            eprintln!("{options:?}, {shards} shards");
        }
        Self {
            shards: (0..shards).map(|_| Shard::new(&machine)).collect(),
            dice,
            machine,
            model: Model::new(retention),
            options,
            clock,
            wall,
            clock_was_set: false,
            log,
            trace,
            next_request: 0,
            is_troubled: false,
            power_was_cut: false,
            beside,
            lives,
        }
    }

    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        if self.trace {
            eprintln!("{}", what());
        }
    }

    pub(super) fn uptime(&self) -> Duration {
        self.clock.uptime()
    }

    /// Somebody sets the clock.
    pub(super) fn set_clock(&mut self) {
        const DAY_MICROS: i64 = 24 * 3600 * 1_000_000;
        let days = self.dice.one_of(&[-30, -3, -1, 1, 3, 30]);
        self.note_time();
        self.wall.fetch_add(days * DAY_MICROS, Ordering::Relaxed);
        if days > 0 {
            self.clock_was_set = true;
            self.model.forget_tags();
        }
        self.note_time();
        self.tell(|| format!("the clock is set by {days} days"));
    }

    pub(super) fn note_time(&mut self) {
        self.model.latest = self.model.latest.max(self.clock.wall());
    }

    pub(super) fn ground(&self) -> Ground {
        let beside = Arc::clone(&self.beside);
        let dice = || beside.lock().unwrap_or_else(PoisonError::into_inner);
        let slowness = match self.lives {
            Lives::Ordinary => 6,
            Lives::Busy => dice().one_of(&[2, 30, 1000]),
        };
        let beside = Arc::clone(&self.beside);
        let now = move || {
            let mut dice = beside.lock().unwrap_or_else(PoisonError::into_inner);
            dice.once_in(slowness)
        };
        Ground {
            disk: self.machine.start(),
            clock: self.clock.clone(),
            background: Background::Inline(Arc::new(now)),
        }
    }

    /// The process is over; what comes to the disk then is chance too.
    pub(super) fn end_life(&mut self, power: bool) {
        self.model.end_life();
        if power {
            self.machine.cut_power();
            self.power_was_cut = true;
        } else {
            self.machine.kill();
        }
        self.tell(|| format!("-- {}", if power { "the power is cut" } else { "killed" }));
    }

    /// Opens the log and compares what is in it with what has to be. `None` if the process ended meanwhile.
    fn recover(&mut self) -> Result<Option<(Ground, EmbeddedLog)>, String> {
        for attempt in 0.. {
            let ground = self.ground();
            let (options, log) = (self.options.clone(), self.log.clone());
            let opening = || EmbeddedLog::open_on(&ground, options, log);
            let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(opening));
            if self.machine.is_off() {
                return Ok(None);
            }
            match opened {
                Err(panic) => {
                    let text = crate::ops::supervise::panic_text(&*panic);
                    ensure!(text.starts_with("provoked"), "opening panicked: {text}");
                    return Ok(None);
                }
                Ok(Ok(store)) => {
                    self.settle(&store)?;
                    return Ok(Some((ground, store)));
                }
                Ok(Err(error)) => {
                    self.tell(|| format!("cannot open: {error}"));
                    ensure!(self.is_troubled, "the log cannot be opened: {error}");
                    ensure!(
                        attempt < 1,
                        "the log cannot be opened on a sound disk: {error}"
                    );
                    let stopped = matches!(error, LogError::Stopped { .. });
                    self.calm();
                    self.machine.kill();
                    if stopped && self.dice.once_in(2) {
                        self.machine.cut_power();
                        self.power_was_cut = true;
                    }
                }
            }
        }
        Ok(None)
    }

    fn settle(&mut self, store: &EmbeddedLog) -> Result<(), String> {
        self.clock_was_set = false;
        self.note_time();
        self.model.is_lenient = self.is_troubled;
        // Nothing fails while it is only looked.
        let plan = self.machine.pause();
        let reader = store.reader();
        let when = When::Recovered {
            power_cut: self.power_was_cut,
        };
        let found = reading::all(&*reader, &mut self.dice)?;
        let newest = found.last().map_or(0, |event| event.id);
        ensure!(newest <= reader.newest(), "{newest} is above the newest");
        self.tell(|| format!("recovered, {} events up to {newest}", found.len()));
        self.model.check_all(&found, when)?;
        if self.power_was_cut && self.options.retain_messages > 0 {
            // A floor that a number raised goes back, if those were lost that raised it.
            self.model.floors.clear();
        }
        self.power_was_cut = false;
        self.model.all_sure(Duration::MAX);
        reading::check(&*reader, &found, &mut self.dice, &mut self.model)?;
        self.machine.plan(plan);
        self.check_removed()
    }

    /// No byte of what was removed is anywhere on the disk.
    pub(super) fn check_removed(&self) -> Result<(), String> {
        let messages = &self.model.messages;
        let mut left = None;
        self.machine.each_content(|name, bytes| {
            Model::numbers(bytes, |number| {
                let done = |message: &Message| message.removal == super::model::Removal::Done;
                if messages.get(number).is_some_and(done) {
                    left = Some((number, name.to_owned()));
                }
            });
        });
        match left {
            Some((number, file)) => Err(format!("message {number} was removed, and is in {file}")),
            None => Ok(()),
        }
    }

    /// The lives of this seed.
    pub(super) async fn run(&mut self) -> Result<(), String> {
        let lives = 2 + self.dice.below(LIVES_MAX - 1);
        for life in 0..lives {
            self.plan();
            self.tell(|| format!("== life {life}"));
            if let Some((ground, store)) = self.recover()? {
                let local = tokio::task::LocalSet::new();
                let lived = local.run_until(self.live(ground, store)).await;
                // The process is gone with all that it had in memory, whatever it was about to do.
                self.machine.kill();
                drop(local);
                lived?;
            }
            let power = self.dice.below(10) < 7;
            self.end_life(power);
        }
        self.is_troubled = false;
        self.calm();
        if self.recover()?.is_none() {
            return Err("the last start came to nothing".to_owned());
        }
        if self.dice.once_in(4) {
            self.machine.kill();
            self.rot()?;
        }
        Ok(())
    }

    /// Bits flip on the disk. The log says so, or serves what was said; it does not panic, and goes on if it can.
    fn rot(&mut self) -> Result<(), String> {
        let flips = 1 + self.dice.below(3);
        let flipped: Vec<_> = (0..flips).filter_map(|_| self.machine.flip_bit()).collect();
        self.tell(|| format!("flipped: {flipped:?}"));
        // Of what is said a byte may be another one without anybody seeing it, but for `log verify`.
        let text_may_differ = flipped.iter().any(|(name, _)| name.ends_with(".log"));
        let ground = self.ground();
        let (options, log) = (self.options.clone(), self.log.clone());
        let mut store = match EmbeddedLog::open_on(&ground, options, log) {
            Ok(store) => store,
            Err(error) => {
                self.tell(|| format!("cannot open: {error}"));
                return Ok(());
            }
        };
        let reader = store.reader();
        // A read that fails says so.
        for event in reading::all(&*reader, &mut self.dice).unwrap_or_default() {
            self.model.check_rotten(&event, text_may_differ)?;
        }
        store.stage(NewEvent {
            room: RoomName::parse("lobby").map_err(|error| error.to_string())?,
            user: UserName::parse("alice").map_err(|error| error.to_string())?,
            kind: EventKind::Message("goes on".into()),
            origin: 1,
            nonce: 0,
            tag: None,
            time: None,
        });
        if let Ok(commit) = store.commit(self.clock.wall()) {
            for event in commit.events {
                ensure!(
                    !self.model.ids.contains_key(&event.id),
                    "id {} is given again, behind {flipped:?}",
                    event.id
                );
            }
        }
        let _ = store.maintain(self.clock.wall());
        let _ = store.close();
        Ok(())
    }
}

fn printing() -> Logger {
    use slog::Drain;
    let decorator = slog_term::PlainSyncDecorator::new(std::io::stderr());
    Logger::root(
        slog_term::FullFormat::new(decorator).build().fuse(),
        slog::o!(),
    )
}
