//! Runs the clients of one shard: one future for all. In: what the kernel has to say of their sockets, and who was woken. Out: a
//! turn for each.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use slog::error;

use crate::edge::poller::Poller;

use super::light;
use super::shard::Shard;

/// Turns that are given before the other actors of the thread get theirs.
const TURNS_MAX: usize = 128;
/// Pause after a failure to ask the kernel; trying on would only burn time.
const FAILURE_PAUSE: Duration = Duration::from_millis(100);

/// Runs the clients of `shard` for as long as the thread lives; they end with it.
pub async fn run(shard: Rc<Shard>, mut poller: Poller) {
    let _last = EndAll(shard.clone());
    loop {
        let failure = poll_fn(|cx| step(&shard, &mut poller, cx)).await;
        error!(shard.log, "asking the kernel about sockets failed; trying again"; "error" => %failure);
        actix_rt::time::sleep(FAILURE_PAUSE).await;
    }
}

/// Ready only with a failure.
fn step(shard: &Rc<Shard>, poller: &mut Poller, cx: &mut Context<'_>) -> Poll<std::io::Error> {
    loop {
        let told = poller.poll(cx, |number, readiness| {
            if let Some(seat) = shard.seat_at(number) {
                seat.leave_readiness(readiness);
            }
        });
        match told {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(error),
            Poll::Pending => break,
        }
    }
    let turns = shard.turns();
    turns.begin();
    for _ in 0..TURNS_MAX {
        let Some(number) = turns.next() else {
            break;
        };
        give_turn(shard, number);
    }
    if turns.is_empty() {
        turns.wait(cx.waker());
    } else {
        cx.waker().wake_by_ref();
    }
    Poll::Pending
}

fn give_turn(shard: &Shard, number: u32) {
    let Some(seat) = shard.seat_at(number) else {
        return;
    };
    seat.begin_turn();
    seat.run_client(light::turn);
}

/// The thread ends, and its clients with it.
struct EndAll(Rc<Shard>);

impl Drop for EndAll {
    fn drop(&mut self) {
        let mut clients = Vec::new();
        self.0
            .each_seat(|seat| seat.run_client(|place| clients.extend(place.take())));
        drop(clients);
    }
}
