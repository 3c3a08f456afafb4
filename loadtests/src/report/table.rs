//! The table for people.

use std::fmt::Write;
use std::ops::Range;

use super::found::{OWN, bound_of};
use super::targets::Bound;
use super::{Figure, Outcome};

const HEAD: [&str; COLUMNS] = [
    "workload",
    "durability",
    "figure",
    "median",
    "least",
    "most",
    "unit",
    "target",
];
const COLUMNS: usize = 8;
/// The columns that are numbers.
const NUMBERS: Range<usize> = 3..6;

/// A line for each figure; of series, one for each figure at each size. Durability stands in every line, and whatever is promised of a figure.
pub(crate) fn table(outcome: &Outcome, server: &str, durability: &str) -> String {
    // A peer's lines are to be told from ours.
    let whose = match server {
        OWN => String::new(),
        peer => format!("{peer}, "),
    };
    let mut lines = vec![HEAD.map(str::to_owned)];
    for row in &outcome.rows {
        let workload = format!("{whose}{}: {}", row.scenario, row.workload);
        for figure in &row.figures {
            let bound = bound_of(row, figure, durability).filter(|_| server == OWN);
            lines.push(cells(&workload, durability, figure, bound));
        }
    }
    for series in &outcome.series {
        for point in &series.points {
            let workload = format!("{whose}{}: {} {}", series.name, point.x, series.x_label);
            let figures = point.figures.iter();
            lines.extend(figures.map(|figure| cells(&workload, durability, figure, None)));
        }
    }
    aligned(&lines, NUMBERS)
}

fn cells(
    workload: &str,
    durability: &str,
    figure: &Figure,
    bound: Option<Bound>,
) -> [String; COLUMNS] {
    let (median, (least, most)) = (figure.median(), figure.range());
    let target = bound.map_or_else(String::new, |bound| match bound.is_met(median) {
        true => format!("{bound}: met"),
        false => format!("{bound}: MISSED"),
    });
    [
        workload.to_owned(),
        durability.to_owned(),
        figure.name.clone(),
        short(median),
        short(least),
        short(most),
        figure.unit.clone(),
        target,
    ]
}

/// Lines with their cells below each other, two spaces between them; numbers stand at the right.
pub(super) fn aligned<const N: usize>(lines: &[[String; N]], numbers: Range<usize>) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or(0)
    });
    let mut text = String::new();
    for line in lines {
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            // Writing to a String cannot fail.
            let _ = if numbers.contains(&column) {
                write!(text, "{cell:>width$}  ")
            } else {
                write!(text, "{cell:<width$}  ")
            };
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text
}

/// Three figures that count; "-" for what is no number.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        v if !v.is_finite() => "-".to_owned(),
        v if v >= 10_000_000.0 => format!("{:.1} M", value / 1e6),
        v if v >= 1_000_000.0 => format!("{:.2} M", value / 1e6),
        v if v >= 10_000.0 => format!("{:.1} k", value / 1e3),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Row, Series};
    use super::*;

    #[test]
    fn every_line_names_its_durability_and_shows_median_least_and_most() {
        let mut row = Row::new("fanout", "tiny".to_owned());
        for value in [3.0, 1.0, 2_000_000.0] {
            row.add("deliveries", "1/s", value);
        }
        row.add("cpu", "s", 0.25);
        row.add("cpu", "s", 0.75);
        let mut series = Series::new("growth", "readers");
        series.add(1000.0, "cpu", "s", 0.5);
        let outcome = Outcome {
            rows: vec![row],
            series: vec![series],
        };
        let text = table(&outcome, "gencomm", "always");
        let lines: Vec<_> = text.lines().collect();
        let words: Vec<_> = lines[1].split_whitespace().collect();
        let start = ["fanout:", "tiny", "always", "deliveries", "3.00", "1.00"];
        assert_eq!(words, [&start[..], &["2.00", "M", "1/s"]].concat());
        assert!(lines[2].contains("always") && lines[2].contains("0.500"));
        assert!(lines[3].starts_with("growth: 1000 readers  always"));
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn what_is_promised_stands_beside_our_figures_alone() {
        let sizes = [("readers", 1000), ("body_bytes", 64)];
        let mut row = Row::new("single", "one in flight".to_owned()).with_sizes(&sizes);
        row.add("server CPU", "s per million", 6.5);
        let outcome = Outcome::from(vec![row]);
        let ours = table(&outcome, "gencomm", "always");
        assert!(ours.contains("at most 2.20: MISSED"), "{ours}");
        let theirs = table(&outcome, "redis 7", "none");
        assert!(
            theirs.contains("redis 7, single:") && !theirs.contains("at most"),
            "{theirs}"
        );
    }

    #[test]
    fn numbers_keep_three_figures_and_what_is_none_is_a_dash() {
        let shown = [0.0244, 6.78, 12.34, 432.1, 14_400.0, 43_210_000.0].map(short);
        assert_eq!(shown, ["0.024", "6.78", "12.3", "432", "14.4 k", "43.2 M"]);
        assert_eq!(short(f64::NAN), "-");
    }
}
