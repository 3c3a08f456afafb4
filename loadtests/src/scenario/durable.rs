//! Many senders, each in a room of its own, each waiting for its OK before it sends the next message.
//!
//! One message in flight for each connection measures sockets as much as the log: more of them (`--in-flight`) show the log.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use clap::Args;
use hdrhistogram::Histogram;

use super::{Bench, Meter, add_delays, progress};
use crate::driver::Driver;
use crate::proc::disk_flushes;
use crate::report::Row;
use crate::server::Server;
use crate::swarm::Swarm;

/// How long the last answers may take.
const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Senders, a connection each; without any of these, two workloads: 1,000 senders with 1 message in flight, 20 with 50
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    senders: Option<u32>,
    /// Messages of each sender that may wait for their OK [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    in_flight: Option<u32>,
    /// Messages of all senders together in each run; without it, as many as --seconds allow
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    messages: Option<u64>,
    /// Seconds of sending in each run
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Length of a message's body
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(18..=8192))]
    body_bytes: u32,
}

pub(super) fn run<D: Driver + Copy>(bench: &Bench<D>, options: &Options) -> Result<Vec<Row>> {
    ensure!(
        D::CONFIRMS,
        "this protocol does not tell when a message is stored"
    );
    let sizes = match (options.senders, options.in_flight) {
        (None, None) => vec![(1000, 1), (20, 50)],
        (senders, in_flight) => vec![(senders.unwrap_or(1000), in_flight.unwrap_or(1))],
    };
    let workload = |(senders, in_flight)| {
        bench.with_server(|server| one(bench, options, server, senders as usize, in_flight))
    };
    sizes.into_iter().map(workload).collect()
}

fn one<D: Driver + Copy>(
    bench: &Bench<D>,
    options: &Options,
    server: &Server,
    senders: usize,
    in_flight: u32,
) -> Result<Row> {
    let mut swarm = bench.swarm(server, senders, options.body_bytes as usize, |sender| {
        sender
    })?;
    let mut row = Row::new(
        "durable",
        format!("{senders} senders, {in_flight} in flight each"),
    )
    .with_sizes(&[
        ("senders", senders as u64),
        ("in_flight", in_flight.into()),
        ("body_bytes", options.body_bytes.into()),
    ]);
    // The first one is to warm up.
    for run in 0..=bench.runs {
        let (meter, flushes) = (Meter::start(server)?, disk_flushes());
        let (commits, waits) = measure(&mut swarm, options, in_flight)?;
        let spent = meter.stop()?;
        let flushed = disk_flushes()
            .zip(flushes)
            .map(|(after, before)| after - before);
        swarm.settle(Instant::now() + DEADLINE, None, |_| {})?;
        swarm.expect_silence()?;
        swarm.forget();
        if run == 0 {
            continue;
        }
        let commits = commits as f64;
        row.add("commits", "1/s", commits / spent.wall.as_secs_f64());
        row.add(
            "server CPU",
            "us per commit",
            spent.server_cpu.as_secs_f64() * 1e6 / commits,
        );
        row.add(
            "load CPU",
            "us per commit",
            spent.own_cpu.as_secs_f64() * 1e6 / commits,
        );
        add_delays(&mut row, "to the OK, ", &waits);
        if let Some(flushed) = flushed.filter(|&flushed| flushed > 0) {
            let flushed = flushed as f64;
            row.add(
                "flushes of all disks",
                "1/s",
                flushed / spent.wall.as_secs_f64(),
            );
            row.add("commits per flush", "", commits / flushed);
        }
    }
    row.add(
        "server memory",
        "MiB",
        server.process.resident_kib()? as f64 / 1024.0,
    );
    Ok(row)
}

/// Sends until time or messages are up and every answer is there: how many, and how long each waited.
fn measure<D: Driver + Copy>(
    swarm: &mut Swarm<D>,
    options: &Options,
    in_flight: u32,
) -> Result<(u64, Histogram<u64>)> {
    let start = Instant::now();
    let stop = start + Duration::from_secs(options.seconds);
    let bar = progress(
        "durable",
        options.messages.unwrap_or(options.seconds * 1000),
    );
    let mut waits = Histogram::<u64>::new(3)?;
    // Of each sender: the tags that were not answered, and when they were sent.
    let mut open: Vec<VecDeque<(u64, Instant)>> = vec![VecDeque::new(); swarm.len()];
    let (mut sent, mut stored) = (0, 0);
    let senders = 0..swarm.len() as u32;
    let mut ready: Vec<u32> = senders
        .flat_map(|member| (0..in_flight).map(move |_| member))
        .collect();
    loop {
        let now = Instant::now();
        let may_send = |sent: u64| match options.messages {
            Some(messages) => sent < messages,
            None => now < stop,
        };
        // Answers of one sender lie side by side, and so do its next messages: they go out in one piece.
        for same in ready.chunk_by(|a, b| a == b) {
            let member = same[0] as usize;
            for _ in same {
                if may_send(sent) {
                    let tag = swarm.say(member, true);
                    open[member].push_back((tag, Instant::now()));
                    sent += 1;
                }
            }
            swarm.flush(member)?;
        }
        ready.clear();
        if stored == sent {
            break;
        }
        swarm.turn(Duration::from_millis(100))?;
        let answered = Instant::now();
        for (member, tag) in swarm.stored.drain(..) {
            let open = &mut open[member as usize];
            let found = open.iter().position(|(sent, _)| *sent == tag);
            let Some((_, since)) = found.and_then(|at| open.remove(at)) else {
                bail!("message {tag} of sender {member} was answered twice, or never sent");
            };
            let wait = answered.saturating_duration_since(since);
            waits.record(u64::try_from(wait.as_nanos())?)?;
            ready.push(member);
            stored += 1;
        }
        let done = answered.saturating_duration_since(start).as_millis();
        bar.set_position(options.messages.map_or(done as u64, |_| stored));
        ensure!(
            answered < stop + DEADLINE,
            "deadline passed: {} of {sent} messages were never answered; {}",
            sent - stored,
            swarm.missing()
        );
    }
    bar.finish_and_clear();
    Ok((stored, waits))
}
