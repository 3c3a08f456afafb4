//! Few senders, flat out, into one room of many readers.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use super::{Bench, Meter, progress};
use crate::driver::Driver;
use crate::report::Row;
use crate::server::Server;
use crate::swarm::Swarm;

/// How long one run may take.
const DEADLINE: Duration = Duration::from_secs(120);
/// Pause between two looks at the sockets. While this side sleeps outside epoll, the server's writes wake nobody, which would cost both
/// sides more than the deliveries; it is little beside a run of some 100 ms.
const PAUSE: Duration = Duration::from_micros(500);

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Senders; without any of these, two workloads: 1 sender and 1,000 readers, 10 senders and 100 readers
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) senders: Option<u32>,
    /// Readers beside the senders, which get every message too [default: 1000]
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(super) readers: Option<u32>,
    /// Messages of each sender in each run
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) messages: u32,
    /// Length of a message's body
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(18..=8192))]
    pub(super) body_bytes: u32,
}

pub(super) fn run<D: Driver + Copy>(bench: &Bench<D>, options: &Options) -> Result<Vec<Row>> {
    let sizes = match (options.senders, options.readers) {
        (None, None) => vec![(1, 1000), (10, 100)],
        (senders, readers) => vec![(senders.unwrap_or(1), readers.unwrap_or(1000))],
    };
    let workload = |(senders, readers)| {
        bench.with_server(|server| one(bench, options, server, senders, readers))
    };
    sizes.into_iter().map(workload).collect()
}

fn one<D: Driver + Copy>(
    bench: &Bench<D>,
    options: &Options,
    server: &Server,
    senders: u32,
    readers: u32,
) -> Result<Row> {
    let members = (senders + readers) as usize;
    let mut swarm = bench.swarm(server, members, options.body_bytes as usize, |_| 0)?;
    let messages = options.messages;
    let mut row = Row::new(
        "fanout",
        format!("{senders} x {messages} to {members} of which {readers} only read"),
    )
    .with_sizes(&[
        ("senders", senders.into()),
        ("readers", readers.into()),
        ("messages", messages.into()),
        ("body_bytes", options.body_bytes.into()),
    ]);
    // The first one is to warm up.
    for run in 0..=bench.runs {
        let meter = Meter::start(server)?;
        flood(&mut swarm, senders as usize, messages)?;
        let spent = meter.stop()?;
        swarm.expect_silence()?;
        swarm.forget();
        if run > 0 {
            let deliveries = u64::from(senders) * u64::from(messages) * members as u64;
            spent.add_deliveries(&mut row, deliveries);
        }
    }
    row.add(
        "server memory",
        "MiB",
        server.process.resident_kib()? as f64 / 1024.0,
    );
    Ok(row)
}

fn flood<D: Driver + Copy>(swarm: &mut Swarm<D>, senders: usize, messages: u32) -> Result<()> {
    for sender in 0..senders {
        for _ in 0..messages {
            swarm.say(sender, false);
        }
    }
    for sender in 0..senders {
        swarm.flush(sender)?;
    }
    let deliveries = senders as u64 * u64::from(messages) * swarm.len() as u64;
    let (bar, before) = (progress("fanout", deliveries), swarm.bytes);
    swarm.settle(Instant::now() + DEADLINE, Some(PAUSE), |swarm| {
        // Messages of others are compared, not counted; so this is an estimate.
        if let Some(weight) = swarm.rooms[0].frame_bytes() {
            bar.set_position((swarm.bytes - before) / weight as u64);
        }
    })?;
    bar.finish_and_clear();
    Ok(())
}
