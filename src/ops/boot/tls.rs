//! The certificate at the start, and from then on the look at its files. In: the configuration. Out: what new TLS connections are
//! offered, for the shards.

use std::sync::Arc;

use actix::Addr;
use rustls::ServerConfig;
use slog::{Logger, info, warn};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::edge::tls::certificate::{self, CertificateError, Files, Loaded};
use crate::edge::tls::watch::{self, Stamp};
use crate::hub::session::{SessionSupervisor, UseTls};
use crate::ops::config::Config;

/// The certificate as it was at the start.
pub(super) struct Tls {
    stamp: Stamp,
    loaded: Option<Loaded>,
}

impl Tls {
    /// Reads the files. One that is there and cannot be used is an error: who made it wants no server without TLS.
    pub(super) fn load(config: &Config) -> Result<Self, CertificateError> {
        // Before reading: what changes meanwhile is read again.
        let stamp = Stamp::now(config);
        let files = Files::of(config);
        let loaded = files.map(|files| certificate::load(&files)).transpose()?;
        Ok(Self { stamp, loaded })
    }

    /// What is offered from the first connection on.
    pub(super) fn offer(&self) -> Option<Arc<ServerConfig>> {
        self.loaded.as_ref().map(|loaded| loaded.config.clone())
    }

    /// Says what is offered, and has the files looked at from now on: every second, and when SIGHUP comes.
    pub(super) fn keep(
        self,
        config: Arc<Config>,
        log: Logger,
        sessions: Vec<Addr<SessionSupervisor>>,
    ) -> std::io::Result<()> {
        match &self.loaded {
            Some(loaded) => watch::announce(&log, "TLS is offered", loaded),
            None => {
                info!(
                    log,
                    "TLS is not offered: there is no certificate; `gencomm certs make` makes one"
                );
                if config.tls.client_ca.is_some() {
                    warn!(log, "tls.client_ca is of no use without a certificate");
                }
            }
        }
        let (told, mut hangup) = (Arc::new(Notify::new()), signal(SignalKind::hangup())?);
        let teller = told.clone();
        actix_rt::spawn(async move {
            while hangup.recv().await.is_some() {
                teller.notify_one();
            }
        });
        let put = async move |config: Arc<ServerConfig>| {
            for shard in &sessions {
                // One that has ended needs none.
                let _ = shard.send(UseTls(config.clone())).await;
            }
        };
        actix_rt::spawn(watch::watch(config, self.stamp, told, log, put));
        Ok(())
    }
}
