//! New certificates without a new start. In: the files, looked at every second, and a word from whoever wants them read now. Out: the
//! configuration for new connections. Connections that are there keep theirs; a file that cannot be used changes nothing.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use slog::{Logger, error, info, warn};
use tokio::sync::Notify;

use super::certificate::{Files, Loaded, load};
use super::facts;
use crate::ops::config::Config;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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

/// Looks for ever. `stamp` is of the files in force; `told` has them read at once; `put` takes what is to be used from now on, and is
/// done when it is.
pub async fn watch(
    config: Arc<Config>,
    mut stamp: Stamp,
    told: Arc<Notify>,
    log: Logger,
    put: impl AsyncFn(Arc<ServerConfig>),
) {
    let mut changed: Option<Stamp> = None;
    loop {
        let is_told = tokio::select! {
            () = told.notified() => true,
            () = tokio::time::sleep(LOOK_EVERY) => false,
        };
        let now = Stamp::now(&config);
        if !is_told {
            if now == stamp {
                changed = None;
                continue;
            }
            // A pair is two files: it is read once both have been left alone for a while.
            if changed.as_ref() != Some(&now) {
                changed = Some(now);
                continue;
            }
        }
        (stamp, changed) = (now, None);
        match Files::of(&config).map(|files| load(&files)) {
            None if is_told => {
                info!(
                    log,
                    "no certificate to read; make one with `gencomm certs make`"
                );
            }
            None => warn!(
                log,
                "the certificate's files are gone; the one in force stays until the server ends"
            ),
            Some(Ok(loaded)) => {
                put(loaded.config.clone()).await;
                announce(&log, "TLS certificate read anew", &loaded);
            }
            Some(Err(error)) => {
                error!(log, "new TLS certificate not used; what was in force stays";
                "why" => %error)
            }
        }
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
