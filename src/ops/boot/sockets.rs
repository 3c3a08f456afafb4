//! The sockets that the server listens on, and the TLS that is offered there.

use std::sync::Arc;

use rustls::ServerConfig;

use crate::edge::legacy;
use crate::edge::listener;
use crate::ops::config::Config;

use super::{Addresses, BootError};

pub(super) struct Sockets {
    pub(super) main: Vec<std::net::TcpListener>,
    pub(super) legacy: Option<legacy::Sockets>,
    /// On the main port.
    pub(super) tls: Option<Arc<ServerConfig>>,
}

impl Sockets {
    pub(super) fn bind(config: &Config, tls: Option<Arc<ServerConfig>>) -> Result<Self, BootError> {
        let address = config.listen.main;
        let main = listener::bind(address, shard_count(config));
        let main = main.map_err(|source| BootError::Listen {
            address,
            key: "listen.main",
            source,
        })?;
        let legacy = config
            .legacy
            .enabled
            .then(|| legacy::Sockets::bind(config))
            .transpose();
        let legacy = legacy.map_err(|(address, key, source)| BootError::Listen {
            address,
            key,
            source,
        })?;
        Ok(Self { main, legacy, tls })
    }

    pub(super) fn addresses(&self) -> std::io::Result<Addresses> {
        let first = self
            .main
            .first()
            .ok_or(std::io::ErrorKind::AddrNotAvailable)?;
        let legacy = self
            .legacy
            .as_ref()
            .map(legacy::Sockets::addresses)
            .transpose()?;
        Ok(Addresses {
            main: first.local_addr()?,
            legacy,
        })
    }
}

fn shard_count(config: &Config) -> usize {
    match config.server.shards {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count => count,
    }
}
