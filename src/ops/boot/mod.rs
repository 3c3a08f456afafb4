//! Starts the server and runs it. In: the configuration. Out: a running server, until a signal or a fault ends it.
//!
//! [`store`] opens the log, [`sockets`] listens, [`wiring`] starts the actors and makes them known to each other, [`first_steps`]
//! tells newcomers what to do.

mod first_steps;
mod sockets;
mod store;
mod wiring;

pub use store::log_options;
pub(in crate::ops) use wiring::connections_max;
pub(crate) use wiring::until;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, Recipient};
use actix_rt::{Arbiter, System};
use slog::{Logger, crit, o, warn};
use tokio::sync::mpsc::unbounded_channel;

use crate::edge::tls::certificate::CertificateError;
use crate::hub::auth::AuthError;
use crate::hub::connections::ConnectionCount;
use crate::hub::counters::Counters;
use crate::hub::log::MessageLog;
use crate::hub::messages::UseConfig;
use crate::hub::probe::Probes;
use crate::hub::session::SessionSupervisor;
use crate::ops::control::{self, Answer, Verbs};
use crate::ops::health::{self, Health};
use crate::ops::reload::{Certificate, Listeners, Reload, Source};
use crate::ops::watchdog::{self, Questions, Threads, Watchdog, Work};
use crate::ops::{memory, notify, shutdown, sys};
use crate::store::accounts::AccountsError;
use crate::store::log::LogError;
use sockets::Sockets;

/// Why the server did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({key}): {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// The configuration key that names it.
        key: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The data folder cannot be used.
    #[error("cannot use {folder} (server.data_dir): {source}")]
    DataDir {
        /// Which.
        folder: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The log cannot be opened.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The accounts cannot be opened.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// Nobody could log in.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The certificate cannot be used.
    #[error("the TLS certificate cannot be used: {0}")]
    Certificate(#[from] CertificateError),
    /// The operating system refused something else.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
    /// A thread did not come up.
    #[error("a thread of the server did not start in time")]
    Thread,
    /// It ran and came to an end that nobody ordered.
    #[error("the server ended: {0}")]
    Fatal(String),
}

/// Where a running server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Everything.
    pub main: SocketAddr,
    /// Log-in and messages of original clients, if they are let in.
    pub legacy: Option<(SocketAddr, SocketAddr)>,
}

/// What the shutdown has to take apart.
pub(in crate::ops) struct Running {
    pub log: Addr<MessageLog>,
    pub sessions: Vec<Addr<SessionSupervisor>>,
    /// Everybody who keeps a configuration.
    pub keepers: Vec<Recipient<UseConfig>>,
    pub connections: Arc<ConnectionCount>,
    /// Connections that are the server's own.
    pub probes: Arc<Probes>,
    pub counters: Arc<Counters>,
    pub shards: Vec<Arbiter>,
    pub log_thread: Arbiter,
    pub auth_thread: Arbiter,
    pub registry_thread: Arbiter,
    /// Dropped to end accepting.
    pub accepting: Vec<tokio::sync::oneshot::Sender<()>>,
}

/// Runs a server until `stop` is done, a signal comes, or it cannot go on. Blocks. `ready` is called once everything listens.
pub fn run(source: Source, log: &Logger, ready: impl FnOnce(&Addresses)) -> Result<(), BootError> {
    let descriptors = sys::raise_descriptor_limit()?;
    let config = Arc::new(source.loaded.config.clone());
    let certificate = Certificate::load(&config)?;
    // Before the log: whoever starts a second server by mistake is told so, and a taken port leaves no folder behind.
    let sockets = Sockets::bind(&config, certificate.offer())?;
    let folder = store::make_data_dir(&config.server.data_dir)?;
    let factory = store::factory(&config, folder.clone(), log.new(o!("actor" => "log")));
    let store = factory()?;
    let accounts_factory = store::accounts_factory(&config, &folder);
    let mut accounts = accounts_factory()?;
    let addresses = sockets.addresses()?;
    first_steps::tell(log, &config, &folder, &mut *accounts)?;
    let system = System::new();
    let result = system.block_on(async {
        let (fatal, mut faults) = unbounded_channel();
        let running = wiring::start(
            &config,
            log,
            store,
            factory,
            (accounts, accounts_factory),
            sockets,
            descriptors,
            fatal,
        )
        .await?;
        let listeners = Listeners {
            keepers: running.keepers.clone(),
            shards: running.sessions.clone(),
            connections: running.connections.clone(),
            descriptors,
        };
        let reload = Reload::start(source, certificate, listeners, log);
        // Whoever reads READY may send a signal at once, or a request.
        let signals = shutdown::Signals::listen()?;
        reload.follow_hangups()?;
        let _tidying = memory::start(running.connections.clone())?;
        let watchdog = start_watchdog(&running, &reload, log)?;
        let health = Health::new(health::Parts {
            address: addresses.main,
            shards: running.shards.len(),
            probes: running.probes.clone(),
            log: running.log.clone(),
            stuck: watchdog.stuck(),
            folder: folder.clone(),
        });
        let control = open_control(&folder, &reload, health, running.counters.clone(), log);
        ready(&addresses);
        notify::ready(&status(&running.connections));
        let ended = shutdown::wait_for_end(log, signals, &mut faults).await;
        notify::stopping();
        // From here on each step has a deadline of its own, and threads end.
        drop(watchdog);
        // Before the log is given free: the next server's socket is not to be removed.
        drop(control);
        let deadline = reload.in_force().server.shutdown_deadline;
        let stopped = shutdown::stop(log, running, deadline).await;
        match (ended, stopped) {
            (Err(reason), _) | (Ok(()), Err(reason)) => Err(BootError::Fatal(reason)),
            (Ok(()), Ok(())) => Ok(()),
        }
    });
    if let Err(error) = &result {
        crit!(log, "{}", error);
    }
    result
}

/// For the service manager.
fn status(connections: &ConnectionCount) -> String {
    format!("{} connections", connections.open())
}

fn start_watchdog(running: &Running, reload: &Reload, log: &Logger) -> std::io::Result<Watchdog> {
    let mut threads = Threads::default()
        .here("main")
        .on(&running.log_thread, "log", Work::Disk)
        .on(&running.auth_thread, "auth", Work::Disk)
        .on(&running.registry_thread, "registry", Work::Disk);
    for (id, thread) in running.shards.iter().enumerate() {
        threads = threads.on(thread, &format!("shard {id}"), Work::Memory);
    }
    let (config, connections) = (reload.follow(), running.connections.clone());
    let questions = Questions {
        deadline: Box::new(move || config.borrow().server.watchdog),
        status: Box::new(move || status(&connections)),
    };
    watchdog::start(threads, questions, log.new(o!("actor" => "watchdog")))
}

/// What runs without it: everything but the commands that use it.
fn open_control(
    folder: &Path,
    reload: &Reload,
    health: Health,
    counters: Arc<Counters>,
    log: &Logger,
) -> Option<control::Control> {
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
    let opened = control::open(folder, verbs, log.new(o!("actor" => "control")));
    match opened {
        Ok(control) => Some(control),
        Err(error) => {
            warn!(log, "no control socket, so `gencomm reload` does not work; SIGHUP does";
                "folder" => %folder.display(), "error" => %error);
            None
        }
    }
}
