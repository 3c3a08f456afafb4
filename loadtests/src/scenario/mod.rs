//! The workloads, one file each, and what they share.

mod c16;
mod durable;
mod fanout;
mod floor;
mod growth;
mod idle;
mod latency;
mod legacy;
mod memory;
mod past;
mod resume;
mod rooms;
mod siege;
mod single;
mod slow;
mod storm;

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use clap::{FromArgMatches, Subcommand};
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};

use crate::driver::Driver;
use crate::proc::Process;
use crate::report::{Outcome, Row};
use crate::server::{Server, Source};
use crate::swarm::{SmallBuffers, Swarm};

/// How long letting everybody in may take.
const ENTER_DEADLINE: Duration = Duration::from_secs(180);
/// Descriptors that are not connections: standard streams, epoll, files under `/proc`.
const DESCRIPTORS_RESERVED: u64 = 50;

/// A workload with its sizes.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Scenario {
    /// Clients that are there and say nothing: memory per client, CPU per log-in
    Idle(idle::Options),
    /// Few senders flat out, many readers: deliveries per second, CPU per delivery
    Fanout(fanout::Options),
    /// Many senders that wait for their OK: commits per second, CPU per commit
    Durable(durable::Options),
    /// One message in flight, many readers: what a delivery costs when nothing can be shared
    Single(single::Options),
    /// Many rooms whose members talk in turn: what a delivery costs in small rooms that are all busy
    Rooms(rooms::Options),
    /// Some readers of a room stop reading: what it costs the server's memory, and the other readers
    Slow(slow::Options),
    /// A steady rate of messages: delay from the intended moment of sending
    Latency(latency::Options),
    /// Everybody comes back at once with a resume token: CPU per log-in
    Resume(resume::Options),
    /// Everybody is cut off and comes back at once, to what was missed: seconds until all have everything
    Storm(storm::Options),
    /// Sockets that say nothing and a flood of wrong passwords: what a client notices of it
    Siege(siege::Options),
    /// Clients of the original system in the lobby, and readers of today beside them: what a delivery costs that is a connection
    Legacy(legacy::Options),
    /// A long log: import, verify, start-up, and reading back over all of it
    Past(past::Options),
    /// What changes with readers, rooms and clients: the same workloads at several sizes
    Growth(growth::Options),
    /// The C16 codec alone, beside two hexadecimal crates: gigabytes a second, every round checked
    C16(c16::Options),
    /// What a bare write to a loopback socket takes here: no delivery costs less
    Floor(floor::Options),
    /// All of them but growth and past, one after the other
    All,
}

/// What all workloads get.
#[derive(Debug)]
pub(crate) struct Bench<D> {
    pub(crate) driver: D,
    pub(crate) source: Source,
    /// "gencomm", or a peer's name and version: what the figures are said to be of.
    pub(crate) server_name: String,
    pub(crate) durability: &'static str,
    pub(crate) runs: u32,
    pub(crate) descriptors: u64,
}

impl Scenario {
    /// What it consists of, with names: all but growth, one after the other; or itself, which needs no name.
    pub(crate) fn parts(&self) -> Result<Vec<(&'static str, Self)>> {
        let Self::All = self else {
            return Ok(vec![("", self.clone())]);
        };
        let names = [
            "idle", "fanout", "single", "rooms", "slow", "latency", "durable", "resume", "storm",
            "siege", "legacy", "c16", "floor",
        ];
        let part = |name| Ok((name, Self::with_defaults(name)?));
        names.into_iter().map(part).collect()
    }

    /// Runs one of the [`parts`](Self::parts).
    pub(crate) fn run<D: Driver + Copy>(&self, bench: &Bench<D>) -> Result<Outcome> {
        Ok(match self {
            Self::Idle(options) => idle::run(bench, options)?.into(),
            Self::Fanout(options) => fanout::run(bench, options)?.into(),
            Self::Durable(options) => durable::run(bench, options)?.into(),
            Self::Single(options) => single::run(bench, options)?.into(),
            Self::Rooms(options) => rooms::run(bench, options)?.into(),
            Self::Slow(options) => slow::run(bench, options)?.into(),
            Self::Latency(options) => latency::run(bench, options)?.into(),
            Self::Resume(options) => resume::run(bench, options)?.into(),
            Self::Storm(options) => storm::run(bench, options)?.into(),
            Self::Siege(options) => siege::run(bench, options)?.into(),
            Self::Legacy(options) => legacy::run(bench, options)?.into(),
            Self::Past(options) => past::run(bench, options)?,
            Self::Growth(options) => growth::run(bench, options)?,
            Self::C16(options) => c16::run(bench.runs, options)?.into(),
            Self::Floor(options) => floor::run(bench.runs, options)?.into(),
            Self::All => bail!("all of them are run one by one"),
        })
    }

