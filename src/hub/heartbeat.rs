//! The heartbeat of one shard: one timer for all its clients. In: nothing but time. Out: orders to ask and to leave, at the clients'
//! seats. Owns no client's state, so a restart forgets nothing.

use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Supervised};
use slog::{Logger, debug, info};

use crate::ops::sys;

use super::rules::beat::{BeatLimits, Verdict, Vitals, judge};
use super::seat::{EvictReason, Seat};
use super::shard::Shard;

/// The shortest and longest time between two looks at everybody.
const TICK_MIN: Duration = Duration::from_millis(5);
const TICK_MAX: Duration = Duration::from_millis(500);
/// Clients that get an order in one look. Those who came together are due together, and everybody else of the thread would wait until each
/// of them has done what it was told.
const ORDERS_MAX: u32 = 100;
/// Strangers that come one after the other are not looked at one by one.
const STRANGERS_TICK: Duration = Duration::from_millis(50);
/// How long a client that is leaving may take to get its last lines.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
pub struct Heartbeat {
    shard: Rc<Shard>,
    log: Logger,
}

impl Heartbeat {
    /// A heartbeat for `shard`.
    pub fn new(shard: Rc<Shard>) -> Self {
        let log = shard.log.new(slog::o!("actor" => "heartbeat"));
        Self { shard, log }
    }

    /// As they are in force now.
    fn limits(&self) -> BeatLimits {
        let config = self.shard.config();
        BeatLimits {
            interval: config.heartbeat.interval,
            timeout: config.heartbeat.timeout,
            log_in: config.auth.deadline,
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let (now, limits) = (self.shard.now(), self.limits());
        // Other shards make room in the log's queue too; nobody may wait for that longer than a tick.
        self.shard.wake_waiting();
        let mut orders = 0;
        let mut pause = self.pause();
        self.shard.each_seat(|seat| {
            if orders < ORDERS_MAX && seat.eviction().is_none() {
                self.look_at(seat, limits, now);
                orders += u32::from(seat.has_order());
                // A stranger's time is up to the moment: a look may come early for that.
                if !seat.is_known() && seat.socket >= 0 && seat.closing_since().is_none() {
                    let left = (seat.since() + limits.log_in).saturating_sub(now);
                    pause = pause.min(left.max(STRANGERS_TICK));
                }
            }
        });
        // Who was not looked at is after a moment.
        if orders >= ORDERS_MAX {
            pause = TICK_MIN;
        }
        ctx.run_later(pause, Self::tick);
    }

    fn pause(&self) -> Duration {
        let limits = self.limits();
        let shortest = limits.interval.min(limits.timeout).min(limits.log_in);
        (shortest / 4).clamp(TICK_MIN, TICK_MAX)
    }

    fn look_at(&self, seat: &Rc<Seat>, limits: BeatLimits, now: Duration) {
        if seat.socket < 0 {
            return;
        }
        if let Some(since) = seat.closing_since() {
            if now.saturating_sub(since) >= CLOSE_PATIENCE {
                seat.order_eviction(EvictReason::Unreachable);
            }
            return;
        }
        if seat.is_half_closed() {
            // It cannot answer; it goes when it has everything.
            return self.check_transport(seat, limits);
        }
        if seat.is_known() && seat.is_unread() {
            // What it said may lie in its socket.
            return self.check_transport(seat, limits);
        }
        let vitals = Vitals {
            heard_at: seat.heard_at(),
            asked_at: seat.asked_at(),
            has_unsent: seat.has_unsent(),
            is_known: seat.is_known(),
            since: seat.since(),
        };
        match judge(vitals, limits, now) {
            Verdict::Leave => {}
            Verdict::Ask => {
                seat.set_held_up(false);
                seat.order_ping(now);
            }
            Verdict::LogInOverdue => seat.order_eviction(EvictReason::LogInOverdue),
            Verdict::CheckTransport => self.check_transport(seat, limits),
            // What the kernel holds for it counts as waiting too: it cannot have read the PING behind that. Looked at every time from now
            // on: its TCP may run out of time at any moment.
            Verdict::Evict if sys::unsent_bytes(&seat.socket).unwrap_or(0) > 0 => {
                seat.set_held_up(true);
                self.check_transport(seat, limits);
            }
            // It has just got everything, the PING too.
            Verdict::Evict if seat.set_held_up(false) => seat.restart_question(now),
            Verdict::Evict => {
                info!(self.log, "client did not answer"; "peer" => %seat.peer());
                seat.order_eviction(EvictReason::Silent);
            }
        }
    }

    /// A slow reader is no dead one: its kernel still acknowledges, be it only the probes of a closed window.
    fn check_transport(&self, seat: &Seat, limits: BeatLimits) {
        let patience = limits.interval + limits.timeout;
        let Ok(state) = sys::tcp_state(&seat.socket) else {
            return;
        };
        // One probe may be on its way this very moment.
        let waits = state.unanswered_probes > 1 || state.retransmits > 1;
        if waits && state.since_last_ack >= patience {
            info!(self.log, "client's TCP acknowledges nothing"; "peer" => %seat.peer(),
                "since_ms" => state.since_last_ack.as_millis() as u64);
            seat.order_eviction(EvictReason::Unreachable);
        } else {
            debug!(self.log, "slow reader is alive"; "peer" => %seat.peer());
        }
    }
}

impl Actor for Heartbeat {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(self.pause(), Self::tick);
    }
}

impl Supervised for Heartbeat {}

/// Makes this actor panic, to show that it is survived.
#[cfg(feature = "fault-injection")]
impl actix::Handler<super::Provoke> for Heartbeat {
    type Result = ();
    fn handle(&mut self, _: super::Provoke, _: &mut Context<Self>) {
        panic!("provoked");
    }
}
