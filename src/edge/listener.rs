//! Listening and accepting, for every port. In: connections. Out: each, handed on. Owns the listening sockets.
//!
//! Every shard has a socket of its own on the same address (SO_REUSEPORT), so the kernel spreads the clients. Such a socket would
//! also join another server that listens the same way, and the two would share its clients at random; so an exclusive
//! one is bound first, which fails if anybody listens there.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use actix::Addr;
use slog::{Logger, debug, error};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use crate::hub::session::{Accepted, SessionSupervisor};

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 4096;
/// Pause after an accept that failed for want of descriptors or memory: trying on would only burn time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Sockets for `count` shards on `address`; port 0 picks one for all.
pub fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<StdListener>> {
    let probe = socket(address, false)?;
    let address = probe
        .local_addr()?
        .as_socket()
        .ok_or(io::ErrorKind::AddrNotAvailable)?;
    drop(probe);
    (0..count)
        .map(|_| socket(address, true).and_then(listening))
        .collect()
}

/// One socket that nobody shares.
pub fn bind_one(address: SocketAddr) -> io::Result<StdListener> {
    listening(socket(address, false)?)
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if !shared {
        // Two unshared sockets may be bound to one address as long as neither listens.
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}

fn listening(socket: Socket) -> io::Result<StdListener> {
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts until it is dropped, and hands every connection to `take`.
pub async fn accept(
    listener: StdListener,
    log: &Logger,
    mut take: impl FnMut(TcpStream, SocketAddr),
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
            Ok((stream, peer)) => take(stream, peer),
            Err(error) if is_about_one_connection(&error) => {
                debug!(log, "connection lost before it was accepted"; "error" => %error);
            }
            Err(error) => {
                error!(log, "accepting failed; trying again"; "error" => %error,
                    "pause_ms" => ACCEPT_PAUSE.as_millis() as u64);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The main port of one shard; runs on the thread of `sessions`.
pub async fn accept_clients(listener: StdListener, sessions: Addr<SessionSupervisor>, log: Logger) {
    // The stream as it is: taking it from the runtime and giving it back would be two system calls for each connection.
    let take = |stream, peer| sessions.do_send(Accepted { stream, peer });
    accept(listener, &log, take).await;
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
