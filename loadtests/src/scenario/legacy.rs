//! Clients of the original system in the lobby, and readers that speak GC/2 beside them. One of the original clients talks, a connection
//! for each message; each of them hears by connections that the server opens.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;

use super::idle::settled;
use super::{Bench, ENTER_DEADLINE, Meter, progress};
use crate::check::Room;
use crate::driver::Driver;
use crate::driver::original::LOBBY;
use crate::originals::{CLIENTS_MAX, Originals};
use crate::report::Row;
use crate::server::Server;
use crate::swarm::Swarm;

/// How long it may take until everybody has everything.
const DEADLINE: Duration = Duration::from_secs(120);
/// How long the sockets of the original clients are waited for before the others get their turn.
const TURN: Duration = Duration::from_millis(1);
/// In which nothing may come any more.
const SILENCE: Duration = Duration::from_millis(50);
/// Sockets that an original client has at a time: two ports, a heartbeat, a delivery.
const SOCKETS_EACH: usize = 4;

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Original clients, the one that talks among them
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=i64::from(CLIENTS_MAX)))]
    clients: u32,
    /// Readers that speak GC/2
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    readers: u32,
    /// Messages in each run
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    messages: u32,
    /// Length of a message's body
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(18..=3000))]
    body_bytes: u32,
}

pub(super) fn run<D: Driver + Copy>(bench: &Bench<D>, options: &Options) -> Result<Vec<Row>> {
    let Options {
        clients,
        readers,
        messages,
        ..
    } = options;
    let workload = format!("{messages} to {clients} original clients and {readers} readers");
    let sizes = [
        ("clients", clients),
        ("readers", readers),
        ("messages", messages),
    ];
    let sizes = sizes.map(|(name, size)| (name, u64::from(*size)));
    let mut row = Row::new("legacy", workload).with_sizes(&sizes);
    let settings = [
        ("LEGACY__ENABLED", "true"),
        ("LEGACY__AUTH_PORT", "0"),
        ("LEGACY__MESSAGE_PORT", "0"),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    // Memory that one run leaves behind is not to be the next one's beginning.
    for _ in 0..bench.runs {
        let server =
            Server::start_prepared(&bench.source, bench.durability, &settings, |_| Ok(()))?;
        match one(bench, options, &server, &mut row) {
            Ok(()) => server.stop()?,
            Err(error) => return Err(server.explain(error)),
        }
    }
    Ok(vec![row])
}

fn one<D: Driver + Copy>(
    bench: &Bench<D>,
    options: &Options,
    server: &Server,
    row: &mut Row,
) -> Result<()> {
    let [clients, readers, body_bytes] =
        [options.clients, options.readers, options.body_bytes].map(|size| size as usize);
    bench.ensure_descriptors(clients * SOCKETS_EACH + readers)?;
    let mut swarm = Swarm::new(bench.driver, server, None)?;
    swarm
        .rooms
        .push(Room::new(LOBBY.to_owned(), body_bytes, D::HEARS));
    swarm.enter(
        readers,
        body_bytes,
        Instant::now() + ENTER_DEADLINE,
        |_| 0,
        |_| {},
    )?;

    let before = settled(server.process, || swarm.linger(Instant::now()))?;
    let meter = Meter::start(server)?;
    let mut originals = Originals::new(server, body_bytes)?;
    let bar = progress("original log-ins", clients as u64);
    originals.enter(clients, Instant::now() + ENTER_DEADLINE, |entered| {
        bar.set_position(entered as u64);
    })?;
    bar.finish_and_clear();
    let spent = meter.stop()?;
    let log_ins = clients as f64;
    row.add("log-ins", "1/s", log_ins / spent.wall.as_secs_f64());
    row.add(
        "server CPU per log-in",
        "us",
        spent.server_cpu.as_secs_f64() * 1e6 / log_ins,
    );
    let after = settled(server.process, || {
        originals.turn(Duration::ZERO)?;
        swarm.linger(Instant::now())
    })?;
    row.add(
        "server memory",
        "KiB per original client",
        after.saturating_sub(before) as f64 / log_ins,
    );

    // The first one is to warm up.
    let user = format!("o{:x}", std::process::id());
    for is_measured in [false, true] {
        let meter = Meter::start(server)?;
        talk(&mut swarm, &mut originals, &user, options.messages)?;
        let spent = meter.stop()?;
        expect_silence(&mut swarm, &mut originals)?;
        if is_measured {
            let messages = u64::from(options.messages);
            let to_originals = messages * clients as u64;
            spent.add_deliveries(row, to_originals + messages * readers as u64);
            row.add(
                "messages in a delivery",
                "",
                to_originals as f64 / originals.deliveries as f64,
            );
        }
        swarm.forget();
        originals.forget();
    }
    Ok(())
}

/// All messages, until everybody has them.
fn talk<D: Driver + Copy>(
    swarm: &mut Swarm<D>,
    originals: &mut Originals,
    user: &str,
    messages: u32,
) -> Result<()> {
    let (bar, deadline) = (
        progress("messages", messages.into()),
        Instant::now() + DEADLINE,
    );
    let mut said = 0;
    while said < messages || !originals.have_all() || swarm.behind() > 0 {
        while said < messages && !originals.is_busy() {
            originals.say(user, &mut swarm.rooms[0])?;
            said += 1;
        }
        originals.turn(TURN)?;
        swarm.turn(Duration::ZERO)?;
        bar.set_position(said.into());
        ensure!(
            Instant::now() < deadline,
            "deadline passed: {}, {}",
            originals.missing(),
            swarm.missing()
        );
    }
    bar.finish_and_clear();
    Ok(())
}

/// What comes twice comes late.
fn expect_silence<D: Driver + Copy>(swarm: &mut Swarm<D>, originals: &mut Originals) -> Result<()> {
    let end = Instant::now() + SILENCE;
    while Instant::now() < end {
        originals.turn(TURN)?;
        swarm.turn(Duration::ZERO)?;
    }
    ensure!(
        originals.have_all() && swarm.behind() == 0,
        "messages came that nobody sent: {}, {}",
        originals.missing(),
        swarm.missing()
    );
    Ok(())
}
