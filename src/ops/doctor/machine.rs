//! The machine: descriptors, the codec on this processor, the clock.

use super::Finding;
use crate::edge::wire::c16;
use crate::edge::wire::timestamp::Timestamp;
use crate::ops::sys;

/// With so many, the server holds at least 19,000 connections.
const DESCRIPTORS_WANTED: u64 = 20_000;
/// 2024-01-01: this program did not exist before.
const CLOCK_MIN: Timestamp = Timestamp::from_micros(1_704_067_200_000_000);
/// 2100-01-01.
const CLOCK_MAX: Timestamp = Timestamp::from_micros(4_102_444_800_000_000);
/// A clock may be corrected by so much without a word, in microseconds.
const CLOCK_STEP_MICROS: u64 = 5_000_000;

/// How many connections this process may hold; 0 `connections` = as many as possible.
pub(super) fn descriptors(connections: usize) -> Finding {
    match sys::descriptor_limit() {
        Ok((soft, hard)) => rate_descriptors(soft, hard, connections as u64),
        Err(error) => Finding::warn(
            "descriptors",
            format!("unknown: {error}"),
            "look with `ulimit -n`",
        ),
    }
}

pub(super) fn rate_descriptors(soft: u64, hard: u64, connections: u64) -> Finding {
    const NAME: &str = "descriptors";
    let found = format!(
        "{} now, {} at most (the server raises it)",
        count(soft),
        count(hard)
    );
    let remedy =
        "raise the hard limit: LimitNOFILE= in the systemd unit, or /etc/security/limits.conf";
    if connections >= hard {
        let found = format!("{found}; limits.connections asks for {connections} connections");
        return Finding::warn(NAME, found, remedy);
    }
    if hard < DESCRIPTORS_WANTED {
        Finding::warn(NAME, found, remedy)
    } else {
        Finding::ok(NAME, found)
    }
}

fn count(limit: u64) -> String {
    if limit == u64::MAX {
        "unlimited".to_owned()
    } else {
        limit.to_string()
    }
}

/// Whether the codec is right with the instructions of this processor.
pub(super) fn c16() -> Finding {
    match c16::self_test() {
        Ok(name) => Finding::ok(
            "C16 self-test",
            format!("every implementation agrees; {name} is in use"),
        ),
        Err(what) => Finding::fail(
            "C16 self-test",
            what,
            "do not serve from this machine: build again from clean sources, and test its memory and processor",
        ),
    }
}

/// Whether the clock can be right; `newest` is the time of the log's newest record.
pub(super) fn clock(newest: Option<Timestamp>) -> Finding {
    rate_clock(Timestamp::now(), newest)
}

pub(super) fn rate_clock(now: Timestamp, newest: Option<Timestamp>) -> Finding {
    const NAME: &str = "clock";
    let remedy = "set the clock, and let NTP keep it: timedatectl set-ntp true";
    if now < CLOCK_MIN || now > CLOCK_MAX {
        return Finding::fail(
            NAME,
            format!("{now} seconds since 1970 cannot be now"),
            remedy,
        );
    }
    match newest {
        Some(newest) if newest.as_micros() > now.as_micros() + CLOCK_STEP_MICROS => Finding::warn(
            NAME,
            format!("{now} is before the log's newest record ({newest})"),
            format!("{remedy}; or the record was imported with such a time"),
        ),
        _ => Finding::ok(NAME, format!("{now} seconds since 1970")),
    }
}
