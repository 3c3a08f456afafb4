//! Sockets that say nothing, re-opened as often as the server closes them, and a flood of log-ins with wrong passwords from one
//! address. Meanwhile a client that is logged in sends PINGs at a steady rate: how late is each answer?
//!
//! Counted from the moment at which the PING was to be sent. Its client is on a thread of its own, so that what the besiegers do holds it up
//! no more than it would from another machine; they all share the cores with the server, though.

mod flood;
mod pinger;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use clap::Args;

use super::idle::settled;
use super::{Bench, Meter, add_delays, progress};
use crate::crowd::{Crowd, Heard, address_of};
use crate::driver::Driver;
use crate::people::People;
use crate::report::Row;
use crate::server::Server;
use flood::Flood;
use pinger::ping;

/// Accounts: the one that pings, and those whose passwords are guessed.
const PEOPLE: usize = 100;
/// Clients that come and go before memory is looked at: what the server has once for all of them is not to be counted for the sockets.
const WARM_UP: usize = 16;
/// How long a silent socket may be there, beyond `auth.deadline`, before the run fails. Far more than the target: time is a figure here, not
/// a check.
const PATIENCE: Duration = Duration::from_secs(30);
/// Memory has settled when it stayed the same for so many looks.
const LOOKS: u32 = 4;
const LOOK_EVERY: Duration = Duration::from_millis(100);
const TURN: Duration = Duration::from_millis(2);

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Sockets that say nothing
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=500_000))]
    silent: u32,
    /// Attempts to log in with a wrong password, a second
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    attempts: u32,
    /// PINGs a second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pings: u32,
    /// How long it goes on
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// The server's auth.deadline, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    deadline: u32,
    /// Who is free of rates; without this, two workloads: nobody, and as by default this machine
    #[arg(long, value_enum)]
    exempt: Option<Exempt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Exempt {
    /// Nobody
    Nobody,
    /// This machine, with the besiegers
    Loopback,
}

impl Options {
    fn settings(&self, exempt: Exempt) -> Vec<(&'static str, String)> {
        let mut settings = vec![("AUTH__DEADLINE", format!("{}s", self.deadline))];
        if exempt == Exempt::Nobody {
            settings.push(("LIMITS__EXEMPT", String::new()));
            // The client that pings is no guest of the rates either, and does more than a person would.
            settings.push(("LIMITS__COMMANDS_PER_SECOND", "0".to_owned()));
        }
        settings
    }
}

