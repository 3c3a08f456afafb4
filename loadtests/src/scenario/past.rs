//! A long log: how fast it is imported and verified, how a server starts on it, and how fast it is read back over all of it.
//!
//! The log is made by `gencomm log import` from a file in the original's form, so all of it has gone the way of every message.
//! What is read is compared with what was written, line by line.

mod disk;
mod model;
mod requests;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use tempfile::TempDir;

use super::{Bench, progress};
use crate::driver::Driver;
use crate::proc::Process;
use crate::report::{Outcome, Row, Series};
use crate::server::{Server, Source};
use crate::sys;
use model::Model;
use requests::{Kind, ask, first_log_in};

/// Sizes of a series.
const SIZES: [u32; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
/// The plain file that is written beside is no larger.
const PLAIN_BYTES_MAX: u64 = 1 << 30;

/// Between two looks at the memory of a command.
const MEMORY_LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Records in the log: some 350 bytes of disk each while it is made
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    records: u32,
    /// A series of logs, from 10,000 records by tens up to --records
    #[arg(long)]
    grow: bool,
    /// Rooms; the busiest has a tenth of all records, the quietest one in seven thousand
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rooms: u32,
    /// Requests of each kind, one after the other and then as many again from all connections at a time
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    requests: u32,
    /// Connections that ask
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    connections: u32,
}

pub(super) fn run<D: Driver + Copy>(bench: &Bench<D>, options: &Options) -> Result<Outcome> {
    let Source::Binary { path, data } = &bench.source else {
        bail!("this workload makes a log of its own; it cannot use --server");
    };
    bench.ensure_descriptors(options.connections as usize)?;
    let sizes: Vec<u32> = match options.grow {
        true => SIZES
            .into_iter()
            .filter(|n| *n <= options.records)
            .collect(),
        false => vec![options.records],
    };
    ensure!(!sizes.is_empty(), "a series begins at {} records", SIZES[0]);
    let mut outcome = Outcome::default();
    let mut series = Series::new("past by records", "records");
    for records in sizes {
        let model = Model::new(records, options.rooms);
        let mut past = Past {
            binary: path,
            source: &bench.source,
            durability: bench.durability,
            options,
            size: format!("{records} records"),
            model,
            rows: Vec::new(),
        };
        for _ in 0..bench.runs {
            std::fs::create_dir_all(data)?;
            let folder = TempDir::with_prefix_in("loadtest-past-", data)?;
            past.run(folder.path())?;
            folder.close()?;
        }
        grow(&mut series, records, &past.rows);
        outcome.rows.append(&mut past.rows);
    }
    if options.grow {
        outcome.series.push(series);
    }
    Ok(outcome)
}

/// What is worth a line in a chart: what should stay the same, however long the log is.
const GROWING: [(&str, &str); 11] = [
    ("log import", "CPU"),
    ("log verify, warm", "CPU"),
    ("start-up, warm", "first log-in answered after"),
    ("start-up, warm", "CPU until then"),
    ("start-up, warm", "resident memory then"),
    ("HISTORY after an id, one at a time", "p99"),
    ("HISTORY before an id, one at a time", "p99"),
    ("HISTORY since a time, one at a time", "p99"),
    ("HISTORY, newest of a busy room, one at a time", "p99"),
    ("HISTORY, newest of a quiet room, one at a time", "p99"),
    ("JOIN after an id, one at a time", "p99"),
];

fn grow(series: &mut Series, records: u32, rows: &[Row]) {
    for (what, name) in GROWING {
        let row = rows.iter().find(|row| row.workload.ends_with(what));
        let figures = row.iter().flat_map(|row| &row.figures);
        for figure in figures.filter(|figure| figure.name == name) {
            let name = format!("{what}: {name}");
            for run in &figure.runs {
                series.add(f64::from(records), &name, &figure.unit, *run);
            }
        }
    }
}

/// A command that has ended.
struct Ended {
    /// What it printed.
    text: String,
    wall: Duration,
    cpu: Duration,
    resident_kib_max: u64,
}

/// Looks at a process until it ends; what the kernel counts for a child begins with what its parent had.
fn watch_memory(process: Process) -> std::thread::JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut most = 0;
        while let Ok(kib) = process.resident_kib() {
            most = most.max(kib);
            std::thread::sleep(MEMORY_LOOK_EVERY);
        }
        most
    })
}

