//! The two ports that original clients connect to. In: connections. Out: to the gate: who asked to be let in, and connections with a
//! message. Owns nothing; ends when its future is dropped.

use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use actix::Addr;
use slog::{Logger, error, info, warn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::edge::listener::{self, Pace};
use crate::edge::wire::legacy::{AUTH_REQUEST, AUTH1};
use crate::ops::config::lists;
use crate::ops::panic_at;

use super::InForce;
use super::gate::{AuthAsked, Gate, MessageComes};

/// Connections to the authorisation port at a time.
const AUTH_CONNECTIONS_MAX: usize = 256;

/// The authorisation port.
pub(super) async fn auth(listener: StdListener, config: InForce, gate: Addr<Gate>, log: Logger) {
    let places = Arc::new(Semaphore::new(AUTH_CONNECTIONS_MAX));
    accept(listener, &config, &log, |stream, address| {
        let Ok(place) = places.clone().try_acquire_owned() else {
            warn!(log, "AuthRequest refused: too many at once"; "peer" => %address);
            return;
        };
        let (gate, log) = (gate.clone(), log.clone());
        let deadline = config.borrow().auth.deadline;
        actix_rt::spawn(async move {
            let _place = panic_at::place("doors/auth");
            match timeout(deadline, take_auth_request(stream)).await {
                Ok(Ok(())) => gate.do_send(AuthAsked { address }),
                Ok(Err(why)) => {
                    info!(log, "original client refused"; "peer" => %address, "why" => why);
                }
                Err(_) => info!(log, "original client refused"; "peer" => %address,
                    "why" => "no whole AuthRequest within auth.deadline"),
            }
            drop(place);
        });
    })
    .await;
}

/// Reads `AuthRequest`, which may come in pieces, and answers.
async fn take_auth_request(mut stream: TcpStream) -> Result<(), String> {
    let mut request = [0; AUTH_REQUEST.len()];
    let mut filled = 0;
    while filled < request.len() {
        match stream.read(&mut request[filled..]).await {
            Ok(0) => return Err("closed before AuthRequest was whole".to_owned()),
            Ok(read) => filled += read,
            Err(error) => return Err(format!("the connection failed: {error}")),
        }
        if !AUTH_REQUEST.starts_with(&request[..filled]) {
            let said = request[..filled].escape_ascii();
            return Err(format!("said \"{said}\" instead of AuthRequest"));
        }
    }
    // A client that is gone already is found out by the callback.
    let _ = stream.write_all(AUTH1).await;
    Ok(())
}

/// The port for messages.
pub(super) async fn message(listener: StdListener, config: InForce, gate: Addr<Gate>, log: Logger) {
    accept(listener, &config, &log, |stream, address| {
        gate.do_send(MessageComes { address, stream });
    })
    .await;
}

/// Accepts from the addresses that are allowed.
async fn accept(
    listener: StdListener,
    config: &InForce,
    log: &Logger,
    mut take: impl FnMut(TcpStream, IpAddr),
) {
    let take = |stream, peer: SocketAddr| {
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => {
                error!(log, "connection lost as it was accepted"; "peer" => %peer, "error" => %error);
                return;
            }
        };
        let address = peer.ip().to_canonical();
        let is_allowed = lists(&config.borrow().legacy.allow, address);
        if is_allowed {
            take(stream, address);
        } else {
            info!(log, "original client refused: not in legacy.allow"; "peer" => %peer);
        }
    };
    listener::accept(listener, log, take, drop, |_, _| Pace::default()).await;
}
