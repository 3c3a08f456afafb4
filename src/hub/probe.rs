//! What a look at the server's health needs of the actors: connections that are its own, and a message that goes the way of all messages
//! through the log to every shard.
//!
//! In: [`Probes`] knows the addresses that the server calls itself from; [`ProbeLog`] comes to the log. Out: which shard has taken such a
//! connection, and a [`ProbeNews`] for each step. Nothing of it is stored, or seen by anybody.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix::{Context, Handler, Message};
use tokio::sync::mpsc::UnboundedSender;

use crate::ops::panic_at;

use super::log::MessageLog;
use super::room::Room;

/// Connections that the server makes to itself, by the address from which they come. They are no client's: no limit counts or refuses them,
/// and no proxy's header is asked of them.
#[derive(Debug, Default)]
pub struct Probes {
    /// How many there are, so that a server that is not asked pays no more than a look at a number for each connection.
    expected: AtomicUsize,
    peers: Mutex<HashMap<SocketAddr, Option<u16>>>,
}

impl Probes {
    /// A connection from this address, which the caller has bound, is the server's own, until what is returned is dropped.
    pub fn expect(self: &Arc<Self>, peer: SocketAddr) -> Expected {
        let peer = canonical(peer);
        self.peers().insert(peer, None);
        self.expected.fetch_add(1, Ordering::Release);
        Expected {
            probes: self.clone(),
            peer,
        }
    }

    /// Whether a connection from this address, taken by `shard`, is the server's own.
    pub fn claim(&self, peer: SocketAddr, shard: u16) -> bool {
        if self.expected.load(Ordering::Acquire) == 0 {
            return false;
        }
        match self.peers().get_mut(&canonical(peer)) {
            Some(taken_by) => {
                *taken_by = Some(shard);
                true
            }
            None => false,
        }
    }

    fn peers(&self) -> MutexGuard<'_, HashMap<SocketAddr, Option<u16>>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As both ends may know it.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// See [`Probes::expect`].
#[derive(Debug)]
pub struct Expected {
    probes: Arc<Probes>,
    peer: SocketAddr,
}

impl Expected {
    /// The shard that has taken it, once one has.
    pub fn shard(&self) -> Option<u16> {
        self.probes.peers().get(&self.peer).copied().flatten()
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.probes.peers().remove(&self.peer);
        self.probes.expected.fetch_sub(1, Ordering::Release);
    }
}

/// How far a [`ProbeLog`] has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeNews {
    /// Through the log; why it could not have been written, if it could not.
    Committed(Result<(), String>),
    /// To the fan-out of this shard.
    Heard(u16),
}

/// To the log: write as a group is written, then tell every shard, as of a group.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct ProbeLog(pub UnboundedSender<ProbeNews>);

impl Handler<ProbeLog> for MessageLog {
    type Result = ();

    fn handle(&mut self, ProbeLog(news): ProbeLog, _: &mut Context<Self>) {
        let _place = panic_at::place("log/ProbeLog");
        // Whoever asked may have gone; so here and below.
        let _ = news.send(ProbeNews::Committed(self.probe()));
        self.each_shard(|shard| shard.probed(HearProbe(news.clone())));
    }
}

/// From the log to a fan-out: a probe has come this far.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct HearProbe(UnboundedSender<ProbeNews>);

impl Handler<HearProbe> for Room {
    type Result = ();

    fn handle(&mut self, HearProbe(news): HearProbe, _: &mut Context<Self>) {
        let _place = panic_at::place("room/HearProbe");
        let _ = news.send(ProbeNews::Heard(self.shard_id()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_expected_is_claimed() {
        let probes = Arc::new(Probes::default());
        let peer: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        assert!(!probes.claim(peer, 1));
        let expected = probes.expect("[::ffff:127.0.0.1]:4000".parse().unwrap());
        assert_eq!(expected.shard(), None);
        assert!(!probes.claim("127.0.0.1:4001".parse().unwrap(), 1));
        assert!(!probes.claim("127.0.0.2:4000".parse().unwrap(), 1));
        assert!(probes.claim(peer, 3));
        assert_eq!(expected.shard(), Some(3));
        drop(expected);
        assert!(!probes.claim(peer, 1));
    }
}
