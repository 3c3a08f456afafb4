//! Everybody is cut off at once and comes back at once, while somebody in each room goes on talking.
//!
//! A third of the messages is said just before the cut, which falls into the middle of their delivery; a third while nobody else is there; a
//! third while the first half comes back. Everybody says which message it saw last, and has to get what comes behind it, each message
//! once: those from the log, those from memory, and those said at this moment.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::idle::settled;
use super::memory::Watch;
use super::{Bench, Meter, progress};
use crate::driver::Driver;
use crate::report::Row;
use crate::server::Server;
use crate::swarm::Swarm;

/// How long it may take until everybody has everything.
const DEADLINE: Duration = Duration::from_secs(120);
const BODY_BYTES: usize = 64;

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Guests that are cut off
    #[arg(long, default_value_t = 15_000, value_parser = clap::value_parser!(u32).range(1..=500_000))]
    clients: u32,
    /// Rooms that they are spread over; in each there is also one who stays, and talks
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rooms: u32,
    /// Messages in each room in each run: a third before the cut, a third after it, a third while the guests come back
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(3..=1_000_000))]
    messages: u32,
    /// Connections that are under way at a time: fewer than what waits before the server's door (its backlog)
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    at_once: u32,
}

pub(super) fn run<D: Driver + Copy>(bench: &Bench<D>, options: &Options) -> Result<Vec<Row>> {
    let Options {
        clients,
        rooms,
        messages,
        ..
    } = options;
    ensure!(
        clients >= rooms,
        "{clients} guests leave some of {rooms} rooms empty; --clients may not be less than --rooms"
    );
    let workload = format!("{clients} clients in {rooms} rooms, {messages} messages in each");
    let mut row = Row::new("storm", workload).with_sizes(&[
        ("clients", u64::from(*clients)),
        ("rooms", u64::from(*rooms)),
        ("messages", u64::from(*messages)),
        ("at_once", options.at_once.into()),
    ]);
    // Everybody is to be in the server for the first time, and to come back for the first time.
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
    let [clients, rooms, messages] =
        [options.clients, options.rooms, options.messages].map(|size| size as usize);
    // The first member of each room stays.
    let count = rooms + clients;
    let mut swarm = bench.swarm(server, count, BODY_BYTES, |member| member % rooms)?;
    // Everybody needs a message after which it can ask for more.
    talk(&mut swarm, rooms, 1)?;
    swarm
        .settle(Instant::now() + DEADLINE, None, |_| {})
        .context("before the cut")?;
    swarm.expect_silence()?;
    swarm.forget();
    let before = settled(server.process, || swarm.linger(Instant::now()))?;
    let mut memory = Watch::new(server.process, before);

    let part = messages / 3;
    talk(&mut swarm, rooms, part)?;
    // In every room somebody has something of it then, and of many some have nothing.
    let deadline = Instant::now() + DEADLINE;
    while swarm.rooms.iter().any(|room| room.kept() == 0) {
        swarm.turn(Duration::from_millis(100))?;
        ensure!(
            Instant::now() < deadline,
            "deadline passed before the cut: {}",
            swarm.missing()
        );
    }
    let meter = Meter::start(server)?;
    swarm.cut(rooms..count);
    talk(&mut swarm, rooms, part)?;
    let last_part = messages - 2 * part;
    let (bar, mut said) = (progress("coming back", clients as u64), 0);
    let at_once = options.at_once as usize;
    swarm.come_back(rooms..count, at_once, deadline, |swarm, back| {
        bar.set_position(back as u64);
        memory.look();
        let due = (last_part * 2 * back / clients).min(last_part);
        talk(swarm, rooms, due - said)?;
        said = due;
        Ok(())
    })?;
    let back = meter.stop()?;
    bar.finish_and_clear();
    swarm
        .settle(deadline, None, |_| memory.look())
        .context("after everybody was back")?;
    let spent = meter.stop()?;
    swarm.expect_silence()?;
    row.add("until the last OK", "s", back.wall.as_secs_f64());
    row.add(
        "until the last missed message",
        "s",
        spent.wall.as_secs_f64(),
    );
    row.add(
        "server CPU",
        "us per client",
        spent.server_cpu.as_secs_f64() * 1e6 / clients as f64,
    );
    row.add(
        "load CPU",
        "us per client",
        spent.own_cpu.as_secs_f64() * 1e6 / clients as f64,
    );
    // The same clients are there again, and quiet.
    let after = settled(server.process, || swarm.linger(Instant::now()))?;
    memory.add(row, after);
    Ok(())
}

/// In each room, the one who stays says so many messages.
fn talk<D: Driver + Copy>(swarm: &mut Swarm<D>, rooms: usize, messages: usize) -> Result<()> {
    for speaker in 0..rooms {
        for _ in 0..messages {
            swarm.say(speaker, false);
        }
        swarm.flush(speaker)?;
    }
    Ok(())
}
