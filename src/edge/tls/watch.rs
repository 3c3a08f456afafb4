//! New certificates without a new start. In: looks at the files. Out: what was found when they are others. Owns what the last look has
//! seen; what is done about it is decided elsewhere (`ops::reload`).

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use slog::{Logger, info, warn};

use super::certificate::{CertificateError, Files, Loaded, load};
use super::facts;
use crate::ops::config::Config;

/// Between two looks.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What tells one state of the files from another: each one's time of change, size and number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(Vec<Option<(i64, i64, u64, u64)>>);

impl Stamp {
    /// Of the files that `config` stands for now.
    pub fn now(config: &Config) -> Self {
        let files = Files::of(config);
        Self(files.iter().flat_map(Files::paths).map(of_file).collect())
    }
}

fn of_file(path: &Path) -> Option<(i64, i64, u64, u64)> {
    let data = path.metadata().ok()?;
    Some((data.mtime(), data.mtime_nsec(), data.size(), data.ino()))
}

/// What a look has found.
#[derive(Debug)]
pub enum Seen {
    /// Other files that can be used.
    New(Loaded),
    /// Other files that cannot.
    Bad(CertificateError),
    /// The files are gone.
    Gone,
}

/// The files in force, and what the look before has seen of others.
#[derive(Debug)]
pub struct Watch {
    in_force: Stamp,
    changed: Option<Stamp>,
}

impl Watch {
    /// `in_force` is of the files that are offered now.
    pub fn new(in_force: Stamp) -> Self {
        Self {
            in_force,
            changed: None,
        }
    }

    /// One look, every [`LOOK_EVERY`]. Finds something once for each change.
    pub fn look(&mut self, config: &Config) -> Option<Seen> {
        let now = Stamp::now(config);
        if now == self.in_force {
            self.changed = None;
            return None;
        }
        // A pair is two files: it is read once both have been left alone for a while.
        if self.changed.as_ref() != Some(&now) {
            self.changed = Some(now);
            return None;
        }
        *self = Self::new(now);
        Some(match Files::of(config).map(|files| load(&files)) {
            None => Seen::Gone,
            Some(Ok(loaded)) => Seen::New(loaded),
            Some(Err(error)) => Seen::Bad(error),
        })
    }
}

/// Says what is offered from now on, until when.
pub fn announce(log: &Logger, what: &'static str, loaded: &Loaded) {
    let facts = &loaded.facts;
    info!(log, "{}", what; "valid_until" => facts::date(facts.not_after),
        "days_left" => facts.days_left(facts::now()), "sha256" => &facts.fingerprint,
        "names" => facts.names.join(" "));
    for warning in &loaded.warnings {
        warn!(log, "TLS certificate: {}", warning);
    }
}
