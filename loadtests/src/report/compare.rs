//! Two files side by side: what got better, what got worse, and whether that is more than noise.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;

use super::file::{File, Measured};
use super::found::OWN;
use super::table::{aligned, short};
use super::{Better, Figure};

/// A difference below this is noise, however close the runs lie: the machine itself differs by more from one moment to the next.
const NOISE_MIN: f64 = 0.05;

/// See the module.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Figures measured before (--json)
    before: PathBuf,
    /// Figures measured after
    after: PathBuf,
}

/// Prints the comparison; returns whether nothing got worse by more than the noise.
pub(crate) fn compare(options: &Options) -> Result<bool> {
    let (before, after) = (File::read(&options.before)?, File::read(&options.after)?);
    let comparison = Comparison::of(&before, &after);
    ensure!(
        !comparison.lines.is_empty(),
        "the two files have no figure in common"
    );
    print!("{}", comparison.table());
    if before.machine != after.machine {
        println!("\nTwo machines: {}; {}", before.machine, after.machine);
    }
    println!("\n{}", comparison.summary());
    Ok(comparison.count(Verdict::Worse) == 0)
}

#[derive(Debug)]
struct Comparison {
    lines: Vec<Line>,
    /// Figures that only one of the files has.
    single: usize,
}

#[derive(Debug)]
struct Line {
    workload: String,
    durability: String,
    figure: String,
    unit: String,
    before: f64,
    after: f64,
    /// After : before; `None` where there was nothing before.
    ratio: Option<f64>,
    /// A part of the median that says nothing.
    noise: f64,
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Better,
    Worse,
    /// Within the noise, or a figure that is neither good nor bad.
    Same,
}

impl Comparison {
    fn of(before: &File, after: &File) -> Self {
        let (before, after) = (workloads(before), workloads(after));
        let mut lines = Vec::new();
        for (workload, figures) in &before {
            let same = after.iter().find(|(other, _)| other == workload);
            for figure in *figures {
                let other = same.and_then(|(_, others)| {
                    let mut others = others.iter();
                    others.find(|other| other.name == figure.name && other.unit == figure.unit)
                });
                if let Some(other) = other {
                    lines.push(Line::new(workload, figure, other));
                }
            }
        }
        let count = |all: &[(Workload, &[Figure])]| -> usize {
            all.iter().map(|(_, figures)| figures.len()).sum()
        };
        let single = count(&before) + count(&after) - 2 * lines.len();
        Self { lines, single }
    }

    fn count(&self, verdict: Verdict) -> usize {
        let lines = self.lines.iter();
        lines.filter(|line| line.verdict == verdict).count()
    }

    fn table(&self) -> String {
        let head = [
            "workload",
            "durability",
            "figure",
            "before",
            "after",
            "ratio",
            "noise",
            "unit",
            "",
        ];
        let mut cells = vec![head.map(str::to_owned)];
        cells.extend(self.lines.iter().map(Line::cells));
        aligned(&cells, 3..7)
    }

    fn summary(&self) -> String {
        let [worse, better] = [Verdict::Worse, Verdict::Better].map(|verdict| self.count(verdict));
        format!(
            "{worse} of {} figures got worse by more than the noise, {better} better; {} are in one of the files only.",
            self.lines.len(),
            self.single
        )
    }
}

/// What makes two rows comparable.
#[derive(Debug, PartialEq, Eq)]
struct Workload {
    server: String,
    durability: String,
    name: String,
}

fn workloads(file: &File) -> Vec<(Workload, &[Figure])> {
    fn workload<T>(of: &Measured<T>, name: String) -> Workload {
        Workload {
            server: of.server.clone(),
            durability: of.durability.clone(),
            name,
        }
    }
    let rows = file.rows.iter().map(|row| {
        let name = format!("{}: {}", row.what.scenario, row.what.workload);
        (workload(row, name), row.what.figures.as_slice())
    });
    let points = file.series.iter().flat_map(|series| {
        series.what.points.iter().map(move |point| {
            let name = format!("{}: {} {}", series.what.name, point.x, series.what.x_label);
            (workload(series, name), point.figures.as_slice())
        })
    });
    rows.chain(points).collect()
}

impl Line {
    fn new(workload: &Workload, before: &Figure, after: &Figure) -> Self {
        let noise = (spread(before) + spread(after)).max(NOISE_MIN);
        let (old, new) = (before.median(), after.median());
        let ratio = (old > 0.0).then(|| new / old);
        let verdict = ratio.map_or(Verdict::Same, |ratio| {
            verdict(before.better(), ratio, noise)
        });
        let name = match workload.server.as_str() {
            OWN => workload.name.clone(),
            other => format!("{other}, {}", workload.name),
        };
        Self {
            workload: name,
            durability: workload.durability.clone(),
            figure: before.name.clone(),
            unit: before.unit.clone(),
            before: old,
            after: new,
            ratio,
            noise,
            verdict,
        }
    }

