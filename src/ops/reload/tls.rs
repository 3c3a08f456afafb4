//! The certificate: at the start, when its files are others, and at a reload. In: the configuration. Out: what new TLS connections are
//! offered, for the shards. Owns what is known of the files in force.

use std::sync::Arc;

use actix::Addr;
use futures::future::join_all;
use rustls::ServerConfig;
use slog::{Logger, error, info, warn};

use crate::edge::tls::certificate::{self, CertificateError, Files, Loaded};
use crate::edge::tls::watch::{self, Seen, Stamp, Watch};
use crate::hub::session::{SessionSupervisor, UseTls};
use crate::ops::config::Config;

/// The files of a configuration as they are now.
#[derive(Clone)]
pub(in crate::ops) struct Certificate {
    stamp: Stamp,
    loaded: Option<Loaded>,
}

impl Certificate {
    /// Reads the files. One that is there and cannot be used is an error: who made it wants no server without TLS.
    pub(in crate::ops) fn load(config: &Config) -> Result<Self, CertificateError> {
        // Before reading: what changes meanwhile is read again.
        let stamp = Stamp::now(config);
        let files = Files::of(config);
        let loaded = files.map(|files| certificate::load(&files)).transpose()?;
        Ok(Self { stamp, loaded })
    }

    /// What new connections are offered.
    pub(in crate::ops) fn offer(&self) -> Option<Arc<ServerConfig>> {
        self.loaded.as_ref().map(|loaded| loaded.config.clone())
    }

    /// What somebody should look at.
    pub(super) fn warnings(&self) -> &[String] {
        self.loaded.as_ref().map_or(&[], |loaded| &loaded.warnings)
    }
}

/// Whom the certificate is for.
pub(super) struct Tls {
    watch: Watch,
    is_offered: bool,
    log: Logger,
    shards: Vec<Addr<SessionSupervisor>>,
}

impl Tls {
    /// The shards have `first` already; says so.
    pub(super) fn new(
        config: &Config,
        first: Certificate,
        log: Logger,
        shards: Vec<Addr<SessionSupervisor>>,
    ) -> Self {
        match &first.loaded {
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
        Self {
            is_offered: first.loaded.is_some(),
            watch: Watch::new(first.stamp),
            log,
            shards,
        }
    }

    /// Looks whether the files are others than those in force.
    pub(super) async fn look(&mut self, config: &Config) {
        match self.watch.look(config) {
            None => {}
            Some(Seen::New(loaded)) => {
                self.offer(Some(loaded.config.clone())).await;
                watch::announce(&self.log, "TLS certificate read anew", &loaded);
            }
            Some(Seen::Bad(error)) => {
                error!(self.log, "new TLS certificate not used; what was in force stays";
                    "why" => %error);
            }
            Some(Seen::Gone) => warn!(
                self.log,
                "the certificate's files are gone; the one in force stays until the server ends"
            ),
        }
    }

    /// A reload has read `read`. If it found no files, TLS ends if that is what the configuration says now (`is_other`), and goes on
    /// if they have only gone.
    pub(super) async fn take(&mut self, read: Certificate, is_other: bool) {
        self.watch = Watch::new(read.stamp);
        match read.loaded {
            Some(loaded) => {
                self.offer(Some(loaded.config.clone())).await;
                watch::announce(&self.log, "TLS certificate read anew", &loaded);
            }
            None if self.is_offered && is_other => {
                self.offer(None).await;
                warn!(
                    self.log,
                    "TLS is not offered any more: the configuration names no certificate"
                );
            }
            None if self.is_offered => warn!(
                self.log,
                "the certificate's files are gone; the one in force stays until the server ends"
            ),
            None => {}
        }
    }

    /// Done when every shard offers it.
    async fn offer(&mut self, config: Option<Arc<ServerConfig>>) {
        self.is_offered = config.is_some();
        let told = self
            .shards
            .iter()
            .map(|shard| shard.send(UseTls(config.clone())));
        // One that has ended needs none.
        join_all(told).await;
    }
}
