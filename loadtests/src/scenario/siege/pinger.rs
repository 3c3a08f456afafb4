//! A client that is logged in and sends PINGs at a steady rate. Out: how late each answer was, from the moment at which its PING was to be
//! sent.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;

use crate::crowd::{Crowd, Heard};
use crate::people::Person;

/// How late the last answer may be.
const DEADLINE: Duration = Duration::from_secs(30);

/// What `person` says to come back.
pub(super) fn log_in(person: &Person) -> Vec<u8> {
    format!("AUTH;in;TOKEN;{}\n", STANDARD.encode(&person.token)).into_bytes()
}

/// Pings for `life`, `rate` times a second; ends early when `is_over`.
pub(super) fn ping(
    server: SocketAddrV4,
    source: Ipv4Addr,
    log_in: Vec<u8>,
    rate: u32,
    life: Duration,
    is_over: &AtomicBool,
) -> Result<Histogram<u64>> {
    let (mut crowd, mut heard) = (Crowd::new(server)?, Vec::new());
    crowd.open(0, source, log_in)?;
    let mut delays = Histogram::<u64>::new(3)?;
    wait_for_line(&mut crowd, "OK;in;")?;
    let start = Instant::now();
    let due = |ping: u64| start + Duration::from_secs(1).mul_f64(ping as f64 / f64::from(rate));
    let count = (life.as_secs_f64() * f64::from(rate)) as u64;
    let deadline = start + life + DEADLINE;
    let (mut sent, mut answered) = (0, 0);
    while answered < count && !is_over.load(Ordering::Relaxed) {
        let now = Instant::now();
        while sent < count && due(sent) <= now {
            crowd.say(0, format!("PING;{sent};{sent}\n").as_bytes())?;
            sent += 1;
        }
        let next = match sent < count {
            true => due(sent),
            false => now + Duration::from_millis(100),
        };
        crowd.turn(next.saturating_duration_since(Instant::now()), &mut heard)?;
        let now = Instant::now();
        for (_, what) in heard.drain(..) {
            let expected = format!("PONG;{answered};{answered}");
            ensure!(
                what == Heard::Line(expected.clone().into_bytes()),
                "expected {expected}, got {what:?}"
            );
            let delay = now.saturating_duration_since(due(answered));
            delays.record(u64::try_from(delay.as_nanos())?)?;
            answered += 1;
        }
        ensure!(now < deadline, "{answered} of {count} PINGs were answered");
    }
    Ok(delays)
}

fn wait_for_line(crowd: &mut Crowd, begin: &str) -> Result<()> {
    let (deadline, mut heard) = (Instant::now() + DEADLINE, Vec::new());
    while Instant::now() < deadline {
        crowd.turn(Duration::from_millis(100), &mut heard)?;
        match heard.pop() {
            None => {}
            Some((_, Heard::Line(line))) if line.starts_with(begin.as_bytes()) => return Ok(()),
            Some((_, other)) => bail!("expected {begin}.., got {other:?}"),
        }
    }
    bail!("expected {begin}.., got nothing")
}
