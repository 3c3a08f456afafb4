//! The sockets that the server listens on, and the TLS that is offered there: bound, or taken over from the server before.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use rustls::ServerConfig;

use crate::edge::legacy;
use crate::edge::listener;
use crate::ops::config::Config;
use crate::ops::takeover::Listeners;

use super::{Addresses, BootError};

pub(super) struct Sockets {
    listeners: Listeners,
    pub(super) shards: usize,
    /// On the main port.
    pub(super) tls: Option<Arc<ServerConfig>>,
}

impl Sockets {
    /// Nobody may listen there yet.
    pub(super) fn bind(config: &Config, tls: Option<Arc<ServerConfig>>) -> Result<Self, BootError> {
        let nothing = Listeners {
            main: Vec::new(),
            legacy: None,
        };
        Self::take(config, tls, nothing)
    }

    /// Those of `there` that are where `config` wants them, and what is missing. What is bound in addition to those gets no connections
    /// before [`open`](Self::open).
    pub(super) fn take(
        config: &Config,
        tls: Option<Arc<ServerConfig>>,
        there: Listeners,
    ) -> Result<Self, BootError> {
        let shards = shard_count(config);
        let main = take_main(config, shards, there.main);
        let main = main.map_err(|source| BootError::Listen {
            address: config.listen.main,
            key: "listen.main",
            source,
        })?;
        let legacy = match (config.legacy.enabled, there.legacy) {
            (false, _) => None,
            (true, None) => Some(legacy::Sockets::bind(config)),
            (true, Some(there)) => Some(legacy::Sockets::take(config, there)),
        };
        let legacy = legacy
            .transpose()
            .map_err(|(address, key, source)| BootError::Listen {
                address,
                key,
                source,
            })?;
        Ok(Self {
            listeners: Listeners { main, legacy },
            shards,
            tls,
        })
    }

    /// From now on all of them take connections.
    pub(super) fn open(&self) -> io::Result<()> {
        self.listeners.main.iter().try_for_each(listener::open)
    }

    pub(super) fn addresses(&self) -> io::Result<Addresses> {
        let first = self.listeners.main.first();
        let first = first.ok_or(io::ErrorKind::AddrNotAvailable)?;
        let legacy = self.listeners.legacy.as_ref();
        Ok(Addresses {
            main: first.local_addr()?,
            legacy: legacy.map(legacy::Sockets::addresses).transpose()?,
        })
    }

    /// Second descriptors of all.
    pub(super) fn share(&self) -> io::Result<Listeners> {
        self.listeners.try_clone()
    }

    /// The main port's, by shard. There may be more than shards: a socket that nobody accepts from would strand whom the kernel gives it.
    pub(super) fn by_shard(&mut self) -> Vec<Vec<TcpListener>> {
        let mut by_shard: Vec<Vec<TcpListener>> = Vec::new();
        by_shard.resize_with(self.shards, Vec::new);
        for (at, socket) in self.listeners.main.drain(..).enumerate() {
            by_shard[at % self.shards].push(socket);
        }
        by_shard
    }

    pub(super) fn take_legacy(&mut self) -> Option<legacy::Sockets> {
        self.listeners.legacy.take()
    }
}

fn take_main(
    config: &Config,
    shards: usize,
    there: Vec<TcpListener>,
) -> io::Result<Vec<TcpListener>> {
    let address = config.listen.main;
    let first = there
        .first()
        .filter(|first| listener::is_at(first, address));
    let Some(first) = first else {
        return listener::bind(address, shards);
    };
    let missing = shards.saturating_sub(there.len());
    let more = listener::join(first.local_addr()?, missing)?;
    Ok(there.into_iter().chain(more).collect())
}

fn shard_count(config: &Config) -> usize {
    match config.server.shards {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count => count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    fn config(shards: usize) -> Config {
        let mut config = Config::built_in();
        config.listen.main = "127.0.0.1:0".parse().unwrap();
        config.legacy.enabled = false;
        config.server.shards = shards;
        config
    }

    /// Whether each of many connections to `sockets` is accepted from one of them.
    fn all_come_through(mut sockets: Sockets, shards: usize) {
        let address = sockets.addresses().unwrap().main;
        let clients: Vec<_> = (0..64)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        let by_shard = sockets.by_shard();
        assert_eq!(by_shard.len(), shards);
        let mut accepted = 0;
        for socket in by_shard.iter().flatten() {
            while socket.accept().is_ok() {
                accepted += 1;
            }
        }
        assert!(by_shard.iter().all(|sockets| !sockets.is_empty()));
        assert_eq!(accepted, clients.len());
    }

    #[test]
    fn fewer_or_more_shards_strand_nobody() {
        for (before, after) in [(4, 1), (3, 2), (2, 2), (1, 4)] {
            let old = Sockets::bind(&config(before), None).unwrap();
            let there = old.share().unwrap();
            let new = Sockets::take(&config(after), None, there).unwrap();
            assert_eq!(new.addresses().unwrap(), old.addresses().unwrap());
            drop(old);
            new.open().unwrap();
            all_come_through(new, after);
        }
    }

    #[test]
    fn what_joins_gets_nothing_before_it_is_opened() {
        let old = Sockets::bind(&config(1), None).unwrap();
        let there = old.share().unwrap();
        let new = Sockets::take(&config(8), None, there).unwrap();
        // It came to nothing, and nobody who came meanwhile is lost.
        let address = old.addresses().unwrap().main;
        let clients: Vec<_> = (0..64)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        drop(new);
        let socket = &old.listeners.main[0];
        assert!(clients.iter().all(|_| socket.accept().is_ok()));
    }

    #[test]
    fn another_address_is_bound_anew() {
        let old = Sockets::bind(&config(2), None).unwrap();
        let there = old.share().unwrap();
        let mut moved = config(2);
        moved.listen.main = "127.0.0.2:0".parse().unwrap();
        let new = Sockets::take(&moved, None, there).unwrap();
        assert_eq!(new.addresses().unwrap().main.ip().to_string(), "127.0.0.2");
        drop(old);
        all_come_through(new, 2);
    }
}
