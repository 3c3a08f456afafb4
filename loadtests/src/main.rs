//! Concurrency benchmarks: starts the real server, drives it over real sockets, checks every delivery, prints what it cost.
//!
//! `scenario/` holds one file per workload, `driver/` one per protocol. Everything between is shared: `swarm` drives the members of rooms,
//! `check` looks for loss, order and doubles, `crowd` drives other sockets, `people` makes accounts, `server` starts and stops, `proc` measures,
//! `report` shows.

mod check;
mod crowd;
mod driver;
mod people;
mod proc;
mod report;
mod scenario;
mod server;
mod swarm;
mod sys;

use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand, ValueEnum};

use driver::Driver;
use driver::gencomm::Gencomm;
use report::{File, Machine};
use scenario::{Bench, Scenario};
use server::Source;

/// Benchmarks of a General Communications server. Every delivery is checked for loss, order and doubles.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  loadtests all --json all.json\n  loadtests fanout --runs 5\n  loadtests durable --durability os\n  loadtests growth --of fanout,clients --json growth.json\n  loadtests compare before.json after.json\n  loadtests report all.json growth.json"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
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
    /// Where the server's data folder is made, and removed after; a real disk [default: beside this program]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Write every run's figures to this file
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Measure(Scenario),
    /// Make charts of figures, and a table of what was promised and what was measured
    Report(report::ReportOptions),
    /// Set two files of figures side by side; exit code 1 if something got worse by more than the noise
    Compare(report::CompareOptions),
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

/// Exit codes: 0 is good, 1 is a comparison that found something worse, 2 is an error.
fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Command::Measure(scenario) => run(&cli, scenario).map(|()| true),
        Command::Report(options) => report::report(options).map(|()| true),
        Command::Compare(options) => report::compare(options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("Error: {error:?}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli, scenario: &Scenario) -> Result<()> {
    let descriptors = sys::raise_descriptor_limit().context("the limit of descriptors")?;
    let source = source(cli)?;
    let version = match &source {
        Source::Binary { path, .. } => version(path),
        Source::Running { .. } => None,
    };
    let bench = Bench {
        driver: Gencomm,
        source,
        server_name: "gencomm".to_owned(),
        durability: cli.durability.name(),
        runs: cli.runs,
        descriptors,
    };
    measure(scenario, &bench, version, cli.json.as_deref())
}

/// Runs what was asked for. What is done is shown and kept at once: of a long call that fails, what came before remains, and what comes after
/// is measured all the same.
fn measure<D: Driver + Copy>(
    scenario: &Scenario,
    bench: &Bench<D>,
    version: Option<String>,
    json: Option<&Path>,
) -> Result<()> {
    let mut file = File::new(version, Machine::here());
    let (parts, mut failed) = (scenario.parts()?, Vec::new());
    for (number, (name, part)) in parts.iter().enumerate() {
        if parts.len() > 1 {
            eprintln!("{name}, {} of {}", number + 1, parts.len());
        }
        match part.run(bench) {
            Ok(outcome) => {
                println!(
                    "{}",
                    report::table(&outcome, &bench.server_name, bench.durability)
                );
                file.add(outcome, &bench.server_name, bench.durability);
            }
            Err(error) if parts.len() == 1 => return Err(error),
            Err(error) => {
                eprintln!("Error: {error:?}\n");
                failed.push(*name);
            }
        }
        if let Some(path) = json {
            file.write(path)?;
        }
    }
    ensure!(
        failed.is_empty(),
        "{} of {} workloads failed: {}",
        failed.len(),
        parts.len(),
        failed.join(", ")
    );
    Ok(())
}

/// What a binary says that it is, in one line.
fn version(binary: &Path) -> Option<String> {
    let output = process::Command::new(binary)
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.trim();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}

/// Where the server comes from.
fn source(cli: &Cli) -> Result<Source> {
    if let (Some(address), Some(process)) = (&cli.server, cli.pid) {
        let source = Source::Running {
            address: server::resolve(address)?,
            process,
        };
        return Ok(source);
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
    Ok(Source::Binary { path, data })
}
