//! A steady rate of messages to some readers: how late each delivery is.
//!
//! Counted from the moment at which the message was to be sent, not from that at which it was: a server that holds up the sender is not
//! to look better for it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use hdrhistogram::Histogram;

use super::{Bench, Meter, add_delays, progress};
use crate::driver::Driver;
use crate::report::Row;
use crate::server::Server;
use crate::swarm::Swarm;

/// How late the last delivery may be.
const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Readers beside the sender, which gets every message too
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    readers: u32,
    /// Messages a second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Messages in each run
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    messages: u32,
    /// Length of a message's body
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(18..=8192))]
    body_bytes: u32,
}

pub(super) fn run<D: Driver + Copy>(bench: &Bench<D>, options: &Options) -> Result<Vec<Row>> {
    bench
        .with_server(|server| one(bench, options, server))
        .map(|row| vec![row])
}

fn one<D: Driver + Copy>(bench: &Bench<D>, options: &Options, server: &Server) -> Result<Row> {
    let members = options.readers as usize + 1;
    let mut swarm = bench.swarm(server, members, options.body_bytes as usize, |_| 0)?;
    let Options { rate, messages, .. } = options;
    let mut row =
        Row::new("latency", format!("{messages} at {rate}/s to {members}")).with_sizes(&[
            ("readers", options.readers.into()),
            ("rate", u64::from(*rate)),
            ("messages", u64::from(*messages)),
            ("body_bytes", options.body_bytes.into()),
        ]);
    // The first one is to warm up.
    for run in 0..=bench.runs {
        let meter = Meter::start(server)?;
        let delays = measure(&mut swarm, options)?;
        let spent = meter.stop()?;
        let deliveries = u64::from(*messages) * members as u64;
        ensure!(
            delays.len() == deliveries,
            "{} of {deliveries} deliveries were timed",
            delays.len()
        );
        swarm.expect_silence()?;
        swarm.forget();
        if run > 0 {
            add_delays(&mut row, "", &delays);
            spent.add_deliveries(&mut row, deliveries);
        }
    }
    Ok(row)
}

fn measure<D: Driver + Copy>(swarm: &mut Swarm<D>, options: &Options) -> Result<Histogram<u64>> {
    let messages = options.messages as usize;
    let (bar, mut delays) = (
        progress("latency", messages as u64),
        Histogram::<u64>::new(3)?,
    );
    swarm.arrivals = Some(Vec::new());
    let start = Instant::now() + Duration::from_millis(10);
    let due = |message: usize| start + Duration::from_secs(1) * message as u32 / options.rate;
    let deadline = due(messages) + DEADLINE;
    let (mut sent, mut arrived) = (0, 0);
    while arrived < messages * swarm.len() {
        let now = Instant::now();
        while sent < messages && due(sent) <= now {
            swarm.say(0, false);
            sent += 1;
        }
        swarm.flush(0)?;
        bar.set_position(sent as u64);
        let next = if sent < messages {
            due(sent)
        } else {
            now + Duration::from_millis(100)
        };
        swarm.turn(next.saturating_duration_since(Instant::now()))?;
        for arrival in swarm
            .arrivals
            .iter_mut()
            .flat_map(|arrivals| arrivals.drain(..))
        {
            for message in arrival.from..arrival.to {
                let delay = arrival.at.saturating_duration_since(due(message));
                delays.record(u64::try_from(delay.as_nanos())?)?;
                arrived += 1;
            }
        }
        ensure!(now < deadline, "deadline passed: {}", swarm.missing());
    }
    swarm.arrivals = None;
    bar.finish_and_clear();
    Ok(delays)
}
