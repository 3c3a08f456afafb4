//! Readers that stop reading while others write flat out into their room, and read on later.
//!
//! First a round in which everybody reads, to compare with (and one before it, to warm up). In the next one some stop: what the server holds for them in memory, and
//! whether the others notice. Then they read on, and have to get everything.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::idle::settled;
use super::memory::Watch;
use super::{Bench, Meter, progress};
use crate::driver::Driver;
use crate::proc::tcp_memory_kib;
use crate::report::Row;
use crate::server::Server;
use crate::swarm::{SmallBuffers, Swarm};

/// How long a round may take in which everybody reads.
const DEADLINE: Duration = Duration::from_secs(180);
/// How long one may take in which some do not. The server lets go of whoever acknowledges nothing for a minute (`heartbeat.interval` and
/// `heartbeat.timeout`), which is not to happen here.
const DEADLINE_STOPPED: Duration = Duration::from_secs(50);
/// Pause between two looks at the sockets, as in `fanout`.
const PAUSE: Duration = Duration::from_micros(500);

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Readers beside the senders, those that stop among them
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    readers: u32,
    /// How many of them stop reading
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    stopped: u32,
    /// Senders, which get every message too
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    senders: u32,
    /// Text of all messages of a round together, in bytes
    #[arg(long, default_value_t = 50_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    bytes: u64,
    /// Length of a message's body
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(18..=8192))]
    body_bytes: u32,
    /// Receive buffer of those that stop, in bytes
    #[arg(long, default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(1..=16_000_000))]
    receive_bytes: u32,
}

impl Options {
    /// Messages of each sender in a round, at least 1.
    fn messages(&self) -> u64 {
        let bytes = u64::from(self.body_bytes) * u64::from(self.senders);
        self.bytes.div_ceil(bytes)
    }
}

pub(super) fn run<D: Driver + Copy>(bench: &Bench<D>, options: &Options) -> Result<Vec<Row>> {
    ensure!(
        options.stopped <= options.readers,
        "{} of {} readers cannot stop; --stopped may be --readers at most",
        options.stopped,
        options.readers
    );
    let mut row = Row::new(
        "slow",
        format!(
            "{} of {} readers stop, {:.1} MB of messages",
            options.stopped,
            options.readers,
            options.bytes as f64 / 1e6
        ),
    )
    .with_sizes(&[
        ("readers", options.readers.into()),
        ("stopped", options.stopped.into()),
        ("senders", options.senders.into()),
        ("bytes", options.bytes),
        ("body_bytes", options.body_bytes.into()),
    ]);
    // Memory that one run leaves behind is not to be the next one's beginning.
    for _ in 0..bench.runs {
        bench.with_server(|server| one(bench, options, server, &mut row))?;
    }
    Ok(vec![row])
}

