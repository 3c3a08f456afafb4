//! Clients that have logged in, are in a room, and say nothing.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;

use super::{Bench, Meter, progress};
use crate::driver::Driver;
use crate::proc::{Process, slab_kib, socket_objects, tcp_memory_kib};
use crate::report::Row;
use crate::server::Server;

/// Memory has settled when it moved less than this in as many looks.
const SETTLED_KIB: u64 = 64;
const LOOKS: u32 = 4;
const LOOK_EVERY: Duration = Duration::from_millis(250);
const SETTLE_DEADLINE: Duration = Duration::from_secs(15);
/// How long a message to everybody may take.
const MESSAGE_DEADLINE: Duration = Duration::from_secs(60);
const BODY_BYTES: usize = 64;

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Clients
    #[arg(long, default_value_t = 15_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) clients: u32,
    /// Rooms that they are spread over; without this, two workloads: one room, and a room for each client
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) rooms: Option<u32>,
}

pub(super) fn run<D: Driver + Copy>(bench: &Bench<D>, options: &Options) -> Result<Vec<Row>> {
    let sizes = match options.rooms {
        None => vec![1, options.clients],
        Some(rooms) => vec![rooms.min(options.clients)],
    };
    let mut rows = Vec::new();
    for rooms in sizes {
        let clients = options.clients as usize;
        let mut row = Row::new("idle", format!("{clients} clients in {rooms} rooms"))
            .with_sizes(&[("clients", options.clients.into()), ("rooms", rooms.into())]);
        // Memory that one run leaves behind is not to be the next one's beginning.
        for _ in 0..bench.runs {
            bench.with_server(|server| one(bench, server, clients, rooms as usize, &mut row))?;
        }
        rows.push(row);
    }
    Ok(rows)
}

fn one<D: Driver + Copy>(
    bench: &Bench<D>,
    server: &Server,
    clients: usize,
    rooms: usize,
    row: &mut Row,
) -> Result<()> {
    let before = settled(server.process, || Ok(()))?;
    let (tcp_before, slab_before, objects_before) =
        (tcp_memory_kib(), slab_kib(), socket_objects());
    let meter = Meter::start(server)?;
    let mut swarm = bench.swarm(server, clients, BODY_BYTES, |client| client % rooms)?;
    let spent = meter.stop()?;
    let after = settled(server.process, || swarm.linger(Instant::now()))?;
    let each = |kib: u64| kib as f64 / clients as f64;
    row.add(
        "server memory",
        "KiB per client",
        each(after.saturating_sub(before)),
    );
    let log_ins = clients as f64;
    row.add(
        "server CPU",
        "us per log-in",
        spent.server_cpu.as_secs_f64() * 1e6 / log_ins,
    );
    row.add(
        "load CPU",
        "us per log-in",
        spent.own_cpu.as_secs_f64() * 1e6 / log_ins,
    );
    row.add("log-ins", "1/s", log_ins / spent.wall.as_secs_f64());
    if let (Some(before), Some(after)) = (tcp_before, tcp_memory_kib()) {
        row.add(
            "TCP buffers, both ends",
            "KiB per client",
            each(after.saturating_sub(before)),
        );
    }
    if let (Some(before), Some(after)) = (objects_before, socket_objects()) {
        let sockets = after.sockets.saturating_sub(before.sockets);
        let bytes = after.bytes.saturating_sub(before.bytes);
        // One for each end, which are alike.
        row.add(
            "kernel objects of a socket",
            "KiB per end",
            bytes as f64 / 1024.0 / sockets as f64,
        );
    }
    if let (Some(before), Some(after)) = (slab_before, slab_kib()) {
        row.add(
            "kernel, all slabs, both ends",
            "KiB per client",
            each(after.saturating_sub(before)),
        );
    }
    // They have to be there and not only look so: each room's first member says something, and all have to hear it.
    for speaker in 0..rooms {
        swarm.say(speaker, false);
    }
    for speaker in 0..rooms {
        swarm.flush(speaker)?;
    }
    let bar = progress("a message to everybody", clients as u64);
    swarm
        .settle(Instant::now() + MESSAGE_DEADLINE, None, |_| bar.tick())
        .context("a message to everybody")?;
    bar.finish_and_clear();
    swarm.expect_silence()?;
    let spoken = settled(server.process, || swarm.linger(Instant::now()))?;
    row.add(
        "after a message to all",
        "KiB per client",
        each(spoken.saturating_sub(before)),
    );
    Ok(())
}

/// Resident memory, once it stays what it is.
pub(super) fn settled(server: Process, mut meanwhile: impl FnMut() -> Result<()>) -> Result<u64> {
    let deadline = Instant::now() + SETTLE_DEADLINE;
    let (mut last, mut same) = (server.resident_kib()?, 0);
    while same < LOOKS && Instant::now() < deadline {
        std::thread::sleep(LOOK_EVERY);
        meanwhile()?;
        let now = server.resident_kib()?;
        same = if now.abs_diff(last) <= SETTLED_KIB {
            same + 1
        } else {
            0
        };
        last = now;
    }
    Ok(last)
}
