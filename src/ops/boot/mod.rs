//! Starts the server and runs it. In: the configuration. Out: a running server, until a signal or a fault ends it.
//!
//! [`store`] opens the log, [`sockets`] listens, [`wiring`] starts the actors and makes them known to each other, [`life`] is what lasts from
//! then to the end, [`doors`] are what is closed first, [`first_steps`] tells newcomers what to do.

mod doors;
mod first_steps;
mod life;
mod sockets;
mod store;
mod wiring;

pub(crate) use doors::Door;
pub use store::log_options;
pub(in crate::ops) use wiring::connections_max;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use actix::{Addr, Recipient};
use actix_rt::Arbiter;
use slog::{Logger, crit, info, warn};

use crate::edge::tls::certificate::CertificateError;
use crate::hub::auth::{self, AuthError};
use crate::hub::connections::ConnectionCount;
use crate::hub::counters::Counters;
use crate::hub::log::MessageLog;
use crate::hub::messages::UseConfig;
use crate::hub::probe::Probes;
use crate::hub::session::SessionSupervisor;
use crate::ops::notify;
use crate::ops::reload::{Certificate, Source};
use crate::ops::sys;
use crate::ops::takeover::TakeoverError;
use crate::ops::takeover::claim::{self, Claim, LetGo};
use crate::store::accounts::AccountsError;
use crate::store::log::LogError;
use life::{Birth, Death, Server};
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
    /// There is no server whose place could be taken, or it did not let go.
    #[error(transparent)]
    Takeover(#[from] TakeoverError),
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
    /// Closed to end accepting.
    pub doors: Vec<Door>,
}

/// How a server comes by its sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It binds them.
    Fresh,
    /// It takes the place of the one that runs on the same data folder.
    Takeover,
}

/// Runs a server until a signal comes, another one takes over, or it cannot go on. Blocks. `ready` is called once everything listens.
pub fn run(
    source: Source,
    start: Start,
    log: &Logger,
    ready: impl Fn(&Addresses),
) -> Result<(), BootError> {
    let descriptors = sys::raise_descriptor_limit()?;
    let config = &source.loaded.config;
    let certificate = Certificate::load(config)?;
    let (sockets, folder, mut claim) = match start {
        Start::Fresh => {
            // Before the log: whoever starts a second server by mistake is told so, and a taken port leaves no folder behind.
            let sockets = Sockets::bind(config, certificate.offer())?;
            (
                sockets,
                store::make_data_dir(&config.server.data_dir)?,
                None,
            )
        }
        Start::Takeover => take_over(&source, &certificate, log)?,
    };
    let mut server = Server {
        log,
        folder,
        descriptors,
        signals: None,
        alive_within: notify::alive_wanted_within()
            .or_else(|| claim.as_ref().and_then(Claim::alive_within)),
        alive: None,
    };
    let mut birth = Birth {
        source,
        certificate,
        sockets,
    };
    let mut ready = Some(ready);
    loop {
        let tell = ready.take();
        let lived = server.live(birth, &mut claim, |addresses| match &tell {
            Some(ready) => ready(addresses),
            None => info!(log, "serving again"; "main" => %addresses.main),
        });
        match lived {
            Ok(Death::Last) => return Ok(()),
            Ok(Death::Again(again)) => {
                birth = *again;
                life::wait_for_log(log, &server.folder);
            }
            Err(error) => {
                crit!(log, "{}", error);
                if let Some(claim) = claim {
                    claim.give_back(&error.to_string());
                    warn!(
                        log,
                        "nothing was taken over; the server that was there goes on"
                    );
                }
                return Err(error);
            }
        }
    }
}

/// Everything that can be wrong is found out while the running server still serves; then it lets go of its log.
fn take_over(
    source: &Source,
    certificate: &Certificate,
    log: &Logger,
) -> Result<(Sockets, PathBuf, Option<Claim>), BootError> {
    let config = &source.loaded.config;
    auth::check(config)?;
    let (mut claim, there) = claim::ask(&config.server.data_dir)?;
    info!(log, "taking over from process {}", claim.pid());
    let prepared = store::make_data_dir(&config.server.data_dir)
        .and_then(|folder| Ok((Sockets::take(config, certificate.offer(), there)?, folder)));
    let (sockets, folder) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            claim.give_back(&error.to_string());
            return Err(error);
        }
    };
    match claim.let_go(&folder)? {
        LetGo::Closed => info!(log, "process {} has let go of the log", claim.pid()),
        LetGo::Died => {
            warn!(
                log,
                "process {} ended without closing the log; it is opened as after a crash",
                claim.pid()
            );
        }
    }
    Ok((sockets, folder, Some(claim)))
}