fn one<D: Driver + Copy>(
    bench: &Bench<D>,
    options: &Options,
    server: &Server,
    row: &mut Row,
) -> Result<()> {
    let senders = options.senders as usize;
    let count = senders + options.readers as usize;
    // The last ones stop.
    let reading = count - options.stopped as usize;
    let stopped = reading..count;
    let small_buffers = SmallBuffers {
        members: stopped.clone(),
        bytes: options.receive_bytes,
    };
    let body_bytes = options.body_bytes as usize;
    let mut swarm = bench.swarm_with(server, count, body_bytes, Some(small_buffers), |_| 0)?;
    let messages = options.messages() * senders as u64;

    // The first one is to warm up: what the server has once and for all is not to be counted for those who stop.
    let mut all_read = None;
    for _ in 0..2 {
        let mut unasked = Watch::new(server.process, 0);
        let round = flood(&mut swarm, server, options, reading, &mut unasked);
        all_read = Some(round.context("while everybody reads")?);
        swarm.expect_silence()?;
        swarm.forget();
    }
    let all_read = all_read.context("nothing was measured")?;
    // Those who never stop are timed in both rounds, and nobody else.
    let rate = |wall: Duration| messages as f64 * reading as f64 / wall.as_secs_f64();
    let cpu = |cpu: Duration, members: usize| {
        cpu.as_secs_f64() * 1e6 / (messages as f64 * members as f64)
    };
    row.add("all read: deliveries", "1/s", rate(all_read.wall));
    row.add(
        "all read: server CPU",
        "s per million",
        cpu(all_read.cpu, count),
    );
    row.add(
        "all read: to the last message",
        "s",
        all_read.wall.as_secs_f64(),
    );

    let before = settled(server.process, || swarm.linger(Instant::now()))?;
    let mut memory = Watch::new(server.process, before);
    let tcp_before = tcp_memory_kib();
    swarm.stop_reading(stopped.clone());
    let round = flood(&mut swarm, server, options, reading, &mut memory)
        .context("while some do not read")?;
    let tcp_after = tcp_memory_kib();
    // What lies in the sockets of those who stopped is not counted.
    row.add("some stopped: deliveries", "1/s", rate(round.wall));
    row.add(
        "speed of the others, some stopped : all read",
        "%",
        100.0 * all_read.wall.as_secs_f64() / round.wall.as_secs_f64(),
    );
    row.add(
        "some stopped: server CPU",
        "s per million",
        cpu(round.cpu, reading),
    );
    row.add(
        "some stopped: to the last message",
        "s",
        round.wall.as_secs_f64(),
    );
    row.add(
        "some stopped: server memory, most",
        "MiB more",
        memory.growth_mib(),
    );
    if let (Some(before), Some(after)) = (tcp_before, tcp_after) {
        row.add(
            "TCP buffers, both ends",
            "MiB more",
            after.saturating_sub(before) as f64 / 1024.0,
        );
    }

    let meter = Meter::start(server)?;
    swarm.read_on(stopped.clone())?;
    settle(&mut swarm, count, &mut memory).context("after they read on")?;
    let spent = meter.stop()?;
    swarm.expect_silence()?;
    swarm.forget();
    row.add(
        "read on: to the last message",
        "s",
        spent.wall.as_secs_f64(),
    );
    row.add(
        "read on: server CPU",
        "s per million",
        cpu(spent.server_cpu, stopped.len()),
    );
    let after = settled(server.process, || swarm.linger(Instant::now()))?;
    memory.add(row, after);
    Ok(())
}

/// What a round came to.
struct Round {
    /// Until the members that never stop had everything.
    wall: Duration,
    /// The server's, until all who read had everything.
    cpu: Duration,
}

/// All messages of a round, to all who read, of whom the first `reading` never stop.
fn flood<D: Driver + Copy>(
    swarm: &mut Swarm<D>,
    server: &Server,
    options: &Options,
    reading: usize,
    memory: &mut Watch,
) -> Result<Round> {
    let senders = options.senders as usize;
    for sender in 0..senders {
        for _ in 0..options.messages() {
            swarm.say(sender, false);
        }
    }
    let meter = Meter::start(server)?;
    for sender in 0..senders {
        swarm.flush(sender)?;
    }
    settle(swarm, reading, memory)?;
    let wall = meter.stop()?.wall;
    settle(swarm, swarm.len(), memory)?;
    Ok(Round {
        wall,
        cpu: meter.stop()?.server_cpu,
    })
}

/// Until the first `count` have everything, if they read.
fn settle<D: Driver + Copy>(swarm: &mut Swarm<D>, count: usize, memory: &mut Watch) -> Result<()> {
    let bar = progress("slow", swarm.rooms[0].sent);
    let most_time = match swarm.is_anybody_stopped() {
        true => DEADLINE_STOPPED,
        false => DEADLINE,
    };
    let deadline = Instant::now() + most_time;
    swarm.settle_first(count, deadline, Some(PAUSE), |swarm| {
        bar.set_position(swarm.rooms[0].delivered);
        memory.look();
    })?;
    bar.finish_and_clear();
    Ok(())
}
