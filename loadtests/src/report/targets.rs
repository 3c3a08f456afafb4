//! What the server is to reach, and which figures tell whether it does.

use super::file::{File, Measured};
use super::{Figure, Row, Series};

/// The name that our own figures bear.
pub(crate) const OWN: &str = "gencomm";

/// One promise.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) of: Of,
    /// The durability that it is made for, if only for one.
    durability: Option<&'static str>,
    /// The workload, for people.
    pub(super) workload: &'static str,
    pub(super) figure: &'static str,
    pub(super) unit: &'static str,
    pub(super) bound: Bound,
    /// Others whose figures stand in our own row: the figure's name, and theirs.
    rivals: &'static [(&'static str, &'static str)],
}

/// Which figure it is.
#[derive(Debug)]
pub(super) enum Of {
    /// That of a workload of these sizes (and any others), with these words in it.
    Row {
        scenario: &'static str,
        sizes: &'static [(&'static str, u64)],
        words: &'static str,
    },
    /// How many times what it is at `from` it is at `to`.
    Growth {
        series: &'static str,
        from: f64,
        to: f64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

use Bound::{AtLeast, AtMost};

const fn row(
    scenario: &'static str,
    sizes: &'static [(&'static str, u64)],
    workload: &'static str,
    figure: &'static str,
    unit: &'static str,
    bound: Bound,
) -> Target {
    Target {
        of: Of::Row {
            scenario,
            sizes,
            words: "",
        },
        durability: None,
        workload,
        figure,
        unit,
        bound,
        rivals: &[],
    }
}

const fn growth(
    series: &'static str,
    from: f64,
    to: f64,
    workload: &'static str,
    figure: &'static str,
    most: f64,
) -> Target {
    Target {
        of: Of::Growth { series, from, to },
        durability: None,
        workload,
        figure,
        unit: "times",
        bound: AtMost(most),
        rivals: &[],
    }
}

impl Target {
    const fn with(mut self, durability: &'static str) -> Self {
        self.durability = Some(durability);
        self
    }

    /// Only of workloads with these words in it.
    const fn of(mut self, words: &'static str) -> Self {
        if let Of::Row {
            scenario, sizes, ..
        } = self.of
        {
            self.of = Of::Row {
                scenario,
                sizes,
                words,
            };
        }
        self
    }

    const fn beside(mut self, rivals: &'static [(&'static str, &'static str)]) -> Self {
        self.rivals = rivals;
        self
    }
}

const IDLE: &[(&str, u64)] = &[("clients", 15_000), ("rooms", 1)];
const IDLE_WORDS: &str = "`idle`, 15,000 clients, one room";
const FEW_SENDERS: &[(&str, u64)] = &[("senders", 1), ("readers", 1000), ("messages", 2000)];
const FEW_SENDERS_WORDS: &str = "`fanout`, 1 sender, 1,000 readers";
const MANY_SENDERS: &[(&str, u64)] = &[("senders", 10), ("readers", 100), ("messages", 2000)];
const MANY_SENDERS_WORDS: &str = "`fanout`, 10 senders, 100 readers";
const SINGLE: &[(&str, u64)] = &[("readers", 1000)];
const ROOMS: &[(&str, u64)] = &[("rooms", 200), ("members", 10)];
const LATENCY: &[(&str, u64)] = &[("readers", 100), ("rate", 100)];
const LATENCY_WORDS: &str = "`latency`, 100 readers, 100 messages/s";
const DURABLE: &[(&str, u64)] = &[("senders", 1000), ("in_flight", 1)];
const STORM: &[(&str, u64)] = &[("clients", 15_000)];
const STORM_WORDS: &str = "`storm`, 15,000 clients come back at once";
const SLOW: &[(&str, u64)] = &[("readers", 1000), ("stopped", 100), ("bytes", 50_000_000)];
const SLOW_WORDS: &str = "`slow`, 100 of 1,000 readers stop, 50 MB";
const ENCODERS: &[(&str, &str)] = &[
    ("encode, const-hex", "const-hex"),
    ("encode, faster-hex", "faster-hex"),
];
const DECODERS: &[(&str, &str)] = &[
    ("decode, const-hex", "const-hex"),
    ("decode, faster-hex", "faster-hex"),
];
const PAST: &[(&str, u64)] = &[("records", 10_000_000)];
const PER_MILLION: &str = "s per million";
const AFTER_BEFORE: &str = "server memory, after : before";

