//! Which of the figures that were measured belong to a target: ours, and those of peers.

use super::file::{File, Measured};
use super::targets::{Bound, Of, TARGETS, Target};
use super::{Figure, Row, Series};

/// The name that our own figures bear.
pub(crate) const OWN: &str = "gencomm";

/// What a figure came to in all runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Value {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
    pub(super) runs: usize,
}

/// A figure that somebody has, and who.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found<'a> {
    pub(super) server: &'a str,
    pub(super) durability: &'a str,
    pub(super) value: Value,
}

impl Target {
    /// Ours, one for each durability that was measured and that the target is made for.
    pub(super) fn own<'a>(&self, file: &'a File) -> Vec<Found<'a>> {
        let mut found = self.find(file, self.figure);
        found.retain(|found| {
            let is_meant = self
                .durability
                .is_none_or(|meant| meant == found.durability);
            found.server == OWN && is_meant
        });
        found
    }

    /// What others were measured with, the best one first. Peers have no durability of ours to choose from, so theirs does not matter.
    pub(super) fn peers<'a>(&self, file: &'a File) -> Vec<Found<'a>> {
        let mut found = self.find(file, self.figure);
        found.retain(|found| found.server != OWN);
        for (figure, server) in self.rivals {
            let theirs = self.find(file, figure).into_iter();
            found.extend(theirs.map(|theirs| Found { server, ..theirs }));
        }
        found.sort_by(|a, b| match self.bound {
            Bound::AtMost(_) => a.value.median.total_cmp(&b.value.median),
            Bound::AtLeast(_) => b.value.median.total_cmp(&a.value.median),
        });
        found
    }

    fn find<'a>(&self, file: &'a File, figure: &str) -> Vec<Found<'a>> {
        match &self.of {
            Of::Row {
                scenario,
                sizes,
                words,
            } => {
                let rows = file.rows.iter();
                let rows = rows.filter(|row| is_of(&row.what, scenario, sizes, words));
                let value = |row: &'a Measured<Row>| found(row, in_row(&row.what, figure)?);
                rows.filter_map(value).collect()
            }
            Of::Growth { series, from, to } => {
                let all = file.series.iter().filter(|all| all.what.name == *series);
                let value = |all: &'a Measured<Series>| {
                    found(all, growth_of(&all.what, figure, *from, *to)?)
                };
                all.filter_map(value).collect()
            }
        }
    }
}

/// Whether it is that workload; see [`Of::Row`].
fn is_of(row: &Row, scenario: &str, sizes: &[(&str, u64)], words: &str) -> bool {
    let mut sizes = sizes.iter();
    row.scenario == scenario
        && row.workload.contains(words)
        && sizes.all(|(name, size)| row.sizes.get(*name) == Some(size))
}

/// What a figure of ours is to be.
pub(super) fn bound_of(row: &Row, figure: &Figure, durability: &str) -> Option<Bound> {
    let target = TARGETS.iter().find(|target| {
        let Of::Row {
            scenario,
            sizes,
            words,
        } = &target.of
        else {
            return false;
        };
        target.figure == figure.name
            && target.durability.is_none_or(|meant| meant == durability)
            && is_of(row, scenario, sizes, words)
    });
    target.map(|target| target.bound)
}

fn in_row(row: &Row, figure: &str) -> Option<Value> {
    let figure = named(&row.figures, figure)?;
    let (least, most) = figure.range();
    Some(Value {
        median: figure.median(),
        least,
        most,
        runs: figure.runs.len(),
    })
}

/// The ratio of the medians, and what it could be at the least and at the most.
fn growth_of(series: &Series, figure: &str, from: f64, to: f64) -> Option<Value> {
    let at = |x: f64| {
        let point = series.points.iter().find(|point| point.x == x)?;
        named(&point.figures, figure)
    };
    let (small, large) = (at(from)?, at(to)?);
    let ((small_least, small_most), (least, most)) = (small.range(), large.range());
    Some(Value {
        median: large.median() / small.median(),
        least: least / small_most,
        most: most / small_least,
        runs: small.runs.len().min(large.runs.len()),
    })
}