pub(super) fn run<D: Driver + Copy>(bench: &Bench<D>, options: &Options) -> Result<Vec<Row>> {
    let silent = options.silent as usize;
    bench.ensure_descriptors(silent + options.attempts as usize)?;
    let people = People::make(PEOPLE, 0, |_| ())?;
    let mut rows = Vec::new();
    for (exempt, name) in [(Exempt::Nobody, "nobody"), (Exempt::Loopback, "loopback")] {
        if options.exempt.is_some_and(|asked| asked != exempt) {
            continue;
        }
        let mut row = Row::new("siege", format!("{silent} silent, exempt: {name}")).with_sizes(&[
            ("silent", options.silent.into()),
            ("attempts", options.attempts.into()),
            ("pings", options.pings.into()),
        ]);
        for _ in 0..bench.runs {
            let server = Server::start_prepared(
                &bench.source,
                bench.durability,
                &options.settings(exempt),
                |data| people.put_into(data),
            )?;
            match one(options, &server, &people, &mut row) {
                Ok(()) => server.stop()?,
                Err(error) => return Err(server.explain(error)),
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

fn one(options: &Options, server: &Server, people: &People, row: &mut Row) -> Result<()> {
    let mut silent = Silent::new(options, server)?;
    silent.warm_up()?;
    let before = settled(server.process, || Ok(()))?;
    silent.open_all()?;
    let after = settled_by(server, Instant::now() + silent.life / 2)?;
    let sockets = f64::from(options.silent);
    row.add(
        "server memory",
        "KiB per silent socket",
        after.saturating_sub(before) as f64 / sockets,
    );
    let life = Duration::from_secs(options.seconds.into());
    let meter = Meter::start(server)?;
    let (is_over, rate) = (Arc::new(AtomicBool::new(false)), options.pings);
    let pings = {
        let (is_over, address) = (is_over.clone(), server.address);
        // Nobody else comes from there.
        let (source, person) = (address_of(silent.count + 100)?, &people.people[0]);
        let words = pinger::log_in(person);
        std::thread::spawn(move || ping(address, source, words, rate, life, &is_over))
    };
    let besieged = besiege(options, server, people, &mut silent, &pings);
    is_over.store(true, Ordering::Relaxed);
    let pings = pings
        .join()
        .map_err(|_| anyhow!("the client that pings panicked"))?;
    let answered = besieged?;
    let delays = pings?;
    let spent = meter.stop()?;
    add_delays(row, "PING, ", &delays);
    row.add("PINGs answered", "", delays.len() as f64);
    row.add(
        "server cores in use",
        "",
        spent.server_cpu.as_secs_f64() / spent.wall.as_secs_f64(),
    );
    for (name, count) in answered {
        row.add(name, "attempts", count as f64);
    }
    row.add("silent sockets re-opened", "", silent.reopened as f64);
    silent.wait_until_gone()?;
    row.add("oldest silent socket", "s", silent.oldest.as_secs_f64());
    Ok(())
}

/// Goes on until the pings are done; returns what was answered to the attempts.
fn besiege<T>(
    options: &Options,
    server: &Server,
    people: &People,
    silent: &mut Silent,
    pings: &std::thread::JoinHandle<T>,
) -> Result<Vec<(&'static str, u64)>> {
    let bar = progress("siege", u64::from(options.seconds));
    let mut flood = Flood::new(server.address, options.attempts, silent.count + 200)?;
    let begun = Instant::now();
    // If the pings have ended early, their thread says why.
    while !pings.is_finished() {
        silent.turn(TURN, true)?;
        flood.turn(people)?;
        bar.set_position(begun.elapsed().as_secs());
    }
    bar.finish_and_clear();
    flood.finish()
}

/// Memory when it has settled, or at `end`: by then the first of the sockets may be closed.
fn settled_by(server: &Server, end: Instant) -> Result<u64> {
    let (mut last, mut same) = (server.process.resident_kib()?, 0);
    while same < LOOKS && Instant::now() < end {
        std::thread::sleep(LOOK_EVERY);
        let now = server.process.resident_kib()?;
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    Ok(last)
}

/// Sockets that say nothing.
struct Silent {
    crowd: Crowd,
    count: usize,
    life: Duration,
    reopened: u64,
    /// How long the oldest one was let be.
    oldest: Duration,
}

impl Silent {
    fn new(options: &Options, server: &Server) -> Result<Self> {
        Ok(Self {
            crowd: Crowd::new(server.address)?,
            count: options.silent as usize,
            life: Duration::from_secs(options.deadline.into()),
            reopened: 0,
            oldest: Duration::ZERO,
        })
    }

    fn open(&mut self, number: usize) -> Result<()> {
        self.crowd.open(number, address_of(number)?, Vec::new())
    }

    fn open_all(&mut self) -> Result<()> {
        for number in 0..self.count {
            self.open(number)?;
        }
        Ok(())
    }

    /// Some that come, say BYE and go.
    fn warm_up(&mut self) -> Result<()> {
        for number in 0..WARM_UP {
            self.crowd
                .open(number, address_of(number)?, b"BYE;a\n".to_vec())?;
        }
        let (deadline, mut heard) = (Instant::now() + PATIENCE, Vec::new());
        while self.crowd.open_sockets() > 0 {
            self.crowd.turn(TURN, &mut heard)?;
            ensure!(
                Instant::now() < deadline,
                "clients that said BYE are still there"
            );
        }
        Ok(())
    }

    /// Whoever is closed is opened again, if that is asked for.
    fn turn(&mut self, timeout: Duration, reopen: bool) -> Result<()> {
        let mut heard = Vec::new();
        self.crowd.turn(timeout, &mut heard)?;
        for (number, what) in heard {
            match what {
                // It is told why.
                Heard::Line(line) if line.starts_with(b"BYE;") || line.starts_with(b"ERR;;") => {}
                Heard::Line(line) => bail!(
                    "a socket that said nothing was told {}",
                    String::from_utf8_lossy(&line)
                ),
                Heard::Closed(life) => {
                    self.oldest = self.oldest.max(life);
                    ensure!(
                        life >= self.life / 2,
                        "a silent socket was closed after {life:?} already"
                    );
                    if reopen {
                        self.open(number)?;
                        self.reopened += 1;
                    }
                }
            }
        }
        Ok(())
    }

    fn wait_until_gone(&mut self) -> Result<()> {
        let deadline = Instant::now() + self.life + PATIENCE;
        while self.crowd.open_sockets() > 0 {
            self.turn(TURN, false)?;
            ensure!(
                Instant::now() < deadline,
                "{} of {} silent sockets are still there",
                self.crowd.open_sockets(),
                self.count
            );
        }
        Ok(())
    }
}
