//! One message in flight: each waits until every reader has the one before.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use hdrhistogram::Histogram;

use super::{Bench, Meter, add_delays, progress};
use crate::driver::Driver;
use crate::report::Row;
use crate::server::Server;

/// How long one message may take to reach everybody.
const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Readers beside the sender, which gets every message too
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(super) readers: u32,
    /// Messages in each run
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) messages: u32,
    /// Length of a message's body
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(18..=8192))]
    pub(super) body_bytes: u32,
}

pub(super) fn run<D: Driver + Copy>(bench: &Bench<D>, options: &Options) -> Result<Vec<Row>> {
    bench
        .with_server(|server| one(bench, options, server))
        .map(|row| vec![row])
}

fn one<D: Driver + Copy>(bench: &Bench<D>, options: &Options, server: &Server) -> Result<Row> {
    let members = options.readers as usize + 1;
    let mut swarm = bench.swarm(server, members, options.body_bytes as usize, |_| 0)?;
    let messages = options.messages;
    let mut row = Row::new(
        "single",
        format!("1 x {messages} to {members}, one in flight"),
    )
    .with_sizes(&[
        ("readers", options.readers.into()),
        ("messages", messages.into()),
        ("body_bytes", options.body_bytes.into()),
    ]);
    // The first one is to warm up.
    for run in 0..=bench.runs {
        let bar = progress("single", messages.into());
        let mut round_trips = Histogram::<u64>::new(3)?;
        let meter = Meter::start(server)?;
        for _ in 0..messages {
            let sent = Instant::now();
            swarm.say(0, false);
            swarm.flush(0)?;
            swarm.settle(sent + DEADLINE, None, |_| {})?;
            round_trips.record(u64::try_from(sent.elapsed().as_nanos())?)?;
            swarm.forget();
            bar.inc(1);
        }
        let spent = meter.stop()?;
        bar.finish_and_clear();
        swarm.expect_silence()?;
        if run > 0 {
            spent.add_deliveries(&mut row, u64::from(messages) * members as u64);
            add_delays(&mut row, "to the last reader, ", &round_trips);
        }
    }
    Ok(row)
}
