//! How fast this client may go: asks the rule with each command, and does what it says.

use std::ops::ControlFlow;
use std::time::Duration;

use slog::info;

use crate::edge::wire::gc2::lines::Line;
use crate::edge::wire::gc2::refusal::{ErrorCode, Refusal};
use crate::edge::wire::gc2::reply;
use crate::hub::rules::meter::{Meter, Rates, TooFast};
use crate::hub::seat::EvictReason;
use crate::hub::session::Ending;
use crate::ops::config::{Limits, lists};

use super::Client;

/// Where a client that was disconnected for going too fast is told to come back, in seconds.
const COME_BACK_SECONDS: u64 = 60;

fn rates(limits: &Limits) -> Rates {
    Rates {
        commands: limits.commands_per_second.into(),
        commands_burst: limits.commands_burst.into(),
        bytes: limits.bytes_per_second as f64,
        bytes_burst: limits.bytes_burst as f64,
        joins: f64::from(limits.joins_per_minute) / 60.0,
        joins_burst: limits.joins_per_minute.into(),
        patience: limits.patience,
    }
}

impl Client {
    /// It is someone now, or another configuration is in force: its commands are counted, unless its address is exempt.
    pub(super) fn review_meter(&mut self) {
        let address = self.seat.peer().ip();
        self.is_metered = !lists(&self.shard.config().limits.exempt, address);
        if !self.is_metered {
            self.meter = None;
        }
    }

    /// What it has used, unless it is exempt. Nobody has one before the first command.
    fn meter(&mut self) -> Option<&mut Meter> {
        if !self.is_metered {
            return None;
        }
        let now = self.shard.now();
        Some(self.meter.get_or_insert_with(|| Box::new(Meter::new(now))))
    }

    /// Whether nothing is to be read from it for now.
    pub(super) fn is_paused(&self) -> bool {
        let meter = self.meter.as_ref();
        meter.is_some_and(|meter| meter.pause(self.shard.now()).is_some())
    }

    /// Bytes came.
    pub(super) fn meter_bytes(&mut self, count: usize) {
        if !self.is_metered {
            return;
        }
        let (now, rates) = (self.shard.now(), rates(&self.shard.config().limits));
        let Some(meter) = self.meter() else {
            return;
        };
        if let Err(too_fast) = meter.bytes(count, &rates, now) {
            self.shard.links().counters.byte_pauses_total.count();
            self.slow_down("", "too many bytes (limits.bytes_per_second)", too_fast);
        }
    }

    /// A command came; breaks if it is refused.
    pub(super) fn meter_command(&mut self, line: Line<'_>) -> ControlFlow<()> {
        if !self.is_metered {
            return ControlFlow::Continue(());
        }
        let (now, rates) = (self.shard.now(), rates(&self.shard.config().limits));
        let Some(meter) = self.meter() else {
            return ControlFlow::Continue(());
        };
        let Err(too_fast) = meter.command(&rates, now) else {
            return ControlFlow::Continue(());
        };
        self.shard.links().counters.commands_refused_total.count();
        let tag = match line {
            Line::Whole(line) => Refusal::tag_of(line).as_str(),
            // Its tag may have been cut.
            Line::Oversized { .. } => "",
        };
        let what = "too many commands (limits.commands_per_second); this one is not carried out";
        self.slow_down(tag, what, too_fast);
        ControlFlow::Break(())
    }

    /// A JOIN came; how long it has to wait if it is one too many.
    pub(super) fn meter_join(&mut self) -> Result<(), Duration> {
        if !self.is_metered {
            return Ok(());
        }
        let (now, rates) = (self.shard.now(), rates(&self.shard.config().limits));
        let Some(meter) = self.meter() else {
            return Ok(());
        };
        meter.join(&rates, now).inspect_err(|_| {
            self.shard.links().counters.joins_refused_total.count();
        })
    }

    fn slow_down(&mut self, tag: &str, what: &str, too_fast: TooFast) {
        match too_fast {
            TooFast::Pause(pause) => {
                let seconds = pause.as_secs_f64();
                let text = format!("{what}; nothing is read from you for {seconds:.1} s");
                self.refuse(tag, ErrorCode::RateLimited, &text);
                // The pause has no other clock; seldom enough for a timer.
                let (shard, client) = (self.shard.clone(), self.seat.client);
                actix_rt::spawn(async move {
                    actix_rt::time::sleep(pause).await;
                    if let Some(seat) = shard.find(client) {
                        seat.wake();
                    }
                });
            }
            TooFast::Disconnect => {
                let patience = self.shard.config().limits.patience;
                self.shard
                    .links()
                    .counters
                    .floods_disconnected_total
                    .count();
                info!(self.shard.log, "client went on too fast (limits.patience)"; "peer" => %self.seat.peer());
                let text = format!("{what}; you went on like this for {} s", patience.as_secs());
                self.refuse(tag, ErrorCode::RateLimited, &text);
                self.reply(|out| reply::bye(out, "rate-limited", COME_BACK_SECONDS));
                self.close(Ending::Evicted(EvictReason::TooMuch));
            }
        }
    }
}
