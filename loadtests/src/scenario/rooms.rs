//! Many small rooms whose members talk in turn, all rooms at once: each message waits until everybody in its room has the one before.
//!
//! As in a conversation, nothing is shared between deliveries but what the server can gather across rooms: the flush of the disk, and the
//! waking of threads.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use hdrhistogram::Histogram;

use super::{Bench, Meter, add_delays, progress};
use crate::driver::Driver;
use crate::report::Row;
use crate::server::Server;
use crate::swarm::Swarm;

/// How long one run may take.
const DEADLINE: Duration = Duration::from_secs(120);
const TURN: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Rooms
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) rooms: u32,
    /// Members of each room
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) members: u32,
    /// Messages in each room in each run
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
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
    let [rooms, members, messages] =
        [options.rooms, options.members, options.messages].map(|size| size as usize);
    let body_bytes = options.body_bytes as usize;
    let mut swarm = bench.swarm(server, rooms * members, body_bytes, |member| member % rooms)?;
    let mut row = Row::new(
        "rooms",
        format!("{rooms} rooms of {members}, {messages} in turn in each"),
    )
    .with_sizes(&[
        ("rooms", options.rooms.into()),
        ("members", options.members.into()),
        ("messages", options.messages.into()),
        ("body_bytes", options.body_bytes.into()),
    ]);
    // The first one is to warm up.
    for run in 0..=bench.runs {
        let meter = Meter::start(server)?;
        let delays = talk(&mut swarm, rooms, members, messages)?;
        let spent = meter.stop()?;
        swarm.settle(Instant::now() + DEADLINE, None, |_| {})?;
        swarm.expect_silence()?;
        swarm.forget();
        if run > 0 {
            spent.add_deliveries(&mut row, (rooms * members * messages) as u64);
            add_delays(&mut row, "to the last member, ", &delays);
        }
    }
    row.add(
        "server memory",
        "MiB",
        server.process.resident_kib()? as f64 / 1024.0,
    );
    Ok(row)
}

/// Every room has its `messages`, one after the other, the next one said by the next member. Returns how long each took to reach the last.
fn talk<D: Driver + Copy>(
    swarm: &mut Swarm<D>,
    rooms: usize,
    members: usize,
    messages: usize,
) -> Result<Histogram<u64>> {
    let all = rooms * members * messages;
    let (bar, deadline) = (progress("rooms", all as u64), Instant::now() + DEADLINE);
    let mut delays = Histogram::<u64>::new(3)?;
    swarm.arrivals = Some(Vec::new());
    let mut since = Vec::with_capacity(rooms);
    for room in 0..rooms {
        since.push(Instant::now());
        swarm.say(room, false);
        swarm.flush(room)?;
    }
    // Of each room: messages said, and deliveries of them all.
    let mut said = vec![1; rooms];
    let mut delivered = vec![0; rooms];
    let (mut done, mut arrivals, mut due) = (0, Vec::new(), Vec::new());
    while done < all {
        swarm.turn(TURN)?;
        // The other one is empty, and keeps its room in memory.
        if let Some(arrived) = &mut swarm.arrivals {
            std::mem::swap(arrived, &mut arrivals);
        }
        for arrival in arrivals.drain(..) {
            let room = arrival.member as usize % rooms;
            delivered[room] += arrival.to - arrival.from;
            done += arrival.to - arrival.from;
            if delivered[room] == said[room] * members {
                let delay = arrival.at.saturating_duration_since(since[room]);
                delays.record(u64::try_from(delay.as_nanos())?)?;
                if said[room] < messages {
                    due.push(room);
                }
            }
        }
        for room in due.drain(..) {
            let member = room + rooms * (said[room] % members);
            since[room] = Instant::now();
            swarm.say(member, false);
            swarm.flush(member)?;
            said[room] += 1;
        }
        bar.set_position(done as u64);
        ensure!(
            Instant::now() < deadline,
            "deadline passed: {}",
            swarm.missing()
        );
    }
    swarm.arrivals = None;
    bar.finish_and_clear();
    Ok(delays)
}
