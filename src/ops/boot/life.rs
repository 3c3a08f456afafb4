//! One life of the server: from an open log to a closed one. A process lives once, unless it hands over to another one that then fails: it
//! goes on with the sockets and the configuration that it had.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_rt::System;
use slog::{Logger, error, info, o, warn};
use tokio::sync::mpsc::unbounded_channel;

use crate::hub::connections::ConnectionCount;
use crate::hub::counters::Counters;
use crate::hub::log::StoreFactory;
use crate::ops::control::{self, Answer, Verbs};
use crate::ops::health::{self, Health};
use crate::ops::notify::{KeptAlive, keep_alive};
use crate::ops::reload::{Certificate, Listeners as Keepers, Reload, Source};
use crate::ops::shutdown::{self, End, HandedOver, Signals};
use crate::ops::takeover::claim::Claim;
use crate::ops::takeover::offer::{Offer, Takers};
use crate::ops::takeover::{self, Listeners};
use crate::ops::watchdog::{self, Questions, Threads, Watchdog, Work};
use crate::ops::{memory, notify};
use crate::store::log::{LogError, LogStore, inspect};

use super::sockets::Sockets;
use super::{Addresses, BootError, Running, first_steps, store, wiring};

/// How long a process that failed to take over may hold the log before this one gives up.
const RELEASE_PATIENCE: Duration = Duration::from_secs(30);
/// Between two attempts to open it.
const RELEASE_PAUSE: Duration = Duration::from_millis(20);

/// What all lives of this process have in common.
pub(super) struct Server<'a> {
    pub(super) log: &'a Logger,
    pub(super) folder: PathBuf,
    /// How many descriptors the process may have.
    pub(super) descriptors: u64,
    /// Listened for from the first life on.
    pub(super) signals: Option<Signals>,
    /// Within what time the service manager wants to hear that this process lives, if it does.
    pub(super) alive_within: Option<Duration>,
    /// From the end of one life to the begin of the next.
    pub(super) alive: Option<KeptAlive>,
}

/// What a life begins with.
pub(super) struct Birth {
    pub(super) source: Source,
    pub(super) certificate: Certificate,
    pub(super) sockets: Sockets,
}

/// How a life ended.
pub(super) enum Death {
    /// This was the last one.
    Last,
    /// Nobody took over: there is to be another one.
    Again(Box<Birth>),
}

impl Server<'_> {
    /// Runs until a signal, a fault or a hand-over ends it. `ready` is called once everything listens; then `claim`, if there is one, is told.
    pub(super) fn live(
        &mut self,
        birth: Birth,
        claim: &mut Option<Claim>,
        ready: impl FnOnce(&Addresses),
    ) -> Result<Death, BootError> {
        let Birth {
            source,
            certificate,
            sockets,
        } = birth;
        let config = Arc::new(source.loaded.config.clone());
        let log = self.log;
        let factory = store::factory(&config, self.folder.clone(), log.new(o!("actor" => "log")));
        let store = match claim {
            Some(_) => open_when_free(&factory)?,
            None => factory()?,
        };
        let accounts_factory = store::accounts_factory(&config, &self.folder);
        let mut accounts = accounts_factory()?;
        let addresses = sockets.addresses()?;
        first_steps::tell(log, &config, &self.folder, &mut *accounts)?;
        let shared = Rc::new(sockets.share()?);
        System::new().block_on(async {
            let (fatal, mut faults) = unbounded_channel();
            let running = wiring::start(
                &config,
                log,
                store,
                factory,
                (accounts, accounts_factory),
                sockets,
                self.descriptors,
                fatal,
            )
            .await?;
            let keepers = Keepers {
                keepers: running.keepers.clone(),
                shards: running.sessions.clone(),
                connections: running.connections.clone(),
                descriptors: self.descriptors,
            };
            let reload = Reload::start(source.clone(), certificate.clone(), keepers, log);
            // Whoever reads READY may send a signal at once, or a request.
            let signals = match &mut self.signals {
                Some(signals) => signals,
                none => none.insert(Signals::listen()?),
            };
            reload.follow_hangups()?;
            let _tidying = memory::start(running.connections.clone())?;
            let watchdog = start_watchdog(&running, &reload, self.alive_within, log)?;
            self.alive = None;
            let health = Health::new(health::Parts {
                address: addresses.main,
                shards: running.shards.len(),
                probes: running.probes.clone(),
                log: running.log.clone(),
                stuck: watchdog.stuck(),
                folder: self.folder.clone(),
            });
            let (control, mut takers) = open_control(
                &self.folder,
                &reload,
                health,
                running.counters.clone(),
                &shared,
                self.alive_within,
                log,
            );
            ready(&addresses);
            notify::ready(&status(&running.connections));
            if let Some(claim) = claim.take() {
                // From here on this process is the server, whatever becomes of the other one.
                let pid = claim.pid();
                match claim.serving() {
                    Ok(gap) => info!(log, "taken over"; "from" => pid, "gap_ms" => gap.as_millis() as u64),
                    Err(why) => warn!(log, "taken over from a process that is gone"; "from" => pid, "why" => %why),
                }
            }
            let ended = shutdown::wait_for_end(log, signals, &mut faults, &mut takers).await;
            takers.close();
            match (&ended, self.alive_within) {
                // It may take as long as the other process needs, and the manager does not know that this one is about to end.
                (End::HandOver(_), Some(within)) => self.alive = keep_alive(within).ok(),
                (End::HandOver(_), None) => {}
                _ => notify::stopping(),
            }
            // From here on each step has a deadline of its own, and threads end.
            drop(watchdog);
            // Before the log is given free: the next server's socket is not to be removed.
            drop(control);
            let deadline = reload.in_force().config.server.shutdown_deadline;
            let fatal = |stopped: Result<(), String>| stopped.map_err(BootError::Fatal);
            match ended {
                End::Signal => {
                    drop(shared);
                    fatal(shutdown::stop(log, running, signals, deadline).await)?;
                    Ok(Death::Last)
                }
                End::Fault(reason) => {
                    drop(shared);
                    // What is wrong is said already.
                    let _ = shutdown::stop(log, running, signals, deadline).await;
                    Err(BootError::Fatal(reason))
                }
                End::HandOver(to) => {
                    let handed = shutdown::hand_over(log, running, signals, deadline, to).await;
                    match handed.map_err(BootError::Fatal)? {
                        HandedOver::Served | HandedOver::Signal => Ok(Death::Last),
                        HandedOver::Nobody(why) => {
                            error!(log, "nobody took over; this process goes on"; "why" => why);
                            let in_force = (*reload.in_force()).clone();
                            let source = Source {
                                loaded: in_force,
                                ..source
                            };
                            let birth = born_again(source, certificate, &shared, log)?;
                            Ok(Death::Again(Box::new(birth)))
                        }
                    }
                }
            }
        })
    }
}

