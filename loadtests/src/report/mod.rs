//! Figures, what they came to in each run, and what is made of them: a table for people, a file for programs, charts, a page, a comparison.
//!
//! `table` shows, `file` keeps, `targets` says what was promised and `found` what was measured of it, `page` and `chart` make documents of files,
//! `compare` sets two files side by side.

mod chart;
mod compare;
mod file;
mod found;
mod page;
mod table;
mod targets;

use std::collections::BTreeMap;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

pub(crate) use compare::{Options as CompareOptions, compare};
pub(crate) use file::{File, Machine};
pub(crate) use page::{Options as ReportOptions, report};
pub(crate) use table::table;

/// What one workload came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The scenario's name on the command line.
    pub(crate) scenario: String,
    /// The workload, for people.
    pub(crate) workload: String,
    /// The same for programs: the numbers that make the workload what it is, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) sizes: BTreeMap<String, u64>,
    pub(crate) figures: Vec<Figure>,
}

/// One figure, a value for each run.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    /// Empty for numbers that have none, ratios for instance.
    pub(crate) unit: String,
    /// One value for each run, in their order; all finite.
    pub(crate) runs: Vec<f64>,
}

/// Figures that change with one size of a workload: a line in a chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Series {
    /// Names the series in files and charts; the same for every server.
    pub(crate) name: String,
    /// What grows, e.g. "readers".
    pub(crate) x_label: String,
    /// In the order of `x`.
    pub(crate) points: Vec<Point>,
}

/// The figures at one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) figures: Vec<Figure>,
}

/// Which way a figure is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Better {
    Lower,
    Higher,
    /// It says how something was done, not how well.
    Neither,
}

/// What a scenario came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) rows: Vec<Row>,
    pub(crate) series: Vec<Series>,
}

impl From<Vec<Row>> for Outcome {
    fn from(rows: Vec<Row>) -> Self {
        Self {
            rows,
            ..Self::default()
        }
    }
}

impl Row {
    pub(crate) fn new(scenario: &str, workload: String) -> Self {
        Self {
            scenario: scenario.to_owned(),
            workload,
            sizes: BTreeMap::new(),
            figures: Vec::new(),
        }
    }

    /// The sizes by which programs know the workload, see [`Row::sizes`].
    pub(crate) fn with_sizes(mut self, sizes: &[(&str, u64)]) -> Self {
        let sizes = sizes.iter().map(|(name, size)| ((*name).to_owned(), *size));
        self.sizes.extend(sizes);
        self
    }

    /// Whether it is the same workload. Words count too: not everything that makes a workload is a number.
    fn is_same(&self, other: &Self) -> bool {
        self.scenario == other.scenario
            && self.sizes == other.sizes
            && self.workload == other.workload
    }

    /// Adds one run's value of a figure.
    pub(crate) fn add(&mut self, name: &str, unit: &str, value: f64) {
        add(&mut self.figures, name, unit, value);
    }
}

impl Series {
    pub(crate) fn new(name: &str, x_label: &str) -> Self {
        Self {
            name: name.to_owned(),
            x_label: x_label.to_owned(),
            points: Vec::new(),
        }
    }

    /// Adds one run's value of a figure at the size `x`.
    pub(crate) fn add(&mut self, x: f64, name: &str, unit: &str, value: f64) {
        add(&mut self.at(x).figures, name, unit, value);
    }

    /// The point at `x`, made if there is none.
    fn at(&mut self, x: f64) -> &mut Point {
        let place = self.points.partition_point(|point| point.x < x);
        if self.points.get(place).is_none_or(|point| point.x != x) {
            let figures = Vec::new();
            self.points.insert(place, Point { x, figures });
        }
        &mut self.points[place]
    }
}

/// What is no number (nothing divided by nothing) is no figure either: it is left out.
fn add(figures: &mut Vec<Figure>, name: &str, unit: &str, value: f64) {
    if !value.is_finite() {
        return;
    }
    match figures.iter_mut().find(|figure| figure.name == name) {
        Some(figure) => figure.runs.push(value),
        None => figures.push(Figure {
            name: name.to_owned(),
            unit: unit.to_owned(),
            runs: vec![value],
        }),
    }
}

