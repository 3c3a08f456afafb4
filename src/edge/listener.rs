//! Listening and accepting, for every port. In: connections. Out: each, handed on. Owns the listening sockets.
//!
//! Every shard has a socket of its own on the same address (SO_REUSEPORT), so the kernel spreads the clients. Such a socket would
//! also join another server that listens the same way, and the two would share its clients at random; so an exclusive
//! one is bound first, which fails if anybody listens there.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use actix::Addr;
use mio::net::TcpListener;
use slog::{Logger, debug, error};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::edge::bar;
use crate::hub::session::{Accepted, SessionSupervisor, refuse_full};
use crate::hub::strangers;
use crate::ops::logging::NowAndThen;
use crate::ops::supervise::whatever_happens;
use crate::ops::{panic_at, sys};

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 4096;
/// Connections that are accepted in one go, before those who are in get their turn: each is some work beyond the accepting.
const ACCEPTS_MAX: usize = 16;
/// Descriptors that no connection gets, so that the log can make and read files whatever is going on; of a small limit a quarter.
const DESCRIPTORS_KEPT: u64 = 128;
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

/// `count` sockets more for `address`, where others of ours listen already. They get nothing until [`open`] is called.
pub(crate) fn join(address: SocketAddr, count: usize) -> io::Result<Vec<StdListener>> {
    (0..count)
        .map(|_| socket(address, true).map(StdListener::from))
        .collect()
}

/// Has a socket listen, if it does not yet.
pub(crate) fn open(listener: &StdListener) -> io::Result<()> {
    let socket = SockRef::from(listener);
    // Handed down to each connection, which saves a system call for each: small lines must not wait for others.
    socket.set_tcp_nodelay(true)?;
    socket.listen(BACKLOG)
}

/// Whether a socket listens where `wanted` says; port 0 is any.
pub(crate) fn is_at(listener: &StdListener, wanted: SocketAddr) -> bool {
    let is_port = |port| wanted.port() == 0 || wanted.port() == port;
    let there = listener.local_addr();
    there.is_ok_and(|there| there.ip() == wanted.ip() && is_port(there.port()))
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
    let listener = socket.into();
    open(&listener)?;
    Ok(listener)
}

/// When the next go is to be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    /// Nobody is accepted before that, whoever comes.
    pub pause: Option<Duration>,
    /// It is asked again after that, though nobody comes.
    pub by: Option<Duration>,
}

/// Accepts until it is dropped, and hands every connection, which does not block, to `take`, or to `refuse` if it has one of the last
/// descriptors. `pace` learns how long each go took, and says when the next one is to be.
pub async fn accept(
    listener: StdListener,
    log: &Logger,
    mut take: impl FnMut(StdStream, SocketAddr),
    mut refuse: impl FnMut(StdStream),
    mut pace: impl FnMut(&TcpListener, Duration) -> Pace,
) {
    let limit = sys::descriptor_limit().map_or(u64::MAX, |(limit, _)| limit);
    let descriptors = limit - DESCRIPTORS_KEPT.min(limit / 4);
    let listener = match sys::watch_listener(TcpListener::from_std(listener)) {
        Ok(listener) => listener,
        Err(error) => {
            error!(log, "listening failed"; "error" => %error);
            return;
        }
    };
    let (mut failures, mut refusals) = (NowAndThen::default(), NowAndThen::default());
    let mut next = pace(listener.get_ref(), Duration::ZERO);
    loop {
        let ready = match next.by {
            Some(by) => tokio::time::timeout(by, listener.readable()).await.ok(),
            None => Some(listener.readable().await),
        };
        let mut ready = match ready {
            Some(Ok(ready)) => ready,
            Some(Err(error)) => {
                error!(log, "listening failed"; "error" => %error);
                return;
            }
            None => {
                next = pace(listener.get_ref(), Duration::ZERO);
                continue;
            }
        };
        let (begin, mut wait) = (Instant::now(), None);
        // Some at a time, so that those who are here already get their turns.
        for _ in 0..ACCEPTS_MAX {
            match ready.get_inner().accept() {
                // The kernel gives the lowest number that is free.
                Ok((stream, _)) if stream.as_raw_fd() as u64 >= descriptors => {
                    refuse(stream.into());
                    if let Some(count) = refusals.note() {
                        error!(log, "connections refused: hardly any descriptors left (ulimit -n)";
                            "limit" => limit, "refused" => count);
                    }
                }
                // A panic costs this connection; nobody would be let in any more if it ended the loop.
                Ok((stream, peer)) => whatever_happens(|| {
                    let _place = panic_at::place("listener/take");
                    take(stream.into(), peer);
                }),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready.clear_ready();
                    break;
                }
                Err(error) if is_about_one_connection(&error) => {
                    debug!(log, "connection lost before it was accepted"; "error" => %error);
                }
                Err(error) => {
                    if let Some(count) = failures.note() {
                        error!(log, "accepting failed; trying again, and nobody comes in meanwhile"; "error" => %error,
                            "failures" => count, "pause_ms" => ACCEPT_PAUSE.as_millis() as u64);
                    }
                    wait = Some(ACCEPT_PAUSE);
                    break;
                }
            }
        }
        next = pace(listener.get_ref(), begin.elapsed());
        match wait.or(next.pause) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => tokio::task::yield_now().await,
        }
    }
}

/// The main port of one shard; runs on the thread of `sessions`.
pub async fn accept_clients(listener: StdListener, sessions: Addr<SessionSupervisor>, log: Logger) {
    let take = |stream, peer| sessions.do_send(Accepted { stream, peer });
    // Whatever another process, which had the socket before, has put up is to go.
    let mut put_up = u64::MAX;
    let pace = |listener: &TcpListener, took| {
        strangers::spend(took);
        let (changes, by) = strangers::bars();
        if put_up != changes {
            put_up = changes;
            if let Err(error) = bar::put_up(listener, &strangers::barred()) {
                debug!(log, "addresses are not barred"; "error" => %error);
            }
        }
        let pause = strangers::pause();
        Pace { pause, by }
    };
    accept(listener, &log, take, refuse_full, pace).await;
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
