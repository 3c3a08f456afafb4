//! Everybody comes back at once, each with the token of an earlier log-in, as after a restart.
//!
//! Nobody is exempt from rates and counts here, and few come from each address: the server has all the work that it would have with clients
//! of the world out there, but for TLS.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;

use super::idle::settled;
use super::{Bench, Meter, progress};
use crate::crowd::{Crowd, Heard, address_of};
use crate::driver::Driver;
use crate::people::{People, room_name};
use crate::report::Row;
use crate::server::Server;

/// How long it may take until everybody is in.
const DEADLINE: Duration = Duration::from_secs(120);
const TURN: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Clients, each with an account of its own
    #[arg(long, default_value_t = 15_000, value_parser = clap::value_parser!(u32).range(1..=500_000))]
    clients: u32,
    /// Each also joins a room, in the same write
    #[arg(long)]
    join: bool,
    /// Rooms that they are spread over [default: a room for each]
    #[arg(long, requires = "join", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rooms: Option<u32>,
    /// Connections that are under way at a time: fewer than what waits before the server's door (its backlog)
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    at_once: u32,
}

/// How far a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    LoggedIn,
    Done,
}

pub(super) fn run<D: Driver + Copy>(bench: &Bench<D>, options: &Options) -> Result<Vec<Row>> {
    let clients = options.clients as usize;
    bench.ensure_descriptors(clients)?;
    let rooms = match options.join {
        false => 0,
        true => options
            .rooms
            .unwrap_or(options.clients)
            .min(options.clients) as usize,
    };
    let bar = progress("accounts", clients as u64);
    let people = People::make(clients, rooms, |made| bar.set_position(made as u64))?;
    bar.finish_and_clear();
    let how = match rooms {
        0 => format!("{clients} clients"),
        rooms => format!("{clients} clients into {rooms} rooms"),
    };
    let mut row =
        Row::new("resume", how).with_sizes(&[("clients", clients as u64), ("rooms", rooms as u64)]);
    let settings = [("LIMITS__EXEMPT", String::new())];
    // Accounts are to be new to the server, so each run has its own.
    for _ in 0..bench.runs {
        let put = |data: &std::path::Path| people.put_into(data);
        let server = Server::start_prepared(&bench.source, bench.durability, &settings, put)?;
        let done = one(options, &server, &people, rooms, &mut row);
        match done {
            Ok(()) => server.stop()?,
            Err(error) => return Err(server.explain(error)),
        }
    }
    Ok(vec![row])
}

fn one(
    options: &Options,
    server: &Server,
    people: &People,
    rooms: usize,
    row: &mut Row,
) -> Result<()> {
    let clients = people.people.len();
    let before = settled(server.process, || Ok(()))?;
    let words: Vec<_> = (0..clients)
        .map(|number| words(people, number, rooms))
        .collect();
    let mut crowd = Crowd::new(server.address)?;
    let bar = progress("log-ins", clients as u64);
    let meter = Meter::start(server)?;
    come_back(options, &mut crowd, people, words, rooms, |done| {
        bar.set_position(done as u64);
    })?;
    let spent = meter.stop()?;
    bar.finish_and_clear();
    let after = settled(server.process, || listen(&mut crowd))?;
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
    row.add("until the last OK", "s", spent.wall.as_secs_f64());
    row.add("log-ins", "1/s", log_ins / spent.wall.as_secs_f64());
    row.add(
        "server memory",
        "KiB per client",
        after.saturating_sub(before) as f64 / log_ins,
    );
    refuse_forged(&mut crowd, people)
}

/// What a client says as soon as it is connected.
fn words(people: &People, number: usize, rooms: usize) -> Vec<u8> {
    let token = STANDARD.encode(&people.people[number].token);
    let mut words = format!("AUTH;a;TOKEN;{token}\n");
    if rooms > 0 {
        words += &format!("JOIN;j;{}\n", room_name(number % rooms));
    }
    words.into_bytes()
}

