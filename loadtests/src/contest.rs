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
use crate::report::{self, Outcome, Row, short};
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

/// One who takes part.
#[derive(Debug)]
pub(crate) struct Contestant {
    source: Source,
    name: String,
}

/// What a server came to.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) server: String,
    pub(crate) durability: &'static str,
    pub(crate) outcome: Outcome,
}

/// Who takes part in `scenario`, if all of them can.
pub(crate) fn enter(scenario: &Scenario, sources: Vec<Source>) -> Result<Vec<Contestant>> {
    let enter = |source| {
        let name = match &source {
            Source::Peer(peer) => {
                ensure!(
                    scenario.suits_peers(),
                    "this workload is about what only our server has; other servers can take part in idle, fanout, single, rooms, latency and growth"
                );
                peer.find()?
            }
            Source::Binary { .. } | Source::Running { .. } => OURS.to_owned(),
        };
        Ok(Contestant { source, name })
    };
    sources.into_iter().map(enter).collect()
}

/// Runs `scenario` against each: alone all runs in one go, else each in turn, anew for each run. Who fails is left out from then on;
/// the second result says why.
pub(crate) fn run(
    scenario: &Scenario,
    contestants: &[Contestant],
    settings: Settings,
) -> (Vec<Measured>, Vec<anyhow::Error>) {
    let rounds = match contestants.len() {
        1 => 1,
        _ => settings.runs,
    };
    let settings = Settings {
        runs: settings.runs / rounds,
        ..settings
    };
    let mut outcomes: Vec<_> = contestants.iter().map(|_| Ok(Outcome::default())).collect();
    for _ in 0..rounds {
        for (contestant, outcome) in contestants.iter().zip(&mut outcomes) {
            let Ok(so_far) = outcome else {
                continue;
            };
            match one(scenario, contestant, settings) {
                Ok(more) => merge(so_far, more),
                // A median of fewer runs than the others' would not show that.
                Err(error) => *outcome = Err(error.context(contestant.name.clone())),
            }
        }
    }
    let (mut measured, mut failed) = (Vec::new(), Vec::new());
    for (contestant, outcome) in contestants.iter().zip(outcomes) {
        match outcome {
            Ok(outcome) => measured.push(Measured {
                server: contestant.name.clone(),
                durability: durability_of(&contestant.source, settings),
                outcome,
            }),
            Err(error) => failed.push(error),
        }
    }
    (measured, failed)
}

fn durability_of(source: &Source, settings: Settings) -> &'static str {
    match source {
        Source::Peer(_) => DURABILITY_OF_PEERS,
        Source::Binary { .. } | Source::Running { .. } => settings.durability,
    }
}

fn one(scenario: &Scenario, contestant: &Contestant, settings: Settings) -> Result<Outcome> {
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
) -> Result<Outcome> {
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

/// Adds the runs of `more` to those of the same workload and figure, or of the same place in a series.
fn merge(all: &mut Outcome, more: Outcome) {
    for row in more.rows {
        let Some(known) = all.rows.iter_mut().find(|known| is_same(known, &row)) else {
            all.rows.push(row);
            continue;
        };
        for figure in row.figures {
            for value in figure.runs {
                known.add(&figure.name, &figure.unit, value);
            }
        }
    }
    for series in more.series {
        let known = all.series.iter_mut();
        let Some(known) = known.into_iter().find(|known| known.name == series.name) else {
            all.series.push(series);
            continue;
        };
        for point in series.points {
            for figure in point.figures {
                for value in figure.runs {
                    known.add(point.x, &figure.name, &figure.unit, value);
                }
            }
        }
    }
}

fn is_same(one: &Row, other: &Row) -> bool {
    one.scenario == other.scenario && one.workload == other.workload
}

/// The table for people: of one server with all it can tell, of several beside each other. Series are shown by server.
pub(crate) fn shown(measured: &[Measured]) -> String {
    let has_rows = measured.iter().any(|one| !one.outcome.rows.is_empty());
    if measured.len() > 1 && has_rows {
        return beside(measured);
    }
    let each = measured
        .iter()
        .map(|one| report::table(&one.outcome, &one.server, one.durability));
    each.collect::<Vec<_>>().join("\n")
}

/// Medians beside each other, and behind each of the others how many times the first one's it is.
fn beside(measured: &[Measured]) -> String {
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
    for row in &first.outcome.rows {
        for figure in &row.figures {
            let mut line = vec![
                format!("{}: {}", row.scenario, row.workload),
                figure.name.clone(),
                figure.unit.clone(),
                short(figure.median()),
            ];
            for other in others {
                let row = other
                    .outcome
                    .rows
                    .iter()
                    .find(|theirs| is_same(theirs, row));
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
    use crate::report::Series;

    fn outcome(value: f64) -> Outcome {
        let mut row = Row::new("fanout", "tiny".to_owned());
        row.add("deliveries", "1/s", value);
        let mut series = Series::new("fanout by readers", "readers");
        series.add(5.0, "deliveries", "1/s", value);
        Outcome {
            rows: vec![row],
            series: vec![series],
        }
    }

    #[test]
    fn runs_are_put_together_and_shown_beside_each_other() {
        let mut all = Outcome::default();
        for value in [10.0, 30.0, 20.0] {
            merge(&mut all, outcome(value));
        }
        assert_eq!((all.rows.len(), all.rows[0].figures[0].runs.len()), (1, 3));
        let point = &all.series[0].points[0];
        assert_eq!((all.series.len(), point.figures[0].runs.len()), (1, 3));
        let measured = |server: &str, outcome| Measured {
            server: server.to_owned(),
            durability: "none",
            outcome,
        };
        let all = [
            measured("gencomm", all),
            measured("redis 7", outcome(5.0)),
            measured("nothing", Outcome::default()),
        ];
        let text = shown(&all);
        let line = text.lines().nth(1).unwrap();
        assert!(
            line.contains("20.0") && line.contains("5.00 (x 0.250)"),
            "{text}"
        );
        assert!(line.ends_with(" -"), "{text}");
        // One alone is shown with its least and most.
        assert!(shown(&all[..1]).contains("least"));
        assert_eq!(shown(&[]), "");
    }
}
