//! Concurrency benchmarks: starts the real server, drives it over real sockets, checks every delivery, prints what it cost.
//!
//! `scenario/` holds one file per workload, `driver/` one per protocol, `peer/` one per server that can be measured beside ours. Everything between is shared: `swarm` drives the members of rooms,
//! `originals` are clients of the original system, `contest` has several servers do the same in turn, `check` looks for loss, order and doubles, `crowd` drives other sockets, `people` makes accounts, `server` starts and stops, `proc` measures,
//! `report` shows.

mod check;
mod contest;
mod crowd;
mod driver;
mod originals;
mod peer;
mod people;
mod proc;
mod report;
mod scenario;
mod server;
mod swarm;
mod sys;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};

use contest::Settings;
use peer::Peer;
use scenario::Scenario;
use server::Source;

/// Benchmarks of a General Communications server. Every delivery is checked for loss, order and doubles.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  loadtests all --json all.json\n  loadtests fanout --runs 5\n  loadtests durable --durability os"
)]
struct Cli {
    /// What to run
    #[command(subcommand)]
    scenario: Scenario,
    /// Measured runs of each workload; the table shows their medians
    #[arg(long, global = true, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// What has to have happened before the server says OK. With --server: what that one is set to
    #[arg(long, global = true, value_enum, default_value_t = Durability::Always)]
    durability: Durability,
    /// Measure a server that runs already
    #[arg(long, global = true, value_name = "HOST:PORT", requires = "pid")]
    server: Option<String>,
    /// The process of that server
    #[arg(long, global = true, requires = "server")]
    pid: Option<u32>,
    /// Measure this binary [default: gencomm beside this program, built first under cargo]
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "server")]
    server_binary: Option<PathBuf>,
    /// Measure this server instead of ours; it is started, with nothing on disk and no limits against floods
    #[arg(long, global = true, value_enum, conflicts_with_all = ["server", "server_binary", "peers"])]
    peer: Option<Peer>,
    /// Measure ours and these, in turn, with a new server for each run
    #[arg(
        long,
        global = true,
        value_enum,
        value_delimiter = ',',
        conflicts_with = "server"
    )]
    peers: Vec<Peer>,
    /// Where the server's data folder is made, and removed after; a real disk [default: beside this program]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Write every run's figures to this file
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Durability {
    /// It is on the disk
    Always,
    /// The system has it, the disk soon
    Interval,
    /// The system has it
    Os,
}

impl Durability {
    fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Interval => "interval",
            Self::Os => "os",
        }
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let descriptors = sys::raise_descriptor_limit().context("the limit of descriptors")?;
    let settings = Settings {
        durability: cli.durability.name(),
        runs: cli.runs,
        descriptors,
    };
    let (sources, name) = match cli.peer {
        Some(peer) => (vec![Source::Peer(peer)], String::new()),
        None => {
            let (ours, name) = source(&cli)?;
            let peers = cli.peers.iter().map(|&peer| Source::Peer(peer));
            (std::iter::once(ours).chain(peers).collect(), name)
        }
    };
    let is_alone = sources.len() == 1;
    let (measured, mut failed) = contest::run(&cli.scenario, sources, settings)?;
    match measured.as_slice() {
        [one] if is_alone => print!("{}", report::table(&one.rows, one.durability)),
        all => print!("{}", contest::table(all)),
    }
    if let Some(path) = &cli.json {
        report::write_json(path, &measured, &name)?;
    }
    let first = failed.drain(..1.min(failed.len())).next();
    for error in failed {
        eprintln!("Error: {error:?}");
    }
    first.map_or(Ok(()), Err)
}

/// Where the server comes from, and its name for the report.
fn source(cli: &Cli) -> Result<(Source, String)> {
    if let (Some(address), Some(process)) = (&cli.server, cli.pid) {
        let source = Source::Running {
            address: server::resolve(address)?,
            process,
        };
        return Ok((source, address.clone()));
    }
    let path = match &cli.server_binary {
        Some(path) => path.clone(),
        None => server::find_binary()?,
    };
    ensure!(path.is_file(), "{} is no file", path.display());
    let data = match &cli.data {
        Some(data) => data.clone(),
        None => {
            let own = std::env::current_exe()?;
            own.parent()
                .context("this program lies nowhere")?
                .join("loadtests-data")
        }
    };
    let name = path.display().to_string();
    Ok((Source::Binary { path, data }, name))
}
