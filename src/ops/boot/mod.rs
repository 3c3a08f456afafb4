//! Starts the server and runs it. In: the configuration. Out: a running server, until a signal or a fault ends it.
//!
//! [`store`] opens the log, [`tls`] reads the certificate, [`sockets`] listens, [`wiring`] starts the actors and makes them known to each
//! other.

mod sockets;
mod store;
mod tls;
mod wiring;

pub use store::log_options;
pub(crate) use wiring::until;

use std::net::SocketAddr;
use std::sync::Arc;

use actix::Addr;
use actix_rt::{Arbiter, System};
use slog::{Logger, crit, o};
use tokio::sync::mpsc::unbounded_channel;

use crate::edge::tls::certificate::CertificateError;
use crate::hub::auth::AuthError;
use crate::hub::log::MessageLog;
use crate::hub::session::SessionSupervisor;
use crate::ops::config::Config;
use crate::ops::{shutdown, sys};
use crate::store::accounts::AccountsError;
use crate::store::log::LogError;
use sockets::Sockets;
use tls::Tls;

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
    pub shards: Vec<Arbiter>,
    pub log_thread: Arbiter,
    pub auth_thread: Arbiter,
    pub registry_thread: Arbiter,
    /// Dropped to end accepting.
    pub accepting: Vec<tokio::sync::oneshot::Sender<()>>,
}

/// Runs a server until `stop` is done, a signal comes, or it cannot go on. Blocks. `ready` is called once everything listens.
pub fn run(
    config: Arc<Config>,
    log: &Logger,
    ready: impl FnOnce(&Addresses),
) -> Result<(), BootError> {
    let descriptors = sys::raise_descriptor_limit()?;
    let tls = Tls::load(&config)?;
    // Before the log: whoever starts a second server by mistake is told so, and a taken port leaves no folder behind.
    let sockets = Sockets::bind(&config, tls.offer())?;
    let folder = store::make_data_dir(&config.server.data_dir)?;
    let factory = store::factory(&config, folder.clone(), log.new(o!("actor" => "log")));
    let store = factory()?;
    let accounts_factory = store::accounts_factory(&config, &folder);
    let accounts = accounts_factory()?;
    let addresses = sockets.addresses()?;
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
        tls.keep(
            config.clone(),
            log.new(o!("actor" => "tls")),
            running.sessions.clone(),
        )?;
        // Whoever reads READY may send a signal at once.
        let signals = shutdown::Signals::listen()?;
        ready(&addresses);
        let ended = shutdown::wait_for_end(log, signals, &mut faults).await;
        let stopped = shutdown::stop(log, running, config.server.shutdown_deadline).await;
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
