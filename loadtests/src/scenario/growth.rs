//! The same workloads at several sizes: what grows with readers, rooms and clients, and what does not.
//!
//! Each series is another scenario with one of its sizes changed; what that one prints for a single size, this one keeps as a point.

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use super::{Bench, fanout, idle, rooms, single};
use crate::driver::Driver;
use crate::report::{Outcome, Row, Series};

const BODY_BYTES: u32 = 64;
/// Members of each room, in the series of rooms.
const MEMBERS: u32 = 10;
/// Deliveries of a run in `single`, and messages of a run in all rooms: about as many at every size, so that none takes too long, and none is over
/// before anything can be measured.
const SINGLE_DELIVERIES: u32 = 500_000;
const ROOMS_MESSAGES: u32 = 40_000;

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Which series [default: all of them]
    #[arg(long, value_enum, value_delimiter = ',')]
    of: Vec<Of>,
    /// Readers, in fanout and single
    #[arg(long, value_delimiter = ',', default_value = "1000,2000,5000,10000", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    readers: Vec<u32>,
    /// Rooms of ten
    #[arg(long, value_delimiter = ',', default_value = "1,10,100,1000", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rooms: Vec<u32>,
    /// Clients that say nothing
    #[arg(long, value_delimiter = ',', default_value = "1000,5000,10000,19000", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    clients: Vec<u32>,
    /// Messages of each run of fanout
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    messages: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Of {
    /// One sender flat out, more and more readers
    Fanout,
    /// One message in flight, more and more readers
    Single,
    /// More and more rooms of ten that talk in turn
    Rooms,
    /// More and more clients that say nothing
    Clients,
}

pub(super) fn run<D: Driver + Copy>(bench: &Bench<D>, options: &Options) -> Result<Outcome> {
    let all = [Of::Fanout, Of::Single, Of::Rooms, Of::Clients];
    let asked = |of: &Of| options.of.is_empty() || options.of.contains(of);
    let series = all.into_iter().filter(asked).map(|of| match of {
        Of::Fanout => fanout(bench, options),
        Of::Single => single(bench, options),
        Of::Rooms => rooms(bench, options),
        Of::Clients => clients(bench, options),
    });
    Ok(Outcome {
        rows: Vec::new(),
        series: series.collect::<Result<_>>()?,
    })
}

fn fanout<D: Driver + Copy>(bench: &Bench<D>, options: &Options) -> Result<Series> {
    let mut series = Series::new("fanout by readers", "readers");
    for &readers in &options.readers {
        let options = fanout::Options {
            senders: Some(1),
            readers: Some(readers),
            messages: options.messages,
            body_bytes: BODY_BYTES,
        };
        let rows = fanout::run(bench, &options).with_context(|| format!("{readers} readers"))?;
        take(&mut series, readers, &rows, &["server CPU", "deliveries"]);
    }
    Ok(series)
}

fn single<D: Driver + Copy>(bench: &Bench<D>, options: &Options) -> Result<Series> {
    let mut series = Series::new("single by readers", "readers");
    for &readers in &options.readers {
        let options = single::Options {
            readers,
            messages: (SINGLE_DELIVERIES / readers).clamp(50, 500),
            body_bytes: BODY_BYTES,
        };
        let rows = single::run(bench, &options).with_context(|| format!("{readers} readers"))?;
        let figures = ["server CPU", "to the last reader, p99"];
        take(&mut series, readers, &rows, &figures);
    }
    Ok(series)
}

fn rooms<D: Driver + Copy>(bench: &Bench<D>, options: &Options) -> Result<Series> {
    let mut series = Series::new("rooms of ten by rooms", "rooms");
    for &count in &options.rooms {
        let options = rooms::Options {
            rooms: count,
            members: MEMBERS,
            messages: (ROOMS_MESSAGES / count).clamp(40, 2000),
            body_bytes: BODY_BYTES,
        };
        let rows = rooms::run(bench, &options).with_context(|| format!("{count} rooms"))?;
        let figures = ["server CPU", "deliveries", "to the last member, p99"];
        take(&mut series, count, &rows, &figures);
    }
    Ok(series)
}

fn clients<D: Driver + Copy>(bench: &Bench<D>, options: &Options) -> Result<Series> {
    let mut series = Series::new("idle by clients", "clients");
    for &clients in &options.clients {
        let options = idle::Options {
            clients,
            rooms: Some(1),
        };
        let rows = idle::run(bench, &options).with_context(|| format!("{clients} clients"))?;
        let figures = ["server memory", "server CPU", "kernel objects of a socket"];
        take(&mut series, clients, &rows, &figures);
    }
    Ok(series)
}

/// Takes the named figures of `rows` as the point at `x`.
fn take(series: &mut Series, x: u32, rows: &[Row], names: &[&str]) {
    let figures = rows.iter().flat_map(|row| &row.figures);
    for figure in figures.filter(|figure| names.contains(&figure.name.as_str())) {
        for &run in &figure.runs {
            series.add(f64::from(x), &figure.name, &figure.unit, run);
        }
    }
}
