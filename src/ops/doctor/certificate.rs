//! The certificate of the main port: there, readable, of its key, and for how long.

use super::Finding;
use crate::edge::tls::certificate::{Files, load, open_to_others};
use crate::edge::tls::facts::{Facts, date, now};
use crate::ops::config::Config;

const NAME: &str = "certificate";
/// With fewer days left somebody should see to a new one.
const DAYS_WARN: i64 = 14;

pub(super) fn check(config: &Config) -> Finding {
    let Some(files) = Files::of(config) else {
        let main = config.listen.main;
        if main.ip().to_canonical().is_loopback() {
            return Finding::ok(
                NAME,
                format!("none; TLS is not offered, and {main} is this machine's own"),
            );
        }
        return Finding::warn(
            NAME,
            format!("none: whoever is between {main} and its clients can read along and join in"),
            "gencomm certs make, or name one with tls.certificate and tls.key",
        );
    };
    let loaded = match load(&files) {
        Ok(loaded) => loaded,
        Err(error) => {
            let remedy =
                "put it right, or `gencomm certs make --force`; the server does not start with it";
            return Finding::fail(NAME, error.to_string(), remedy);
        }
    };
    if let Some(what) = open_to_others(&files.key) {
        let remedy = format!("chmod 600 {}", files.key.display());
        return Finding::warn(NAME, what, remedy);
    }
    rate(&loaded.facts, now(), &files)
}

pub(super) fn rate(facts: &Facts, now: i64, files: &Files) -> Finding {
    let shown = files.certificate.display();
    let remedy = "get a new one where this one comes from, or `gencomm certs make --force`; a running server notices it";
    if let Some(what) = facts.out_of_time(now) {
        return Finding::fail(NAME, format!("{shown}: {what}"), remedy);
    }
    let (days, end) = (facts.days_left(now), date(facts.not_after));
    let found = format!(
        "{shown}, {}, valid until {end} ({days} days left)",
        facts.key_type
    );
    if days < DAYS_WARN {
        Finding::warn(NAME, found, remedy)
    } else {
        Finding::ok(NAME, found)
    }
}
