//! Calls the server's own main port until every shard has answered. In: where it listens. Out: who has not answered.
//!
//! The kernel spreads connections over the shards' sockets as it likes, so several are made at a time, until each shard has had one. A
//! connection that lands on a shard that hangs stays without an answer, and with it the step.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::hub::probe::Probes;

/// Connections at a time for each shard that has not answered, and in all.
const CALLS_EACH: usize = 3;
const CALLS_MAX: usize = 32;
/// After so many rounds a shard that had no connection has had bad luck, and nothing else: of two, one is left out once in 100,000 looks.
const ROUNDS_MAX: usize = 6;
/// How long one connection may wait; whoever asked has been answered long before.
const CALL_DEADLINE: Duration = Duration::from_secs(60);
/// What is said, which needs no log-in, and what has to come back.
const QUESTION: &[u8] = b"PING;health;ok\n";
const ANSWER: &[u8] = b"PONG;health;ok\n";

/// Takes every shard that has answered out of `silent`.
pub(super) async fn all(
    listens_at: SocketAddr,
    probes: &Arc<Probes>,
    silent: &RefCell<BTreeSet<u16>>,
) -> Result<(), String> {
    let address = reachable(listens_at);
    for _ in 0..ROUNDS_MAX {
        let missing = silent.borrow().len();
        if missing == 0 {
            break;
        }
        let calls = (0..(missing * CALLS_EACH).min(CALLS_MAX)).map(|_| async {
            let called = timeout(CALL_DEADLINE, call(address, probes));
            let shard = called
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {CALL_DEADLINE:?}")))?;
            silent.borrow_mut().remove(&shard);
            Ok::<(), String>(())
        });
        let failed = join_all(calls).await.into_iter().find_map(Result::err);
        if let Some(why) = failed {
            return Err(format!("calling {address}: {why}"));
        }
    }
    Ok(())
}

/// Who listens everywhere listens on loopback too.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

/// Where a call to this address comes from. On loopback each has one of its own: the usual one may be barred for a flood
/// ([`bar`](crate::edge::bar)), and a call from there would wait until it is not.
fn source(called: IpAddr) -> IpAddr {
    match called {
        IpAddr::V4(address) if address.is_loopback() => {
            let [high, middle, low] = rand::random::<[u8; 3]>();
            Ipv4Addr::new(127, high, middle, low.clamp(1, 254)).into()
        }
        other => other,
    }
}

/// One connection, one question; the shard that answered it.
async fn call(address: SocketAddr, probes: &Arc<Probes>) -> Result<u16, String> {
    let failed = |error: std::io::Error| error.to_string();
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
    .map_err(failed)?;
    socket
        .bind(SocketAddr::new(source(address.ip()), 0))
        .map_err(failed)?;
    // Before it is there, so that whoever accepts it knows.
    let expected = probes.expect(socket.local_addr().map_err(failed)?);
    let mut stream = socket.connect(address).await.map_err(failed)?;
    stream.write_all(QUESTION).await.map_err(failed)?;
    let mut answer = [0; ANSWER.len()];
    stream.read_exact(&mut answer).await.map_err(failed)?;
    if answer != ANSWER {
        return Err(format!(
            "it answered {:?}",
            String::from_utf8_lossy(&answer)
        ));
    }
    expected
        .shard()
        .ok_or_else(|| "another server answered".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_everybody_is_called_on_loopback() {
        let at = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(at("0.0.0.0:7"), "127.0.0.1:7");
        assert_eq!(at("[::]:7"), "[::1]:7");
        assert_eq!(at("192.0.2.1:7"), "192.0.2.1:7");
    }

    #[test]
    fn a_call_on_loopback_comes_from_an_address_of_its_own() {
        let called = IpAddr::from(Ipv4Addr::LOCALHOST);
        let sources: std::collections::HashSet<IpAddr> = (0..20).map(|_| source(called)).collect();
        assert!(sources.len() > 1 && sources.iter().all(IpAddr::is_loopback));
        for other in ["::1", "192.0.2.1"] {
            let other: IpAddr = other.parse().unwrap();
            assert_eq!(source(other), other);
        }
    }
}
