//! The end of the sessions of one shard: everybody is told to go, and somebody waits for that. In: the orders of the shutdown. Out: orders at the
//! seats, and how many did not follow in time. Owns nothing.

use std::time::{Duration, Instant};

use actix::{ActorFutureExt, Context, Handler, Message, ResponseActFuture, WrapFuture};

use crate::ops::panic_at;

use super::seat::EvictReason;
use super::session::SessionSupervisor;

/// How often is looked who is still here.
const LOOK: Duration = Duration::from_millis(5);

/// The server stops: tell every client, and answer with how many were left when the deadline came.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "usize")]
pub struct SendHome {
    /// How long clients may take to get their last lines.
    pub deadline: Duration,
    /// They are told to come back within so many seconds, each after another time; at least 1.
    pub spread_seconds: u32,
}

impl Handler<SendHome> for SessionSupervisor {
    type Result = ResponseActFuture<Self, usize>;

    fn handle(&mut self, order: SendHome, _: &mut Context<Self>) -> Self::Result {
        let _place = panic_at::place("sessions/SendHome");
        self.is_stopping = true;
        self.shard.each_seat(|seat| {
            let seconds = rand::random_range(1..=order.spread_seconds.max(1));
            seat.order_eviction(EvictReason::Restart { seconds });
        });
        let shard = self.shard.clone();
        let wait = until_none(order.deadline, move || shard.clients());
        Box::pin(wait.into_actor(self).map(|left, _, _| left))
    }
}

/// Behind [`SendHome`]: answers when every client has had its last answer and has been told to go, be it that it has not taken that yet; with
/// how many had not when the deadline came.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "usize")]
pub struct AwaitTold {
    /// How long they may take.
    pub deadline: Duration,
}

impl Handler<AwaitTold> for SessionSupervisor {
    type Result = ResponseActFuture<Self, usize>;

    fn handle(&mut self, order: AwaitTold, _: &mut Context<Self>) -> Self::Result {
        let _place = panic_at::place("sessions/AwaitTold");
        let shard = self.shard.clone();
        let wait = until_none(order.deadline, move || {
            let mut untold = 0;
            shard.each_seat(|seat| untold += usize::from(seat.closing_since().is_none()));
            untold
        });
        Box::pin(wait.into_actor(self).map(|left, _, _| left))
    }
}

/// Waits until `count` gives 0; otherwise, with what it gave last, until the deadline.
async fn until_none(deadline: Duration, count: impl Fn() -> usize) -> usize {
    let end = Instant::now() + deadline;
    loop {
        let left = count();
        if left == 0 || Instant::now() >= end {
            return left;
        }
        tokio::time::sleep(LOOK).await;
    }
}
