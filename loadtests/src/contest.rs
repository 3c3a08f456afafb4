//! Ours and other servers with the same workload, in turn: what one run is given by the machine, the next is given too.
//!
//! In: a workload and who takes part. Out: what each came to, and a table that shows them beside each other.

use std::fmt::Write;

use anyhow::{Result, ensure};

use crate::driver::Driver;
use crate::driver::gencomm::Gencomm;
use crate::driver::irc::Irc;
use crate::driver::mqtt::Mqtt;
use crate::driver::nats::Nats;
use crate::driver::redis::Redis;
use crate::peer::Peer;
use crate::report::{Row, short};
use crate::scenario::{Bench, Scenario};
use crate::server::Source;

/// What our server is called in reports.
const OURS: &str = "gencomm";
/// What a peer's messages survive.
const DURABILITY_OF_PEERS: &str = "none";

/// What holds for everybody who takes part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) durability: &'static str,
    pub(crate) runs: u32,
    pub(crate) descriptors: u64,
}

/// What a server came to.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) server: String,
    pub(crate) durability: &'static str,
    pub(crate) rows: Vec<Row>,
}

/// One who takes part.
struct Contestant {
    source: Source,
    name: String,
    rows: Vec<Row>,
    failed: Option<anyhow::Error>,
}

/// Runs `scenario` against each source: alone all runs in one go, else each in turn, anew for each run. Who fails is left out from then
/// on and named in the second result.
pub(crate) fn run(
    scenario: &Scenario,
    sources: Vec<Source>,
    settings: Settings,
) -> Result<(Vec<Measured>, Vec<anyhow::Error>)> {
    let mut contestants = Vec::new();
    for source in sources {
        let name = match &source {
            Source::Peer(peer) => {
                ensure!(
                    scenario.suits_peers(),
                    "this workload is about what only our server has; other servers can take part in idle, fanout, single, rooms and latency"
                );
                peer.find()?
            }
            Source::Binary { .. } | Source::Running { .. } => OURS.to_owned(),
        };
        contestants.push(Contestant {
            source,
            name,
            rows: Vec::new(),
            failed: None,
        });
    }
    let rounds = match contestants.len() {
        1 => 1,
        _ => settings.runs,
    };
    for _ in 0..rounds {
        for contestant in contestants.iter_mut().filter(|who| who.failed.is_none()) {
            let settings = Settings {
                runs: settings.runs / rounds,
                ..settings
            };
            match one(scenario, contestant, settings) {
                Ok(rows) => merge(&mut contestant.rows, rows),
                Err(error) => {
                    contestant.failed = Some(error.context(contestant.name.clone()));
                }
            }
        }
    }
    let (mut measured, mut failed) = (Vec::new(), Vec::new());
    for contestant in contestants {
        let durability = durability_of(&contestant.source, settings);
        if !contestant.rows.is_empty() {
            measured.push(Measured {
                server: contestant.name,
                durability,
                rows: contestant.rows,
            });
        }
        failed.extend(contestant.failed);
    }
    Ok((measured, failed))
}

fn durability_of(source: &Source, settings: Settings) -> &'static str {
    match source {
        Source::Peer(_) => DURABILITY_OF_PEERS,
        Source::Binary { .. } | Source::Running { .. } => settings.durability,
    }
}

fn one(scenario: &Scenario, contestant: &Contestant, settings: Settings) -> Result<Vec<Row>> {
    match contestant.source {
        Source::Binary { .. } | Source::Running { .. } => {
            with(Gencomm, scenario, contestant, settings)
        }
        Source::Peer(Peer::Redis) => with(Redis, scenario, contestant, settings),
        Source::Peer(Peer::Ngircd | Peer::Inspircd) => with(Irc, scenario, contestant, settings),
        Source::Peer(Peer::Nats) => with(Nats, scenario, contestant, settings),
        Source::Peer(Peer::Mosquitto) => with(Mqtt, scenario, contestant, settings),
    }
}

fn with<D: Driver + Copy>(
    driver: D,
    scenario: &Scenario,
    contestant: &Contestant,
    settings: Settings,
) -> Result<Vec<Row>> {
    let bench = Bench {
        driver,
        source: contestant.source.clone(),
        server_name: contestant.name.clone(),
        durability: durability_of(&contestant.source, settings),
        runs: settings.runs,
        descriptors: settings.descriptors,
    };
    scenario.run(&bench)
}

/// Adds the runs of `more` to those of the same workload and figure.
fn merge(rows: &mut Vec<Row>, more: Vec<Row>) {
    for row in more {
        let known = rows.iter_mut().find(|known| is_same(known, &row));
        let Some(known) = known else {
            rows.push(row);
            continue;
        };
        for figure in row.figures {
            for value in figure.runs {
                known.add(figure.name, figure.unit, value);
            }
        }
    }
}

fn is_same(one: &Row, other: &Row) -> bool {
    one.scenario == other.scenario && one.workload == other.workload
}

/// Medians beside each other, and behind each of the others how many times the first one's it is.
pub(crate) fn table(measured: &[Measured]) -> String {
    let Some((first, others)) = measured.split_first() else {
        return String::new();
    };
    let mut head = vec![
        "workload".to_owned(),
        "figure".to_owned(),
        "unit".to_owned(),
    ];
    head.extend(
        measured
            .iter()
            .map(|who| format!("{} ({})", who.server, who.durability)),
    );
    let mut lines = vec![head];
    for row in &first.rows {
        for figure in &row.figures {
            let mut line = vec![
                format!("{}: {}", row.scenario, row.workload),
                figure.name.to_owned(),
                figure.unit.to_owned(),
                short(figure.median()),
            ];
            for other in others {
                let row = other.rows.iter().find(|theirs| is_same(theirs, row));
                let theirs = row.and_then(|row| {
                    let mut figures = row.figures.iter();
                    figures.find(|theirs| theirs.name == figure.name)
                });
                line.push(match theirs {
                    Some(theirs) => {
                        let ratio = theirs.median() / figure.median();
                        format!("{} (x {})", short(theirs.median()), short(ratio))
                    }
                    None => "-".to_owned(),
                });
            }
            lines.push(line);
        }
    }
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].len())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..3 + measured.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            // Writing to a String cannot fail.
            let _ = match column {
                0..3 => write!(text, "{cell:<width$}  "),
                _ => write!(text, "{cell:>width$}  "),
            };
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: f64) -> Row {
        let mut row = Row::new("fanout", "tiny".to_owned());
        row.add("deliveries", "1/s", value);
        row
    }

    #[test]
    fn runs_are_put_together_and_shown_beside_each_other() {
        let mut rows = Vec::new();
        for value in [10.0, 30.0, 20.0] {
            merge(&mut rows, vec![row(value)]);
        }
        assert_eq!((rows.len(), rows[0].figures[0].runs.len()), (1, 3));
        let measured = |server: &str, rows| Measured {
            server: server.to_owned(),
            durability: "none",
            rows,
        };
        let all = [
            measured("gencomm", rows),
            measured("redis 7", vec![row(5.0)]),
            measured("nothing", Vec::new()),
        ];
        let text = table(&all);
        let line = text.lines().nth(1).unwrap();
        assert!(
            line.contains("20.0") && line.contains("5.00 (x 0.250)"),
            "{text}"
        );
        assert!(line.ends_with(" -"), "{text}");
        assert_eq!(table(&[]), "");
    }
}
