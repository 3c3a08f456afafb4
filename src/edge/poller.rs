//! What the kernel has to say of a shard's sockets, many at a time. In: sockets with a number each. Out: numbers with what changed.
//! Owns one epoll instance, which the thread's runtime watches as if it were a single socket.
//!
//! The runtime's own way costs 256 bytes of heap for each socket and a task to wake; here a socket costs the heap nothing.

use std::io;
use std::os::fd::RawFd;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Token};
use tokio::io::unix::AsyncFd;

use crate::ops::sys;

use super::socket::Readiness;

/// Sockets of which one look tells at most.
const EVENTS_MAX: usize = 1024;

/// See the module.
pub struct Poller {
    epoll: AsyncFd<mio::Poll>,
    events: Events,
}

/// Where sockets are entered.
#[derive(Debug)]
pub struct PollerEntry(mio::Registry);

impl Poller {
    /// One without sockets, on the runtime of this thread.
    pub fn new() -> io::Result<(Self, PollerEntry)> {
        let epoll = mio::Poll::new()?;
        let entry = PollerEntry(epoll.registry().try_clone()?);
        let epoll = sys::watch_epoll(epoll)?;
        let events = Events::with_capacity(EVENTS_MAX);
        Ok((Self { epoll, events }, entry))
    }

    /// Waits until something changed, then calls `tell` with the numbers of some sockets; there may be more.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut tell: impl FnMut(u32, Readiness),
    ) -> Poll<io::Result<()>> {
        let mut ready = ready!(self.epoll.poll_read_ready_mut(cx))?;
        match ready
            .get_inner_mut()
            .poll(&mut self.events, Some(Duration::ZERO))
        {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                return Poll::Ready(Ok(()));
            }
            other => other?,
        }
        let mut count = 0;
        for event in &self.events {
            count += 1;
            // Numbers come from `PollerEntry::enter`.
            tell(event.token().0 as u32, readiness(event));
        }
        if count < EVENTS_MAX {
            // What comes after this look is told anew.
            ready.clear_ready();
        }
        Poll::Ready(Ok(()))
    }
}

impl PollerEntry {
    /// Enters a socket; it leaves when it is closed. What is there already is told too.
    pub fn enter(&self, socket: RawFd, number: u32) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
        self.0
            .register(&mut SourceFd(&socket), Token(number as usize), interest)
    }
}

fn readiness(event: &Event) -> Readiness {
    let is_over = event.is_read_closed() || event.is_error();
    Readiness {
        readable: event.is_readable() || is_over,
        writable: event.is_writable() || event.is_write_closed() || event.is_error(),
        stops_short: is_over || event.is_priority(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    async fn look(poller: &mut Poller) -> Vec<(u32, Readiness)> {
        let mut told = Vec::new();
        while told.is_empty() {
            poll_fn(|cx| poller.poll(cx, |number, readiness| told.push((number, readiness))))
                .await
                .unwrap();
        }
        told
    }

    #[test]
    fn changes_are_told_once_and_with_the_sockets_number() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (mut poller, entry) = Poller::new().unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (near, _) = listener.accept().unwrap();
            near.set_nonblocking(true).unwrap();
            entry.enter(near.as_raw_fd(), 7).unwrap();
            let told = look(&mut poller).await;
            assert!(told[0].0 == 7 && told[0].1.writable && !told[0].1.readable);
            far.write_all(b"x").unwrap();
            let told = look(&mut poller).await;
            assert!(told[0].0 == 7 && told[0].1.readable && !told[0].1.stops_short);
            drop(far);
            let told = look(&mut poller).await;
            assert!(told[0].0 == 7 && told[0].1.readable && told[0].1.stops_short);
        });
    }
}