    fn cells(&self) -> [String; 9] {
        let ratio = self.ratio.map(|ratio| format!("{ratio:.3}"));
        let verdict = match self.verdict {
            Verdict::Better => "better",
            Verdict::Worse => "WORSE",
            Verdict::Same => "",
        };
        [
            self.workload.clone(),
            self.durability.clone(),
            self.figure.clone(),
            short(self.before),
            short(self.after),
            ratio.unwrap_or_else(|| "-".to_owned()),
            format!("{:.0} %", self.noise * 100.0),
            self.unit.clone(),
            verdict.to_owned(),
        ]
    }
}

/// How far the runs lie from their middle, as a part of the median: half of what is between the least and the most.
fn spread(figure: &Figure) -> f64 {
    let (least, most) = figure.range();
    let spread = (most - least) / 2.0 / figure.median();
    // Of a median of nothing.
    if spread.is_finite() {
        spread.abs()
    } else {
        0.0
    }
}

/// A ratio counts when both it and its inverse leave the noise: half as fast and twice as fast are equally far away.
fn verdict(better: Better, ratio: f64, noise: f64) -> Verdict {
    let rise = match better {
        Better::Lower => ratio,
        Better::Higher => 1.0 / ratio,
        Better::Neither => return Verdict::Same,
    };
    match rise {
        _ if rise > 1.0 + noise => Verdict::Worse,
        _ if 1.0 / rise > 1.0 + noise => Verdict::Better,
        _ => Verdict::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Machine, Outcome, Row, Series};
    use super::*;

    fn file(figures: &[(&str, &str, &[f64])]) -> File {
        let mut row = Row::new("fanout", "tiny".to_owned());
        let mut series = Series::new("by readers", "readers");
        for (name, unit, runs) in figures {
            for &run in *runs {
                row.add(name, unit, run);
                series.add(10.0, name, unit, run);
            }
        }
        let mut file = File::new(None, Machine::here());
        let outcome = Outcome {
            rows: vec![row],
            series: vec![series],
        };
        file.add(outcome, "gencomm", "always");
        file
    }

    fn verdicts(before: &[f64], after: &[f64], unit: &str) -> Vec<Verdict> {
        let [before, after] = [before, after].map(|runs| file(&[("figure", unit, runs)]));
        let lines = Comparison::of(&before, &after).lines;
        lines.iter().map(|line| line.verdict).collect()
    }

    #[test]
    fn what_got_worse_is_flagged_in_rows_and_in_series() {
        assert_eq!(verdicts(&[1.0], &[1.1], "us"), [Verdict::Worse; 2]);
        assert_eq!(verdicts(&[1.0], &[0.9], "1/s"), [Verdict::Worse; 2]);
        assert_eq!(verdicts(&[1.0], &[0.9], "us"), [Verdict::Better; 2]);
        assert_eq!(verdicts(&[1.0], &[0.1], "attempts"), [Verdict::Same; 2]);
    }

    #[test]
    fn noise_is_at_least_five_percent_and_grows_with_the_spread_of_either_file() {
        assert_eq!(verdicts(&[1.0], &[1.04], "us"), [Verdict::Same; 2]);
        // Twenty percent each way.
        assert_eq!(verdicts(&[0.8, 1.0, 1.2], &[1.1], "us"), [Verdict::Same; 2]);
        assert_eq!(
            verdicts(&[1.0], &[0.9, 1.15, 1.4], "us"),
            [Verdict::Same; 2]
        );
        assert_eq!(
            verdicts(&[0.8, 1.0, 1.2], &[1.3], "us"),
            [Verdict::Worse; 2]
        );
    }

    #[test]
    fn where_there_was_nothing_there_is_no_ratio() {
        assert_eq!(verdicts(&[0.0], &[3.0], "MiB"), [Verdict::Same; 2]);
        assert_eq!(verdicts(&[0.0], &[0.0], "MiB"), [Verdict::Same; 2]);
    }

    #[test]
    fn only_what_both_files_have_is_compared() {
        let before = file(&[("a", "us", &[1.0]), ("b", "us", &[1.0])]);
        let mut after = file(&[("a", "us", &[2.0]), ("c", "us", &[1.0])]);
        let comparison = Comparison::of(&before, &after);
        assert_eq!((comparison.lines.len(), comparison.single), (2, 4));
        assert!(
            comparison.table().contains("2.000"),
            "{}",
            comparison.table()
        );
        assert!(comparison.summary().starts_with("2 of 2 figures got worse"));
        after.rows[0].durability = "os".to_owned();
        after.series[0].server = "redis 7".to_owned();
        assert!(Comparison::of(&before, &after).lines.is_empty());
    }
}