fn named<'a>(figures: &'a [Figure], name: &str) -> Option<&'a Figure> {
    let mut figures = figures.iter();
    figures.find(|figure| figure.name == name && !figure.runs.is_empty())
}

fn found<T>(of: &Measured<T>, value: Value) -> Option<Found<'_>> {
    value.median.is_finite().then_some(Found {
        server: &of.server,
        durability: &of.durability,
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Machine, Outcome};
    use super::*;

    fn target(figure: &str, durability: Option<&str>) -> &'static Target {
        let mut all = TARGETS.iter();
        let is_it = |t: &&Target| t.figure == figure && t.durability == durability;
        all.find(is_it).unwrap()
    }

    fn latency(readers: u64, p50: &[f64]) -> Outcome {
        let sizes = [("readers", readers), ("rate", 100), ("body_bytes", 64)];
        let mut row = Row::new("latency", format!("to {readers}")).with_sizes(&sizes);
        p50.iter().for_each(|&run| row.add("p50", "us", run));
        vec![row].into()
    }

    #[test]
    fn figures_are_found_by_sizes_and_durability_and_peers_whatever_theirs_is() {
        let mut file = File::new(None, Machine::here());
        file.add(latency(100, &[500.0, 700.0, 550.0]), OWN, "always");
        file.add(latency(100, &[200.0]), OWN, "os");
        file.add(latency(10, &[1.0]), OWN, "always");
        file.add(latency(100, &[400.0]), "ngircd 26", "none");
        file.add(latency(100, &[360.0]), "redis 7", "none");
        let always = target("p50", Some("always"));
        let own = always.own(&file);
        let value = Value {
            median: 550.0,
            least: 500.0,
            most: 700.0,
            runs: 3,
        };
        assert_eq!(own.len(), 1);
        assert_eq!(own[0].value, value);
        assert!(always.bound.is_met(550.0) && !always.bound.is_met(601.0));
        let peers: Vec<_> = always.peers(&file).iter().map(|peer| peer.server).collect();
        assert_eq!(peers, ["redis 7", "ngircd 26"]);
        assert_eq!(always.bound.times_as_good(600.0, 300.0), 0.5);
        assert!(target("commits", Some("always")).own(&file).is_empty());
    }

    #[test]
    fn growth_is_a_ratio_of_two_points_and_no_point_no_growth() {
        let target = TARGETS.iter().find(|t| matches!(t.of, Of::Growth { .. }));
        let target = target.unwrap();
        let mut series = Series::new("fanout by readers", "readers");
        series.add(1000.0, "server CPU", "s per million", 0.02);
        let mut file = File::new(None, Machine::here());
        let outcome = |series: &Series| Outcome {
            rows: Vec::new(),
            series: vec![series.clone()],
        };
        file.add(outcome(&series), OWN, "always");
        assert!(target.own(&file).is_empty());
        let mut end = Series::new("fanout by readers", "readers");
        for run in [0.02, 0.03, 0.04] {
            end.add(10_000.0, "server CPU", "s per million", run);
        }
        file.add(outcome(&end), OWN, "always");
        let value = target.own(&file)[0].value;
        assert!((value.median - 1.5).abs() < 1e-9 && (value.most - 2.0).abs() < 1e-9);
        assert!(target.bound.is_met(value.median));
    }

    #[test]
    fn others_that_are_timed_beside_ours_are_peers() {
        let target = target("encode, C16", None);
        let mut row = Row::new("c16", "64 bytes, avx2".to_owned());
        row.add("encode, C16", "GB/s raw", 17.5);
        row.add("encode, const-hex", "GB/s raw", 14.0);
        row.add("decode, const-hex", "GB/s raw", 8.8);
        let mut file = File::new(None, Machine::here());
        file.add(vec![row].into(), OWN, "always");
        let peers = target.peers(&file);
        assert_eq!((peers.len(), peers[0].server), (1, "const-hex"));
        let times = target.bound.times_as_good(17.5, peers[0].value.median);
        assert_eq!(times, 1.25);
    }
}
