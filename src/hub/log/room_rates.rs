//! How many messages a room takes, from all who are not exempt together. Asked where all of them pass, with each that is to be
//! stored; a room that nobody is counted in costs nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Context, Handler, Message};

use crate::edge::wire::names::RoomName;
use crate::hub::counters::Counters;
use crate::hub::messages::UseConfig;
use crate::hub::rules::bucket::Buckets;
use crate::ops::again;
use crate::ops::config::Limits;
use crate::ops::panic_at;

use super::MessageLog;

/// See the module.
pub(super) struct RoomRates {
    rate: f64,
    burst: f64,
    rooms: Buckets<RoomName>,
    clock: Instant,
    counters: Option<Arc<Counters>>,
}

impl Default for RoomRates {
    /// No limit, until one is set.
    fn default() -> Self {
        Self {
            rate: 0.0,
            burst: 0.0,
            rooms: Buckets::default(),
            clock: Instant::now(),
            counters: None,
        }
    }
}

impl RoomRates {
    /// One more message; how long it has to wait if the room has had too many.
    pub(super) fn take(&mut self, room: &RoomName) -> Result<(), Duration> {
        let now = self.clock.elapsed();
        let taken = self.rooms.take(room.clone(), self.rate, self.burst, now);
        taken.inspect_err(|_| {
            if let Some(counters) = &self.counters {
                counters.room_messages_refused_total.count();
            }
        })
    }
}

/// So many messages may come into a room: `limits.room_messages_per_second` and `limits.room_messages_burst`.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct LimitRooms {
    /// Messages a second, 0 = any number.
    pub per_second: u32,
    /// Messages at once after a pause.
    pub burst: u32,
    /// Where refusals are counted.
    pub counters: Arc<Counters>,
}

impl LimitRooms {
    /// As `limits` has it.
    pub fn of(limits: &Limits, counters: &Arc<Counters>) -> Self {
        Self {
            per_second: limits.room_messages_per_second,
            burst: limits.room_messages_burst,
            counters: counters.clone(),
        }
    }
}

impl Handler<UseConfig> for MessageLog {
    type Result = ();

    fn handle(&mut self, ask: UseConfig, _: &mut Context<Self>) {
        let ask = again::keep(self, ask);
        let _place = panic_at::place("log/UseConfig");
        let config = &ask.0;
        self.room_rates.rate = config.limits.room_messages_per_second.into();
        self.room_rates.burst = config.limits.room_messages_burst.into();
    }
}

impl Handler<LimitRooms> for MessageLog {
    type Result = ();

    fn handle(&mut self, limit: LimitRooms, _: &mut Context<Self>) {
        let limit = again::keep(self, limit);
        let _place = panic_at::place("log/LimitRooms");
        self.room_rates.rate = limit.per_second.into();
        self.room_rates.burst = limit.burst.into();
        self.room_rates.counters = Some(limit.counters.clone());
    }
}
