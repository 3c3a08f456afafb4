//! Listening and accepting, for every port. In: connections. Out: each, handed on. Owns the listening sockets.
//!
//! Every shard has a socket of its own on the same address (SO_REUSEPORT), so the kernel spreads the clients. Such a socket would
//! also join another server that listens the same way, and the two would share its clients at random; so an exclusive
//! one is bound first, which fails if anybody listens there.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::time::{Duration, Instant};

use actix::Addr;
use mio::net::TcpListener;
use slog::{Logger, debug, error, info};
use socket2::{Domain, Protocol, Socket, Type};

use crate::hub::session::{Accepted, SessionSupervisor};
use crate::ops::sys;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 4096;
/// Connections that are accepted in one go.
const ACCEPTS_MAX: usize = 64;
/// Pause after an accept that failed for want of descriptors or memory: trying on would only burn time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Time between two log lines about failed accepts, which come every [`ACCEPT_PAUSE`].
const COMPLAINT_PAUSE: Duration = Duration::from_secs(10);

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
    // Handed down to each connection, which saves a system call for each: small lines must not wait for others.
    socket.set_tcp_nodelay(true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts until it is dropped, and hands every connection, which does not block, to `take`.
pub async fn accept(
    listener: StdListener,
    log: &Logger,
    mut take: impl FnMut(StdStream, SocketAddr),
) {
    let listener = match sys::watch_listener(TcpListener::from_std(listener)) {
        Ok(listener) => listener,
        Err(error) => {
            error!(log, "listening failed"; "error" => %error);
            return;
        }
    };
    let mut failures = Failures::default();
    loop {
        let mut ready = match listener.readable().await {
            Ok(ready) => ready,
            Err(error) => {
                error!(log, "listening failed"; "error" => %error);
                return;
            }
        };
        // Some at a time, so that those who are here already get their turns.
        for _ in 0..ACCEPTS_MAX {
            match ready.get_inner().accept() {
                Ok((stream, peer)) => {
                    failures.end(log);
                    take(stream.into(), peer);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready.clear_ready();
                    break;
                }
                Err(error) if is_about_one_connection(&error) => {
                    debug!(log, "connection lost before it was accepted"; "error" => %error);
                }
                Err(error) => {
                    failures.note(log, &error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    break;
                }
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Accepts that failed for want of descriptors or memory: told at once, then now and then.
#[derive(Debug, Default)]
struct Failures {
    count: u64,
    told_at: Option<Instant>,
    is_over: bool,
}

impl Failures {
    /// One more.
    fn note(&mut self, log: &Logger, error: &io::Error) {
        self.count += 1;
        self.is_over = false;
        let is_due = self
            .told_at
            .is_none_or(|told| told.elapsed() >= COMPLAINT_PAUSE);
        if is_due {
            self.told_at = Some(Instant::now());
            error!(log, "accepting failed; trying again; nobody comes in meanwhile"; "error" => %error,
                "failures" => self.count, "pause_ms" => ACCEPT_PAUSE.as_millis() as u64);
        }
    }

    /// One that went well. That is told once things have been well for a time, since failures come in crowds.
    fn end(&mut self, log: &Logger) {
        if self.count == 0 {
            return;
        }
        let was_over = std::mem::replace(&mut self.is_over, true);
        let is_due = self
            .told_at
            .is_some_and(|told| told.elapsed() >= COMPLAINT_PAUSE);
        if was_over && is_due {
            info!(log, "accepting again"; "failures" => self.count);
            *self = Self::default();
        }
    }
}

/// The main port of one shard; runs on the thread of `sessions`.
pub async fn accept_clients(listener: StdListener, sessions: Addr<SessionSupervisor>, log: Logger) {
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
