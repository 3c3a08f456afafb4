//! The two ports that original clients connect to. In: connections. Out: to the gate: who asked to be let in, and connections with a
//! message. Owns nothing; ends when its future is dropped.

use std::io::ErrorKind;
use std::net::{IpAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use slog::{Logger, debug, error, info, warn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::edge::wire::legacy::{AUTH_REQUEST, AUTH1};
use crate::ops::config::{Config, lists};

use super::gate::{AuthAsked, Gate, MessageComes};

/// Connections to the authorisation port at a time.
const AUTH_CONNECTIONS_MAX: usize = 256;
/// Pause after an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The authorisation port.
pub(super) async fn auth(
    listener: StdListener,
    config: Arc<Config>,
    gate: Addr<Gate>,
    log: Logger,
) {
    let places = Arc::new(Semaphore::new(AUTH_CONNECTIONS_MAX));
    accept(listener, &config, &log, |stream, address| {
        let Ok(place) = places.clone().try_acquire_owned() else {
            warn!(log, "AuthRequest refused: too many at once"; "peer" => %address);
            return;
        };
        let (gate, log, deadline) = (gate.clone(), log.clone(), config.auth.deadline);
        actix_rt::spawn(async move {
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
pub(super) async fn message(
    listener: StdListener,
    config: Arc<Config>,
    gate: Addr<Gate>,
    log: Logger,
) {
    accept(listener, &config, &log, |stream, address| {
        gate.do_send(MessageComes { address, stream });
    })
    .await;
}

async fn accept(
    listener: StdListener,
    config: &Config,
    log: &Logger,
    mut take: impl FnMut(TcpStream, IpAddr),
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            error!(log, "listening failed"; "error" => %error);
            return;
        }
    };
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let address = peer.ip().to_canonical();
                if lists(&config.legacy.allow, address) {
                    take(stream, address);
                } else {
                    info!(log, "original client refused: not in legacy.allow"; "peer" => %peer);
                }
            }
            Err(error) if is_about_one_connection(error.kind()) => {
                debug!(log, "connection lost before it was accepted"; "error" => %error);
            }
            Err(error) => {
                error!(log, "accepting failed; trying again"; "error" => %error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_about_one_connection(error: ErrorKind) -> bool {
    matches!(
        error,
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
    )
}
