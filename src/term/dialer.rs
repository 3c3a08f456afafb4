//! Calls a server: TCP, and TLS over it where that is wanted. In: where, and whom to believe. Out: a [`Connection`].

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::connection::{Connection, Link};
use super::endpoint::is_loopback;
use super::error::TermError;
use super::tls::{self, Fingerprint, Trust};
use crate::edge::wire::sasl::scram::EXPORTER_LABEL;

/// Longest wait for a connection, and then for TLS.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Oldest connection made ahead that is still used: a server does not wait long for a log-in.
const AHEAD_MAX: Duration = Duration::from_secs(4);

/// A server, and how to call it. Clones share a connection that was made ahead.
#[derive(Clone)]
pub struct Dialer {
    server: String,
    security: Option<Security>,
    ahead: Arc<Mutex<Option<Connection>>>,
}

#[derive(Clone)]
struct Security {
    name: ServerName<'static>,
    trust: Trust,
    connector: TlsConnector,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer")
            .field("server", &self.server)
            .field("tls", &self.security.is_some())
            .finish_non_exhaustive()
    }
}

impl Dialer {
    /// Calls `server` (`host:port`) without TLS.
    pub fn plaintext(server: String) -> Self {
        Self {
            server,
            security: None,
            ahead: Arc::default(),
        }
    }

    /// Calls the server of `trust` with TLS. Fails if its name could stand in no certificate.
    pub fn tls(trust: Trust) -> Result<Self, String> {
        let name = tls::server_name(&trust.server)?;
        let connector = tls::connector(trust.clone()).map_err(|error| error.to_string())?;
        Ok(Self {
            server: trust.server.clone(),
            security: Some(Security {
                name,
                trust,
                connector,
            }),
            ahead: Arc::default(),
        })
    }

    /// The same, with another certificate accepted.
    pub fn accepting(&self, print: Fingerprint) -> Result<Self, String> {
        match &self.security {
            None => Ok(self.clone()),
            Some(security) => Self::tls(Trust {
                pin: Some(print),
                ..security.trust.clone()
            }),
        }
    }

    /// `host:port` as it was asked for.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Whether TLS is used.
    pub fn uses_tls(&self) -> bool {
        self.security.is_some()
    }

    /// Makes a connection now; the next [`open`](Self::open) returns it, if it comes soon.
    pub async fn open_ahead(&self) -> Result<(), TermError> {
        let connection = self.call().await?;
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        Ok(())
    }

    /// Connects.
    pub async fn open(&self) -> Result<Connection, TermError> {
        let ahead = self
            .ahead
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match ahead {
            Some(connection) if connection.heard().elapsed() < AHEAD_MAX => Ok(connection),
            _ => self.call().await,
        }
    }

    async fn call(&self) -> Result<Connection, TermError> {
        let server = || self.server.clone();
        let overdue = || TermError::ConnectTimeout {
            server: server(),
            after: CONNECT_TIMEOUT,
        };
        let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(&self.server))
            .await
            .map_err(|_| overdue())?
            .map_err(|source| TermError::Unreachable {
                server: server(),
                source,
            })?;
        // A chat line is small and wanted now; an old system that cannot switch the delay off is only slower.
        let _ = stream.set_nodelay(true);
        let Some(security) = &self.security else {
            let link = Link {
                // Also the address: where the system does not know the name `localhost` by itself, it asks the network.
                private: is_loopback(tls::host(&self.server))
                    && stream
                        .peer_addr()
                        .is_ok_and(|peer| peer.ip().to_canonical().is_loopback()),
                binding: None,
            };
            return Ok(Connection::new(Box::new(stream), link, server()));
        };
        let stream = timeout(
            CONNECT_TIMEOUT,
            security.connector.connect(security.name.clone(), stream),
        )
        .await
        .map_err(|_| overdue())?
        .map_err(|error| self.no_tls(&error))?;
        let session = stream.get_ref().1;
        let binding = session
            .export_keying_material([0; 32], EXPORTER_LABEL, Some(&[]))
            .map_err(|error| self.no_tls(&io::Error::other(error)))?;
        let link = Link {
            private: true,
            binding: Some(binding),
        };
        Ok(Connection::new(Box::new(stream), link, server()))
    }

    fn no_tls(&self, error: &io::Error) -> TermError {
        match tls::verify::distrust(error) {
            Some(distrust) => TermError::Distrusted(Box::new(distrust)),
            None => TermError::NoTls {
                server: self.server.clone(),
                why: error.to_string(),
            },
        }
    }
}

impl From<String> for Dialer {
    fn from(server: String) -> Self {
        Self::plaintext(server)
    }
}
