//! Figures, their medians, and how they are shown: a table for people, JSON for programs.

use std::fmt::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::contest::Measured;

/// What one workload came to.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    pub(crate) workload: String,
    pub(crate) figures: Vec<Figure>,
}

/// One figure, a value for each run.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) runs: Vec<f64>,
}

impl Row {
    pub(crate) fn new(scenario: &'static str, workload: String) -> Self {
        Self {
            scenario,
            workload,
            figures: Vec::new(),
        }
    }

    /// Adds one run's value of a figure.
    pub(crate) fn add(&mut self, name: &'static str, unit: &'static str, value: f64) {
        match self.figures.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => figure.runs.push(value),
            None => self.figures.push(Figure {
                name,
                unit,
                runs: vec![value],
            }),
        }
    }
}

impl Figure {
    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.runs.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// The middle of the runs; of two middle ones their mean.
    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        }
    }
}

/// The table for people.
pub(crate) fn table(rows: &[Row], durability: &str) -> String {
    let head = [
        "workload",
        "durability",
        "figure",
        "median",
        "least",
        "most",
        "unit",
    ];
    let mut lines = vec![head.map(str::to_owned)];
    for row in rows {
        let workload = format!("{}: {}", row.scenario, row.workload);
        for figure in &row.figures {
            let sorted = figure.sorted();
            let ends = [sorted.first(), sorted.last()];
            let [least, most] = ends.map(|end| end.map_or_else(String::new, |&v| short(v)));
            lines.push([
                workload.clone(),
                durability.to_owned(),
                figure.name.to_owned(),
                short(figure.median()),
                least,
                most,
                figure.unit.to_owned(),
            ]);
        }
    }
    let widths: [usize; 7] = std::array::from_fn(|column| {
        lines
            .iter()
            .map(|line| line[column].len())
            .max()
            .unwrap_or(0)
    });
    let mut text = String::new();
    for line in &lines {
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            let is_number = (3..6).contains(&column);
            // Writing to a String cannot fail.
            let _ = if is_number {
                write!(text, "{cell:>width$}  ")
            } else {
                write!(text, "{cell:<width$}  ")
            };
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// Three figures that count.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 10_000_000.0 => format!("{:.1} M", value / 1e6),
        v if v >= 1_000_000.0 => format!("{:.2} M", value / 1e6),
        v if v >= 10_000.0 => format!("{:.1} k", value / 1e3),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Writes everything, each run too. `server` says where ours came from.
pub(crate) fn write_json(path: &Path, measured: &[Measured], server: &str) -> Result<()> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH);
    let rows: Vec<Value> = measured
        .iter()
        .flat_map(|who| who.rows.iter().map(|row| row_json(row, who)))
        .collect();
    let whole = json!({
        "tool": "gencomm loadtests",
        "unix_seconds": seconds.map_or(0, |since| since.as_secs()),
        "server": server,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": crate::proc::kernel(),
        "rows": rows,
    });
    let text = serde_json::to_string_pretty(&whole)?;
    std::fs::write(path, text + "\n")
        .with_context(|| format!("{} cannot be written", path.display()))
}

fn row_json(row: &Row, who: &Measured) -> Value {
    let figures = row.figures.iter().map(|figure| {
        json!({
            "name": figure.name,
            "unit": figure.unit,
            "median": figure.median(),
            "runs": figure.runs,
        })
    });
    json!({
        "scenario": row.scenario,
        "workload": row.workload,
        "server": who.server,
        "durability": who.durability,
        "figures": figures.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_the_table_names_durability_in_every_row() {
        let mut row = Row::new("fanout", "tiny".to_owned());
        for value in [3.0, 1.0, 2_000_000.0] {
            row.add("deliveries", "1/s", value);
        }
        row.add("cpu", "s", 0.25);
        row.add("cpu", "s", 0.75);
        let text = table(&[row], "always");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[1].split_whitespace().collect::<Vec<_>>(),
            [
                "fanout:",
                "tiny",
                "always",
                "deliveries",
                "3.00",
                "1.00",
                "2.00",
                "M",
                "1/s"
            ]
        );
        assert!(lines[2].contains("always") && lines[2].contains("0.500"));
    }
}
