//! What strangers take from a shard, as its actors and its listener tell it to [`rules::strangers`](super::rules::strangers). In: work for
//! those who are not logged in, and who came and logged in. Out: whether somebody is received, and how long nobody is accepted.
//!
//! A thread's own and not the [`Shard`]'s: the listener, whose pauses come from here, is started from another thread, so it
//! can have nothing of the shard's in hand.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

use slog::warn;
use socket2::SockRef;

use crate::ops::config::lists;

use super::auth::household;
use super::rules::strangers::{Reception, Strangers};
use super::session::Accepted;
use super::shard::Shard;

struct Door {
    clock: Instant,
    strangers: Strangers,
}

thread_local! {
    static DOOR: RefCell<Door> = RefCell::new(Door {
        clock: Instant::now(),
        strangers: Strangers::new(Duration::ZERO),
    });
}

fn with<T>(ask: impl FnOnce(&mut Strangers, Duration) -> T) -> T {
    DOOR.with_borrow_mut(|door| {
        let now = door.clock.elapsed();
        ask(&mut door.strangers, now)
    })
}

/// This thread has worked so long for somebody who is not logged in.
pub fn spend(time: Duration) {
    with(|strangers, now| strangers.spend(time, now));
}

/// Work for somebody who is not logged in, from now until it is dropped.
#[derive(Debug)]
pub(super) struct Work(Instant);

pub(super) fn work() -> Work {
    Work(Instant::now())
}

impl Drop for Work {
    fn drop(&mut self) {
        spend(self.0.elapsed());
    }
}

/// How long nobody is to be accepted on this thread.
pub fn pause() -> Option<Duration> {
    with(Strangers::pause)
}

/// How often it has changed on this thread who is barred, and after what time somebody is let in again.
pub fn bars() -> (u64, Option<Duration>) {
    with(Strangers::bars)
}

/// From where nobody may connect to this thread's sockets.
pub fn barred() -> Vec<IpAddr> {
    with(|strangers, _| strangers.barred())
}

/// Somebody has left this thread without having logged in, or was refused.
pub(super) fn waste(shard: &Shard, from: IpAddr) {
    let household = who(shard, from);
    with(|strangers, now| strangers.waste(household, now));
}

/// The household of an address; none of a proxy's: who comes through it is known only once it has said so.
fn who(shard: &Shard, from: IpAddr) -> Option<IpAddr> {
    let is_proxy = lists(&shard.config().listen.proxies, from);
    (!is_proxy).then(|| household(from))
}

/// Whether this connection is looked at any further; if not it is gone at once, and its other end hears nothing but that.
pub(super) fn receive(shard: &Shard, accepted: Accepted) -> Option<Accepted> {
    let household = who(shard, accepted.peer.ip());
    let is_received = match with(|strangers, now| strangers.receive(household, now)) {
        Reception::Usual => true,
        Reception::IfThere => !is_gone(&accepted.stream),
        Reception::TurnedAway => {
            shard.links().counters.strangers_turned_away_total.count();
            if let Some(count) = shard.note_turned_away() {
                warn!(shard.log, "connections turned away: too many come from one address and do not log in";
                    "last" => %accepted.peer, "turned_away" => count);
            }
            false
        }
    };
    if is_received {
        return Some(accepted);
    }
    waste(shard, accepted.peer.ip());
    // A reset leaves nothing behind, in the kernel either.
    let _ = SockRef::from(&accepted.stream).set_linger(Some(Duration::ZERO));
    None
}

/// Somebody of this shard has logged in.
pub(super) fn let_in() {
    with(Strangers::let_in);
}

/// Whether the other end has closed and said nothing.
fn is_gone(stream: &TcpStream) -> bool {
    match stream.peek(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    #[test]
    fn who_has_left_is_known_and_who_says_something_or_nothing_yet_is_there() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let come = || {
            let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (near, _) = listener.accept().unwrap();
            near.set_nonblocking(true).unwrap();
            (near, far)
        };
        let (near, mut far) = come();
        assert!(!is_gone(&near));
        far.write_all(b"AUTH").unwrap();
        drop(far);
        let end = Instant::now() + Duration::from_secs(5);
        while matches!(near.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock) {
            assert!(Instant::now() < end);
        }
        assert!(!is_gone(&near));
        let (near, far) = come();
        drop(far);
        while !is_gone(&near) {
            assert!(Instant::now() < end);
        }
    }
}