    /// Whether it needs no more of a server than that it passes messages on.
    pub(crate) fn suits_peers(&self) -> bool {
        match self {
            Self::Idle(_)
            | Self::Fanout(_)
            | Self::Single(_)
            | Self::Rooms(_)
            | Self::Latency(_)
            | Self::Growth(_) => true,
            Self::Durable(_)
            | Self::Slow(_)
            | Self::Resume(_)
            | Self::Storm(_)
            | Self::Siege(_)
            | Self::Legacy(_)
            | Self::Past(_)
            | Self::C16(_)
            | Self::Floor(_)
            | Self::All => false,
        }
    }

    fn with_defaults(name: &str) -> Result<Self> {
        let command = Self::augment_subcommands(clap::Command::new("loadtests"));
        let matches = command.try_get_matches_from(["loadtests", name])?;
        Ok(Self::from_arg_matches(&matches)?)
    }
}

impl<D: Driver + Copy> Bench<D> {
    /// Starts a server, lets `work` use it, stops it. An error comes with what the server logged.
    fn with_server<T>(&self, work: impl FnOnce(&Server) -> Result<T>) -> Result<T> {
        let server = Server::start(&self.source, self.durability)?;
        match work(&server) {
            Ok(result) => server.stop().map(|()| result),
            Err(error) => Err(server.explain(error)),
        }
    }

    /// That this process may have so many connections.
    fn ensure_descriptors(&self, count: usize) -> Result<()> {
        let most = self.descriptors.saturating_sub(DESCRIPTORS_RESERVED);
        ensure!(
            count as u64 <= most,
            "{count} clients are more than the {most} that the descriptor limit leaves; raise it (ulimit -Hn)"
        );
        Ok(())
    }

    /// Lets `count` members in, the `i`th into room `room(i)`.
    fn swarm(
        &self,
        server: &Server,
        count: usize,
        body_bytes: usize,
        room: impl Fn(usize) -> usize,
    ) -> Result<Swarm<D>> {
        self.swarm_with(server, count, body_bytes, None, room)
    }

    /// The same, some of them with receive buffers of a given size.
    fn swarm_with(
        &self,
        server: &Server,
        count: usize,
        body_bytes: usize,
        small_buffers: Option<SmallBuffers>,
        room: impl Fn(usize) -> usize,
    ) -> Result<Swarm<D>> {
        self.ensure_descriptors(count)?;
        ensure!(
            body_bytes <= D::BODY_BYTES_MAX,
            "a message of {} has {} bytes at most, not {body_bytes}",
            self.server_name,
            D::BODY_BYTES_MAX
        );
        let mut swarm = Swarm::new(self.driver, server, small_buffers)?;
        let bar = progress("log-ins", count as u64);
        let deadline = Instant::now() + ENTER_DEADLINE;
        swarm.enter(count, body_bytes, deadline, room, |entered| {
            bar.set_position(entered as u64);
        })?;
        bar.finish_and_clear();
        Ok(swarm)
    }
}

/// A progress bar on standard error, if that is a terminal.
fn progress(what: &str, steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps);
    let style = ProgressStyle::with_template(
        "{prefix:>24} [{wide_bar:.cyan/dim}] {human_pos}/{human_len} {per_sec}",
    );
    if let Ok(style) = style {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_prefix(what.to_owned());
    bar
}

/// Wall and CPU time from a moment on.
struct Meter {
    server: Process,
    server_cpu: Duration,
    own_cpu: Duration,
    since: Instant,
}

/// What a [`Meter`] measured.
struct Spent {
    wall: Duration,
    server_cpu: Duration,
    own_cpu: Duration,
}

impl Meter {
    fn start(server: &Server) -> Result<Self> {
        Ok(Self {
            server: server.process,
            server_cpu: server.process.cpu()?,
            own_cpu: Process::own().cpu()?,
            since: Instant::now(),
        })
    }

    fn stop(&self) -> Result<Spent> {
        Ok(Spent {
            wall: self.since.elapsed(),
            server_cpu: self.server.cpu()?.saturating_sub(self.server_cpu),
            own_cpu: Process::own().cpu()?.saturating_sub(self.own_cpu),
        })
    }
}

impl Spent {
    /// Adds what `deliveries` cost.
    fn add_deliveries(&self, row: &mut Row, deliveries: u64) {
        let millions = deliveries as f64 / 1e6;
        let wall = self.wall.as_secs_f64();
        row.add("deliveries", "1/s", deliveries as f64 / wall);
        row.add(
            "server CPU",
            "s per million",
            self.server_cpu.as_secs_f64() / millions,
        );
        row.add(
            "load CPU",
            "s per million",
            self.own_cpu.as_secs_f64() / millions,
        );
        row.add(
            "server cores in use",
            "",
            self.server_cpu.as_secs_f64() / wall,
        );
    }
}

/// Adds p50, p99, p99.9 and the worst of `delays`, which are in nanoseconds; the names begin with `what`.
fn add_delays(row: &mut Row, what: &str, delays: &Histogram<u64>) {
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
        let micros = delays.value_at_quantile(quantile) as f64 / 1e3;
        row.add(&format!("{what}{name}"), "us", micros);
    }
    row.add(&format!("{what}max"), "us", delays.max() as f64 / 1e3);
}