fn come_back(
    options: &Options,
    crowd: &mut Crowd,
    people: &People,
    words: Vec<Vec<u8>>,
    rooms: usize,
    mut tick: impl FnMut(usize),
) -> Result<()> {
    let deadline = Instant::now() + DEADLINE;
    let clients = words.len();
    let mut places = vec![Place::Outside; clients];
    let (mut words, mut heard) = (words.into_iter().enumerate(), Vec::new());
    let (mut come, mut done) = (0, 0);
    while done < clients {
        while come - done < options.at_once as usize {
            let Some((number, words)) = words.next() else {
                break;
            };
            crowd.open(number, address_of(number)?, words)?;
            come += 1;
        }
        crowd.turn(TURN, &mut heard)?;
        for (number, what) in heard.drain(..) {
            let Heard::Line(line) = what else {
                bail!("the server closed the connection of client {number}");
            };
            places[number] = next_place(places[number], &line, people, number, rooms)
                .with_context(|| format!("client {number}"))?;
            done += usize::from(places[number] == Place::Done);
        }
        tick(done);
        ensure!(
            Instant::now() < deadline,
            "deadline passed: {done} of {clients} clients are back"
        );
    }
    Ok(())
}

/// Where a client is after this line, which has to be the answer it waits for.
fn next_place(
    place: Place,
    line: &[u8],
    people: &People,
    number: usize,
    rooms: usize,
) -> Result<Place> {
    let line = std::str::from_utf8(line).context("a line that is not UTF-8")?;
    match place {
        Place::Outside => {
            let name = &people.people[number].name;
            let token = line.strip_prefix(&format!("OK;a;{name};"));
            ensure!(
                token.is_some_and(|token| token.starts_with("gcr_")),
                "expected to be let in as {name} with a new token, got {line}"
            );
            Ok(match rooms {
                0 => Place::Done,
                _ => Place::LoggedIn,
            })
        }
        Place::LoggedIn => {
            let expected = format!("OK;j;{};0", room_name(number % rooms));
            ensure!(line == expected, "expected {expected}, got {line}");
            Ok(Place::Done)
        }
        Place::Done => bail!("got a line that nobody asked for: {line}"),
    }
}

/// Nobody is to be told anything; whoever is asked whether it lives says so.
fn listen(crowd: &mut Crowd) -> Result<()> {
    let mut heard = Vec::new();
    crowd.turn(Duration::ZERO, &mut heard)?;
    for (number, what) in heard {
        match what {
            Heard::Line(line) if line.starts_with(b"PING;") => {
                let pong = [b"PONG", &line[4..], b"\n"].concat();
                crowd.say(number, &pong)?;
            }
            other => bail!("client {number} was to be left alone, but: {other:?}"),
        }
    }
    Ok(())
}

/// What is measured has to be a check: the token of one, with a letter changed, is nobody's.
fn refuse_forged(crowd: &mut Crowd, people: &People) -> Result<()> {
    let mut forged = people.people[0].token.clone().into_bytes();
    let middle = forged.len() / 2;
    forged[middle] = match forged[middle] {
        b'A' => b'B',
        _ => b'A',
    };
    let number = people.people.len();
    let words = format!("AUTH;a;TOKEN;{}\n", STANDARD.encode(&forged));
    crowd.open(number, address_of(number)?, words.into_bytes())?;
    let (deadline, mut heard) = (Instant::now() + DEADLINE, Vec::new());
    while Instant::now() < deadline {
        crowd.turn(TURN, &mut heard)?;
        if let Some((_, what)) = heard.drain(..).find(|(who, _)| *who == number) {
            let is_refused =
                matches!(&what, Heard::Line(line) if line.starts_with(b"ERR;a;unauthenticated;"));
            ensure!(
                is_refused,
                "a forged token was not refused; the server said {what:?}"
            );
            return Ok(());
        }
    }
    bail!("a forged token got no answer")
}
