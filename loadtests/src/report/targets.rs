//! What the server is to reach, and which figures tell whether it does.

use std::fmt;

use super::table::short;

/// One promise.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) of: Of,
    /// The durability that it is made for, if only for one.
    pub(super) durability: Option<&'static str>,
    /// The workload, for people.
    pub(super) workload: &'static str,
    pub(super) figure: &'static str,
    pub(super) unit: &'static str,
    pub(super) bound: Bound,
    /// Others whose figures stand in our own row: the figure's name, and theirs.
    pub(super) rivals: &'static [(&'static str, &'static str)],
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

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AtMost(most) => write!(f, "at most {}", short(*most)),
            AtLeast(least) => write!(f, "at least {}", short(*least)),
        }
    }
}