/// One size.
struct Past<'a> {
    binary: &'a Path,
    source: &'a Source,
    durability: &'static str,
    options: &'a Options,
    size: String,
    model: Model,
    rows: Vec<Row>,
}

impl Past<'_> {
    fn run(&mut self, folder: &Path) -> Result<()> {
        let data = folder.join("data");
        let input = folder.join("database.db");
        self.write_input(&input)?;
        self.import(folder, &data, &input)?;
        std::fs::remove_file(&input)?;
        let (files, bytes) = disk::files(&data.join("log"))?;
        self.plain(folder, &files, bytes)?;
        self.verify(folder, &data, &files, bytes)?;
        for cold in [true, false] {
            if cold {
                disk::forget(&files)?;
            }
            let server = self.start(&data, cold)?;
            if !cold {
                // The requests before have left most of it on the disk.
                disk::read(&files)?;
            }
            let done = match cold {
                true => self.ask_cold(&server, &files),
                false => self.ask_all(&server),
            };
            match done {
                Ok(()) => server.stop()?,
                Err(error) => return Err(server.explain(error)),
            }
        }
        Ok(())
    }

    fn write_input(&self, input: &Path) -> Result<()> {
        let bar = progress("records made", self.model.records.into());
        let mut out = BufWriter::with_capacity(1 << 20, File::create(input)?);
        self.model.write(&mut out, |n| bar.set_position(n.into()))?;
        bar.finish_and_clear();
        // What is written back meanwhile would be counted as the import's.
        out.get_ref().sync_all()?;
        Ok(())
    }

    fn import(&mut self, folder: &Path, data: &Path, input: &Path) -> Result<()> {
        let name = input.to_str().context("a path that is no UTF-8")?;
        let ended = self.command(folder, data, &["import", name])?;
        let expected = format!(
            "imported {0}, blank 0, rejected 0, names repaired 0, ids 1..{0}\n",
            self.model.records
        );
        ensure!(
            ended.text.starts_with(&expected),
            "expected {expected}, got {}",
            ended.text
        );
        let bytes = disk::files(&data.join("log"))?.1;
        self.add_command("log import", &ended, bytes);
        Ok(())
    }

    /// What the disk does for a program that does nothing.
    fn plain(&mut self, folder: &Path, files: &[PathBuf], bytes: u64) -> Result<()> {
        let written = bytes.min(PLAIN_BYTES_MAX);
        let write = disk::write(folder, written)?;
        disk::forget(files)?;
        let (cold, warm) = (disk::read(files)?, disk::read(files)?);
        let mb = |bytes: u64, seconds: f64| bytes as f64 / 1e6 / seconds;
        self.add("plain files", "bytes of the log", "MB", bytes as f64 / 1e6);
        self.add("plain files", "write and sync", "MB/s", mb(written, write));
        self.add("plain files", "read from the disk", "MB/s", mb(bytes, cold));
        self.add("plain files", "read from memory", "MB/s", mb(bytes, warm));
        Ok(())
    }

    fn verify(&mut self, folder: &Path, data: &Path, files: &[PathBuf], bytes: u64) -> Result<()> {
        for (name, cold) in [("log verify, cold", true), ("log verify, warm", false)] {
            if cold {
                disk::forget(files)?;
            }
            let ended = self.command(folder, data, &["verify"])?;
            let text = &ended.text;
            let expected = format!("records {0}, ids 1 to {0},", self.model.records);
            ensure!(
                text.contains(&expected) && text.ends_with("clean\n"),
                "expected {expected} ... clean, got {text}"
            );
            self.add_command(name, &ended, bytes);
        }
        Ok(())
    }

    /// Runs `gencomm log ...` to its end.
    fn command(&self, folder: &Path, data: &Path, arguments: &[&str]) -> Result<Ended> {
        let output = folder.join("output");
        let began = Instant::now();
        let child = Command::new(self.binary)
            .args(["--config"])
            .arg(folder)
            .args(["log", "--data"])
            .arg(data)
            .args(arguments)
            .env("GENCOMM__STORAGE__DURABILITY", self.durability)
            .stdin(Stdio::null())
            .stdout(File::create(&output)?)
            .spawn()
            .with_context(|| format!("{} cannot be started", self.binary.display()))?;
        let memory = watch_memory(Process(child.id()));
        let used = sys::wait_for(child.id())?;
        let wall = began.elapsed();
        let resident_kib_max = memory.join().unwrap_or_default();
        let text = std::fs::read_to_string(&output)?;
        ensure!(
            used.success,
            "gencomm log {} failed: {text}",
            arguments.join(" ")
        );
        Ok(Ended {
            text,
            wall,
            cpu: used.cpu,
            resident_kib_max,
        })
    }

    fn start(&mut self, data: &Path, cold: bool) -> Result<Server> {
        let settings = [(
            "SERVER__DATA_DIR",
            data.to_str().context("a path that is no UTF-8")?.to_owned(),
        )];
        let server = Server::start_prepared(self.source, self.durability, &settings, |_| Ok(()))?;
        first_log_in(server.address).map_err(|error| server.explain(error))?;
        let (name, until) = match cold {
            true => ("start-up, cold", server.began.elapsed()),
            false => ("start-up, warm", server.began.elapsed()),
        };
        let cpu = server.process.cpu()?.as_secs_f64();
        let resident = server.process.resident_kib()? as f64 / 1024.0;
        self.add(
            name,
            "first log-in answered after",
            "s",
            until.as_secs_f64(),
        );
        self.add(name, "CPU until then", "s", cpu);
        self.add(name, "resident memory then", "MiB", resident);
        Ok(server)
    }

    fn ask_cold(&mut self, server: &Server, files: &[PathBuf]) -> Result<()> {
        disk::forget(files)?;
        self.ask(server, Kind::After, "log not in memory", false)
    }

    fn ask_all(&mut self, server: &Server) -> Result<()> {
        for kind in Kind::ALL {
            self.ask(server, kind, "one at a time", false)?;
            let at_once = format!("{} at a time", self.options.connections);
            self.ask(server, kind, &at_once, true)?;
        }
        let resident = server.process.resident_kib()? as f64 / 1024.0;
        self.add(
            "start-up, warm",
            "resident memory after all requests",
            "MiB",
            resident,
        );
        Ok(())
    }

    fn ask(&mut self, server: &Server, kind: Kind, how: &str, together: bool) -> Result<()> {
        let (count, connections) = (self.options.requests, self.options.connections);
        let before = server.process.cpu()?;
        let began = Instant::now();
        let timed = ask(
            &self.model,
            server.address,
            kind,
            count,
            connections.min(count),
            together,
        )?;
        let wall = began.elapsed();
        let cpu = server.process.cpu()?.saturating_sub(before);
        let name = format!("{}, {how}", kind.name());
        let micros = |quantile| timed.times.value_at_quantile(quantile) as f64 / 1e3;
        self.add(&name, "p50", "us", micros(0.5));
        self.add(&name, "p99", "us", micros(0.99));
        self.add(&name, "p99.9", "us", micros(0.999));
        self.add(
            &name,
            "requests",
            "1/s",
            f64::from(count) / wall.as_secs_f64(),
        );
        let each = cpu.as_secs_f64() * 1e6 / f64::from(count);
        self.add(&name, "server CPU", "us per request", each);
        let lines = timed.lines as f64 / f64::from(count);
        self.add(&name, "messages", "per request", lines);
        Ok(())
    }

    fn add_command(&mut self, what: &str, ended: &Ended, bytes: u64) {
        let records = f64::from(self.model.records);
        let (wall, cpu) = (ended.wall.as_secs_f64(), ended.cpu.as_secs_f64());
        self.add(what, "records", "1/s", records / wall);
        self.add(what, "bytes of the log", "MB/s", bytes as f64 / 1e6 / wall);
        self.add(what, "wall clock", "s", wall);
        self.add(what, "CPU", "us per record", cpu * 1e6 / records);
        self.add(what, "cores in use", "", cpu / wall);
        let most = ended.resident_kib_max as f64 / 1024.0;
        self.add(what, "resident memory at most", "MiB", most);
    }

    fn add(&mut self, what: &str, name: &'static str, unit: &'static str, value: f64) {
        let workload = format!("{}, {what}", self.size);
        let at = self.rows.iter().position(|row| row.workload == workload);
        let at = at.unwrap_or_else(|| {
            let sizes = [
                ("records", u64::from(self.model.records)),
                ("rooms", u64::from(self.options.rooms)),
            ];
            self.rows
                .push(Row::new("past", workload).with_sizes(&sizes));
            self.rows.len() - 1
        });
        self.rows[at].add(name, unit, value);
    }
}
