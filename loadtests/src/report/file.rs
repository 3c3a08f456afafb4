//! The file for programs. Its form is stable: fields are added, never changed or removed, without raising [`FORMAT`].
//!
//! ```json
//! {
//!   "format": 2,
//!   "date": "2026-11-22T20:15:00Z",
//!   "server_version": "gencomm 0.1.0",
//!   "machine": {"cpu": "..", "cores": 2, "kernel": "6.18.0", "memory_kib": 24684092},
//!   "rows": [{
//!     "server": "gencomm", "durability": "always",
//!     "scenario": "fanout", "workload": "1 x 2000 to 1001 ..", "sizes": {"senders": 1, "readers": 1000},
//!     "figures": [{"name": "server CPU", "unit": "s per million", "median": 0.024, "runs": [0.024, 0.025, 0.024]}]
//!   }],
//!   "series": [{
//!     "server": "gencomm", "durability": "always",
//!     "name": "fanout by readers", "x_label": "readers",
//!     "points": [{"x": 1000, "figures": [{"name": "server CPU", "unit": "s per million", "median": 0.024, "runs": [0.024]}]}]
//!   }]
//! }
//! ```

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{Figure, Outcome, Row, Series};
use crate::proc;

/// Files of another format are refused.
const FORMAT: u32 = 2;

/// Everything that was measured in one call of the program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) format: u32,
    /// When the call ended, UTC.
    pub(crate) date: String,
    /// What the server's binary says that it is; `None` for one that was not started by us, or that does not say.
    pub(crate) server_version: Option<String>,
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<Measured<Row>>,
    pub(crate) series: Vec<Measured<Series>>,
}

/// Figures, and of what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured<T> {
    /// "gencomm", or a peer's name and version.
    pub(crate) server: String,
    /// The durability in force.
    pub(crate) durability: String,
    #[serde(flatten)]
    pub(crate) what: T,
}

/// Where it was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor's model.
    pub(crate) cpu: String,
    /// Cores that this program may use.
    pub(crate) cores: usize,
    /// The kernel's release.
    pub(crate) kernel: String,
    pub(crate) memory_kib: u64,
}

impl Machine {
    /// The one that this runs on.
    pub(crate) fn here() -> Self {
        Self {
            cpu: proc::cpu_model(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: proc::kernel(),
            memory_kib: proc::memory_kib(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cpu, cores, kernel, ..
        } = self;
        let memory_gib = self.memory_kib as f64 / f64::from(1 << 20);
        write!(
            f,
            "{cpu} ({cores} cores), {memory_gib:.0} GiB, Linux {kernel}"
        )
    }
}

impl File {
    /// A file of today, with nothing in it yet.
    pub(crate) fn new(server_version: Option<String>, machine: Machine) -> Self {
        Self {
            format: FORMAT,
            date: now(),
            server_version,
            machine,
            rows: Vec::new(),
            series: Vec::new(),
        }
    }

    /// Adds what a scenario came to with this server.
    pub(crate) fn add(&mut self, outcome: Outcome, server: &str, durability: &str) {
        for row in outcome.rows {
            self.add_row(Measured::new(server, durability, row));
        }
        for series in outcome.series {
            self.add_series(Measured::new(server, durability, series));
        }
        self.date = now();
    }

    /// Adds what another call measured.
    pub(crate) fn absorb(&mut self, other: Self) {
        for row in other.rows {
            self.add_row(row);
        }
        for series in other.series {
            self.add_series(series);
        }
    }

    /// Runs of a workload that is there already are more runs of it.
    fn add_row(&mut self, row: Measured<Row>) {
        let same = |known: &&mut Measured<Row>| known.is_of(&row) && known.what.is_same(&row.what);
        match self.rows.iter_mut().find(same) {
            Some(known) => add_runs(&mut known.what.figures, row.what.figures),
            None => self.rows.push(row),
        }
    }

    /// The same for series, point by point.
    fn add_series(&mut self, series: Measured<Series>) {
        let same = |known: &&mut Measured<Series>| {
            known.is_of(&series) && known.what.name == series.what.name
        };
        let Some(known) = self.series.iter_mut().find(same) else {
            self.series.push(series);
            return;
        };
        for point in series.what.points {
            add_runs(&mut known.what.at(point.x).figures, point.figures);
        }
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(path, text + "\n")
            .with_context(|| format!("{} cannot be written", path.display()))
    }

    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        /// What every format has.
        #[derive(Deserialize)]
        struct Head {
            #[serde(default)]
            format: u32,
        }
        let head: Head = serde_json::from_str(text).context("not a file of figures")?;
        ensure!(
            head.format == FORMAT,
            "a file of format {}; this program reads format {FORMAT}: measure again",
            head.format
        );
        serde_json::from_str(text).context("not a file of figures")
    }
}

impl<T> Measured<T> {
    fn new(server: &str, durability: &str, what: T) -> Self {
        Self {
            server: server.to_owned(),
            durability: durability.to_owned(),
            what,
        }
    }