/// All of them. A peer's figure of the same workload is set beside.
#[rustfmt::skip]
pub(super) const TARGETS: &[Target] = &[
    row("idle", IDLE, IDLE_WORDS, "server memory", "KiB per client", AtMost(0.60)),
    row("idle", IDLE, IDLE_WORDS, "server CPU", "us per log-in", AtMost(15.0)),
    row("fanout", FEW_SENDERS, FEW_SENDERS_WORDS, "deliveries", "1/s", AtLeast(8e6)),
    row("fanout", FEW_SENDERS, FEW_SENDERS_WORDS, "server CPU", PER_MILLION, AtMost(0.10)),
    row("fanout", MANY_SENDERS, MANY_SENDERS_WORDS, "deliveries", "1/s", AtLeast(8e6)),
    row("fanout", MANY_SENDERS, MANY_SENDERS_WORDS, "server CPU", PER_MILLION, AtMost(0.10)),
    row("single", SINGLE, "`single`, 1,000 readers", "server CPU", PER_MILLION, AtMost(2.2)),
    row("rooms", ROOMS, "`rooms`, 200 rooms of 10", "server CPU", PER_MILLION, AtMost(3.0)),
    row("latency", LATENCY, LATENCY_WORDS, "p50", "us", AtMost(300.0)).with("os"),
    row("latency", LATENCY, LATENCY_WORDS, "p99", "us", AtMost(900.0)).with("os"),
    row("latency", LATENCY, LATENCY_WORDS, "p50", "us", AtMost(600.0)).with("always"),
    row("latency", LATENCY, LATENCY_WORDS, "p99", "us", AtMost(1800.0)).with("always"),
    row("durable", DURABLE, "`durable`, 1,000 senders", "commits", "1/s", AtLeast(500e3)).with("always"),
    row("storm", STORM, STORM_WORDS, "until the last OK", "s", AtMost(2.0)),
    row("storm", STORM, STORM_WORDS, AFTER_BEFORE, "", AtMost(1.10)),
    row("slow", SLOW, SLOW_WORDS, "some stopped: server memory, most", "MiB more", AtMost(64.0)),
    row("slow", SLOW, SLOW_WORDS, "speed of the others, some stopped : all read", "%", AtLeast(90.0)),
    row("slow", SLOW, SLOW_WORDS, AFTER_BEFORE, "", AtMost(1.10)),
    row("c16", &[], "`c16`, 64 bytes", "encode, C16", "GB/s raw", AtLeast(17.0)).of("64 bytes, ").beside(ENCODERS),
    row("c16", &[], "`c16`, 64 bytes", "decode, C16", "GB/s raw", AtLeast(15.0)).of("64 bytes, ").beside(DECODERS),
    row("c16", &[], "`c16`, 1 KiB", "encode, C16", "GB/s raw", AtLeast(35.0)).of("1024 bytes, ").beside(ENCODERS),
    row("c16", &[], "`c16`, 1 KiB", "decode, C16", "GB/s raw", AtLeast(33.0)).of("1024 bytes, ").beside(DECODERS),
    growth("fanout by readers", 1e3, 10e3, "`growth`: `fanout`, from 1,000 to 10,000 readers", "server CPU", 1.5),
    growth("single by readers", 1e3, 10e3, "`growth`: `single`, from 1,000 to 10,000 readers", "server CPU", 1.5),
    growth("idle by clients", 1e3, 19e3, "`growth`: `idle`, from 1,000 to 19,000 clients", "server memory", 1.1),
    row("past", PAST, "`past`, 10 million records, start", "first log-in answered after", "s", AtMost(1.0)).of("start-up, cold"),
    row("past", PAST, "`past`, 10 million records, start", "resident memory then", "MiB", AtMost(64.0)).of("start-up, cold"),
    row("past", PAST, "`past`, HISTORY after an id", "p99", "us", AtMost(2000.0)).of("HISTORY after an id, one at a time"),
    row("past", PAST, "`past`, HISTORY since a time", "p99", "us", AtMost(2000.0)).of("HISTORY since a time, one at a time"),
    row("past", PAST, "`past`, JOIN after an id", "p99", "us", AtMost(2000.0)).of("JOIN after an id, one at a time"),
];

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

impl Bound {
    pub(super) fn value(self) -> f64 {
        match self {
            AtMost(value) | AtLeast(value) => value,
        }
    }

    pub(super) fn is_met(self, value: f64) -> bool {
        match self {
            AtMost(most) => value <= most,
            AtLeast(least) => value >= least,
        }
    }

    /// How many times as good `value` is as `than`; above 1 is better.
    pub(super) fn times_as_good(self, value: f64, than: f64) -> f64 {
        match self {
            AtMost(_) => than / value,
            AtLeast(_) => value / than,
        }
    }
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
            AtMost(_) => a.value.median.total_cmp(&b.value.median),
            AtLeast(_) => b.value.median.total_cmp(&a.value.median),
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
                let is_meant = |row: &Row| {
                    let mut sizes = sizes.iter();
                    row.scenario == *scenario
                        && row.workload.contains(words)
                        && sizes.all(|(name, size)| row.sizes.get(*name) == Some(size))
                };
                let rows = file.rows.iter().filter(|row| is_meant(&row.what));
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
