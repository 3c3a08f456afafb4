//! Runs the clients of one shard: one future for all. In: what the kernel has to say of their sockets, and who was woken. Out: a
//! turn for each.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use slog::error;

use crate::edge::poller::Poller;
use crate::ops::panic_at;
use crate::ops::supervise::GiveUp;

use super::light;
use super::shard::Shard;
use super::strangers;

/// Turns that are given before the other actors of the thread get theirs.
const TURNS_MAX: usize = 128;
/// Whoever needed so long for a turn stands in line with its like for the next one.
const LONG_TURN: Duration = Duration::from_micros(250);
/// What these get altogether before everybody else has a turn again; one of them gets one in any case.
const LONG_TURNS_SHARE: Duration = Duration::from_millis(1);
/// Pause after a failure to ask the kernel; trying on would only burn time.
const FAILURE_PAUSE: Duration = Duration::from_millis(100);

/// Runs the clients of `shard` for as long as the thread lives; they end with it. A panic outside of any client would leave them all
/// unserved: `give_up` runs then.
pub async fn run(shard: Rc<Shard>, mut poller: Poller, give_up: GiveUp) {
    let _last = EndAll(shard.clone(), Some(give_up));
    loop {
        match poll_fn(|cx| step(&shard, &mut poller, cx)).await {
            // Somebody is still due. What the kernel and the clock have to say comes first, for the other actors too: whoever only woke
            // itself would be polled many times before the runtime asks either.
            Ok(()) => tokio::task::yield_now().await,
            Err(failure) => {
                error!(shard.log, "asking the kernel about sockets failed; trying again"; "error" => %failure);
                actix_rt::time::sleep(FAILURE_PAUSE).await;
            }
        }
    }
}

/// Gives some turns; ready if there are more to give.
fn step(shard: &Rc<Shard>, poller: &mut Poller, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
    panic_at::point("fatal/runner");
    let turns = shard.turns();
    turns.begin();
    loop {
        let told = poller.poll(cx, |number, readiness| {
            if let Some(seat) = shard.seat_at(number) {
                seat.leave_readiness(readiness);
            }
        });
        match told {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => break,
        }
    }
    let mut now = Instant::now();
    for _ in 0..TURNS_MAX {
        let Some(number) = turns.next() else {
            break;
        };
        now = give_turn(shard, number, now);
    }
    let end = now + LONG_TURNS_SHARE;
    while now < end
        && let Some(number) = turns.next_long()
    {
        now = give_turn(shard, number, now);
    }
    if !turns.is_empty() {
        return Poll::Ready(Ok(()));
    }
    turns.wait(cx.waker());
    Poll::Pending
}

/// Gives a turn that begins now, at `begin`; returns when it has ended.
fn give_turn(shard: &Shard, number: u32, begin: Instant) -> Instant {
    let Some(seat) = shard.seat_at(number) else {
        return begin;
    };
    let is_stranger = !seat.is_known();
    seat.begin_turn();
    seat.run_client(light::turn);
    let end = Instant::now();
    let took = end.duration_since(begin);
    seat.note_turn(took >= LONG_TURN);
    if is_stranger {
        strangers::spend(took);
    }
    end
}

/// The thread ends, and its clients with it.
struct EndAll(Rc<Shard>, Option<GiveUp>);

impl Drop for EndAll {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(give_up) = self.1.take()
        {
            give_up();
        }
        let mut clients = Vec::new();
        self.0
            .each_seat(|seat| seat.run_client(|place| clients.extend(place.take())));
        drop(clients);
    }
}