    /// Whether both are of the same server with the same durability.
    pub(super) fn is_of<U>(&self, other: &Measured<U>) -> bool {
        self.server == other.server && self.durability == other.durability
    }
}

fn add_runs(known: &mut Vec<Figure>, more: Vec<Figure>) {
    for figure in more {
        for run in figure.runs {
            super::add(known, &figure.name, &figure.unit, run);
        }
    }
}

fn now() -> String {
    let now = chrono::Utc::now();
    now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> File {
        let machine = Machine {
            cpu: "abacus".to_owned(),
            cores: 2,
            kernel: "6".to_owned(),
            memory_kib: 640,
        };
        let mut row = Row::new("fanout", "tiny".to_owned()).with_sizes(&[("readers", 3)]);
        row.add("cpu", "s", 0.1 + 0.2);
        row.add("cpu", "s", 1e-9);
        let mut series = Series::new("by readers", "readers");
        series.add(10.0, "cpu", "s", 2.0);
        let mut file = File::new(Some("gencomm 0.1.0".to_owned()), machine);
        let outcome = Outcome {
            rows: vec![row],
            series: vec![series],
        };
        file.add(outcome, "gencomm", "always");
        file
    }

    #[test]
    fn what_is_written_reads_back_as_it_was() {
        let file = sample();
        let text = serde_json::to_string(&file).unwrap();
        assert_eq!(File::parse(&text).unwrap(), file);
    }

    #[test]
    fn the_same_workload_again_is_more_runs_and_another_server_is_another_row() {
        let mut file = sample();
        file.absorb(sample());
        assert_eq!((file.rows.len(), file.series.len()), (1, 1));
        assert_eq!(file.rows[0].what.figures[0].runs.len(), 4);
        assert_eq!(file.series[0].what.points[0].figures[0].runs, [2.0, 2.0]);
        let mut other = sample();
        other.rows[0].server = "redis 7.0.15".to_owned();
        other.series[0].durability = "os".to_owned();
        file.absorb(other);
        assert_eq!((file.rows.len(), file.series.len()), (2, 2));
    }

    #[test]
    fn its_form_is_the_documented_one() {
        let value = serde_json::to_value(sample()).unwrap();
        let row = &value["rows"][0];
        assert_eq!(row["server"], "gencomm");
        assert_eq!(row["durability"], "always");
        assert_eq!(row["sizes"]["readers"], 3);
        assert_eq!(row["figures"][0]["runs"][1], 1e-9);
        assert_eq!(value["series"][0]["points"][0]["x"], 10.0);
        assert_eq!(value["machine"]["cores"], 2);
        assert_eq!(value["server_version"], "gencomm 0.1.0");
    }

    #[test]
    fn other_files_are_refused_with_the_reason() {
        let refused = |text: &str| format!("{:#}", File::parse(text).unwrap_err());
        assert!(refused("{\"rows\": []}").contains("format 0"));
        assert!(refused("nothing").contains("not a file of figures"));
        assert!(refused("{\"format\": 2}").contains("date"));
    }
}