/// With the median, for programs that want no more than that.
impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_struct("Figure", 4)?;
        all.serialize_field("name", &self.name)?;
        all.serialize_field("unit", &self.unit)?;
        all.serialize_field("median", &self.median())?;
        all.serialize_field("runs", &self.runs)?;
        all.end()
    }
}

impl Figure {
    /// Told by the unit, so that a new figure needs nothing but an honest one.
    fn better(&self) -> Better {
        let (name, unit) = (self.name.as_str(), self.unit.as_str());
        // What the load generator costs, and what the disks do, is not the server's merit.
        if name.starts_with("load ") || name.starts_with("flushes") {
            return Better::Neither;
        }
        let base = unit.split(' ').next().unwrap_or_default();
        match base {
            _ if base.ends_with("/s") || base == "%" => Better::Higher,
            "ns" | "us" | "ms" | "s" | "KiB" | "MiB" => Better::Lower,
            "" if name.ends_with("after : before") => Better::Lower,
            _ => Better::Neither,
        }
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.runs.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// The middle of the runs; of two middle ones their mean. Not a number if there was no run.
    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        }
    }

    /// The least and the most of the runs; not numbers if there was none.
    pub(crate) fn range(&self) -> (f64, f64) {
        let sorted = self.sorted();
        let end = |end: Option<&f64>| end.copied().unwrap_or(f64::NAN);
        (end(sorted.first()), end(sorted.last()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(runs: &[f64]) -> Figure {
        Figure {
            name: "deliveries".to_owned(),
            unit: "1/s".to_owned(),
            runs: runs.to_vec(),
        }
    }

    #[test]
    fn the_median_is_the_middle_of_the_runs_in_any_order() {
        assert_eq!(figure(&[3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(figure(&[4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert_eq!(figure(&[3.0, -1.0, 2.0]).range(), (-1.0, 3.0));
        assert!(figure(&[]).median().is_nan() && figure(&[]).range().0.is_nan());
    }

    #[test]
    fn runs_of_one_name_are_one_figure_and_what_is_no_number_is_none() {
        let mut row = Row::new("fanout", "tiny".to_owned()).with_sizes(&[("readers", 3)]);
        row.add("cpu", "s", 1.0);
        row.add("cpu", "s", 2.0);
        row.add("wall", "s", f64::NAN);
        row.add("wall", "s", 3.0);
        assert_eq!(row.figures.len(), 2);
        assert_eq!(row.figures[0].runs, [1.0, 2.0]);
        assert_eq!(row.figures[1].runs, [3.0]);
        assert_eq!(row.sizes["readers"], 3);
    }

    #[test]
    fn which_way_is_better_is_told_by_the_unit() {
        let better = |name: &str, unit: &str| {
            let (name, unit, runs) = (name.to_owned(), unit.to_owned(), Vec::new());
            Figure { name, unit, runs }.better()
        };
        for (name, unit, expected) in [
            ("server CPU", "s per million", Better::Lower),
            ("server memory", "KiB per client", Better::Lower),
            ("p99.9", "us", Better::Lower),
            (
                "some stopped: server memory, most",
                "MiB more",
                Better::Lower,
            ),
            ("server memory, after : before", "", Better::Lower),
            ("deliveries", "1/s", Better::Higher),
            ("encode, C16", "GB/s raw", Better::Higher),
            ("speed of the others", "%", Better::Higher),
            ("load CPU", "s per million", Better::Neither),
            ("flushes of all disks", "1/s", Better::Neither),
            ("server cores in use", "", Better::Neither),
            ("told to slow down", "attempts", Better::Neither),
        ] {
            assert_eq!(better(name, unit), expected, "{name}");
        }
    }

    #[test]
    fn points_of_a_series_lie_in_order_however_they_come() {
        let mut series = Series::new("growth", "readers");
        for x in [10.0, 1.0, 5.0, 10.0] {
            series.add(x, "cpu", "s", x * 2.0);
        }
        let xs: Vec<_> = series.points.iter().map(|point| point.x).collect();
        assert_eq!(xs, [1.0, 5.0, 10.0]);
        assert_eq!(series.points[2].figures[0].runs, [20.0, 20.0]);
    }
}