fn born_again(
    source: Source,
    before: Certificate,
    shared: &Listeners,
    log: &Logger,
) -> Result<Birth, BootError> {
    let config = &source.loaded.config;
    let certificate = Certificate::load(config).unwrap_or_else(|error| {
        warn!(log, "TLS goes on with the certificate of the start"; "why" => %error);
        before
    });
    let sockets = Sockets::take(config, certificate.offer(), shared.try_clone()?)?;
    Ok(Birth {
        source,
        certificate,
        sockets,
    })
}

/// Waits until no process holds the log: one that could not take over, and is about to end, may hold it still.
pub(super) fn wait_for_log(log: &Logger, folder: &Path) {
    let (begun, mut is_told) = (Instant::now(), false);
    let log_folder = folder.join("log");
    // If it takes too long, opening the log says what is wrong.
    while begun.elapsed() < RELEASE_PATIENCE {
        let Ok(Some(holder)) = inspect::holder(&log_folder) else {
            return;
        };
        if !std::mem::replace(&mut is_told, true) {
            info!(log, "waiting for the log"; "holder" => %holder);
        }
        std::thread::sleep(RELEASE_PAUSE);
    }
}

/// Opens the log that another process has let go of. One that could not close it may have it open once more for a moment: its actor was
/// started again, after the panic that kept it from closing it, until the process ends.
fn open_when_free(factory: &StoreFactory) -> Result<Box<dyn LogStore>, LogError> {
    let end = Instant::now() + RELEASE_PATIENCE;
    loop {
        match factory() {
            Err(LogError::Locked { .. }) if Instant::now() < end => {
                std::thread::sleep(RELEASE_PAUSE);
            }
            opened => return opened,
        }
    }
}

/// For the service manager.
fn status(connections: &ConnectionCount) -> String {
    format!("{} connections", connections.open())
}

fn start_watchdog(
    running: &Running,
    reload: &Reload,
    alive_within: Option<Duration>,
    log: &Logger,
) -> std::io::Result<Watchdog> {
    let mut threads = Threads::default()
        .here("main")
        .on(&running.log_thread, "log", Work::Disk)
        .on(&running.auth_thread, "auth", Work::Disk)
        .on(&running.registry_thread, "registry", Work::Disk);
    for (id, thread) in running.shards.iter().enumerate() {
        threads = threads.on(thread, &format!("shard {id}"), Work::Memory);
    }
    let (in_force, connections) = (reload.follow(), running.connections.clone());
    let questions = Questions {
        deadline: Box::new(move || in_force.borrow().config.server.watchdog),
        status: Box::new(move || status(&connections)),
        alive_within,
    };
    watchdog::start(threads, questions, log.new(o!("actor" => "watchdog")))
}

/// What runs without it: everything but the commands that use it.
fn open_control(
    folder: &Path,
    reload: &Reload,
    health: Health,
    counters: Arc<Counters>,
    shared: &Rc<Listeners>,
    alive_within: Option<Duration>,
    log: &Logger,
) -> (Option<control::Control>, Takers) {
    let in_force = reload.clone();
    let deadline = move || in_force.in_force().config.server.shutdown_deadline;
    let offer_log = log.new(o!("actor" => "takeover"));
    let (offer, takers) = Offer::new(shared.clone(), deadline, alive_within, offer_log);
    let offer = Rc::new(offer);
    let reload = reload.clone();
    let verbs = Verbs::default().on("reload", move || {
        let reload = reload.clone();
        async move { reload.ask("gencomm reload").await }
    });
    let verbs = verbs.on_number("health", move |milliseconds| {
        let health = health.clone();
        let patience = milliseconds.map_or(health::PATIENCE, Duration::from_millis);
        async move { health.ask(patience).await }
    });
    let verbs = verbs.on("counters", move || {
        let figures = counters.all().into_iter();
        let lines = figures
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        async move { Answer::ok(lines) }
    });
    let verbs = verbs.on_conversation(takeover::VERB, move |stream| {
        let offer = offer.clone();
        async move { offer.converse(stream).await }
    });
    let opened = control::open(folder, verbs, log.new(o!("actor" => "control")));
    let control = match opened {
        Ok(control) => Some(control),
        Err(error) => {
            warn!(log, "no control socket, so `gencomm reload` does not work; SIGHUP does; and no other process can take over";
                "folder" => %folder.display(), "error" => %error);
            None
        }
    };
    (control, takers)
}
