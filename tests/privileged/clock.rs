//! A wall clock that jumps by thirty days, forwards and backwards, under the running server (libfaketime): ids go on rising, nobody is
//! put out, what was sent once stays sent once. `GENCOMM_JUMPS` says how often it is set.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;

use crate::support::load::{self, Crowd, Load};
use crate::support::privileges::{self, Need};
use crate::support::{Gc2, PATIENCE, Server, Stop, rounds};

const DAY_SECONDS: f64 = 86_400.0;
const JUMPS: [(&str, f64); 5] = [
    ("+30d", 30.0),
    ("-30d", -30.0),
    ("+0", 0.0),
    ("-30d", -30.0),
    ("+30d", 30.0),
];
/// Longer than a silent client would be let live.
const DWELL: Duration = Duration::from_millis(2500);

const CROWD: Crowd = Crowd {
    rooms: 2,
    senders: 2,
    readers: 1,
    removes: true,
    direct: true,
    registers: false,
    padding: 20,
};

/// Sets what is added to the time; whole at any moment.
fn set_clock(file: &Path, offset: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, offset).expect("the clock");
    std::fs::rename(&new, file).expect("the clock");
}

/// Days by which the server's clock is ahead of ours, from the timestamp of an OK.
fn days_ahead(line: &str) -> f64 {
    let text = line.split(';').nth(3).unwrap_or_default();
    let there: f64 = text
        .parse()
        .unwrap_or_else(|_| panic!("no time in {line:?}"));
    let here = SystemTime::now().duration_since(UNIX_EPOCH);
    (there - here.expect("after 1970").as_secs_f64()) / DAY_SECONDS
}

/// Somebody who says nothing and answers heartbeats; how that ended, if it did.
fn sit(mut client: Gc2, is_over: Arc<AtomicBool>) -> Option<Stop> {
    while !is_over.load(Ordering::Relaxed) {
        match client.try_line_bytes(Duration::from_millis(100)) {
            Ok(_) | Err(Stop::TimedOut) => {}
            Err(why) => return Some(why),
        }
    }
    None
}

fn start(clock: &Path, library: &Path) -> Server {
    load::builder()
        .set("heartbeat.interval", "500ms")
        .set("heartbeat.timeout", "1s")
        .env("LD_PRELOAD", library.display())
        .env("FAKETIME_TIMESTAMP_FILE", clock.display())
        .env("FAKETIME_NO_CACHE", 1)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", 1)
        .env("DONT_FAKE_MONOTONIC", 1)
        .env("NO_FAKE_STAT", 1)
        .start()
}

#[test]
fn jumps_of_thirty_days_put_nobody_out_and_turn_no_id_back() {
    if !privileges::has(&[Need::Faketime]) {
        return;
    }
    let library: PathBuf = privileges::faketime_library().expect("it is there");
    let folder = tempfile::tempdir().expect("a folder");
    let clock = folder.path().join("clock");
    // The accounts are older than any jump: whoever has one reads what was said in its conversations since then, by this clock.
    set_clock(&clock, "-60d");
    let mut server = start(&clock, &library);
    let load = Load::start(server.address(), CROWD);
    let mut ann = server.member("ann", "own");
    let first = ann.say("own", "once", "said once");
    let is_over = Arc::<AtomicBool>::default();
    let (idle, end) = (server.member("idle", "quiet"), is_over.clone());
    let idle = std::thread::spawn(move || sit(idle, end));

    let (mut last, jumps) = (first, rounds("GENCOMM_JUMPS", 3, 20));
    for jump in 0..jumps {
        let (offset, days) = JUMPS[jump % JUMPS.len()];
        set_clock(&clock, offset);
        ann.send(&format!("SEND;j{jump};own;after {offset}"));
        let line = ann.until(&format!("OK;j{jump};")).1;
        assert!(
            (days_ahead(&line) - days).abs() < 1.0,
            "{line:?} after {offset}"
        );
        let id = crate::support::number(&line, 2);
        assert!(id > last, "{id} after {last}");
        last = id;
        assert_eq!(ann.say("own", "once", "said once"), first, "{offset}");
        // Under load and at rest, for longer than a heartbeat takes to put somebody out.
        let end = std::time::Instant::now() + DWELL;
        while std::time::Instant::now() < end {
            assert!(load.goes_on(1, PATIENCE), "nothing is kept at {offset}");
            ann.check_alive();
        }
        assert_eq!(load.cut_off_len(), 0, "somebody was put out at {offset}");
        load.assert_no_failure();
    }
    is_over.store(true, Ordering::Relaxed);
    assert_eq!(
        idle.join().expect("the idle one"),
        None,
        "the idle one was put out"
    );
    drop(ann);

    // Killed at one time, then set to another.
    for (offset, _) in JUMPS {
        server.kill9();
        load.wait_until_all_are_cut_off();
        server.restart();
        load.check(&server, 0);
        load.move_to(server.address());
        // From the first message on the age of what a start has found goes by a clock that nobody sets. A jump before that is a start at
        // another time, which may forget tags.
        assert!(load.goes_on(1, PATIENCE), "nothing is kept after a start");
        set_clock(&clock, offset);
        assert!(load.goes_on(20, PATIENCE), "nothing is kept at {offset}");
    }
    load.finish(&server);
    assert!(server.term().success());
}

#[test]
fn a_restart_at_another_time_keeps_everything_and_turns_no_id_back() {
    if !privileges::has(&[Need::Faketime]) {
        return;
    }
    let library: PathBuf = privileges::faketime_library().expect("it is there");
    let folder = tempfile::tempdir().expect("a folder");
    let clock = folder.path().join("clock");
    set_clock(&clock, "+0");
    let mut server = start(&clock, &library);
    let mut kept = Vec::new();
    for (at, (offset, _)) in JUMPS.iter().cycle().take(8).enumerate() {
        let mut ann = server.member("ann", "den");
        for number in 0..3 {
            let body = format!("message {number} before {offset}");
            let id = ann.say("den", &format!("t{at}.{number}"), &body);
            assert!(
                kept.last().is_none_or(|(last, _)| id > *last),
                "{id} after {kept:?}"
            );
            kept.push((id, body));
        }
        if at % 2 == 0 {
            server.kill9();
        } else {
            assert!(server.term().success());
        }
        set_clock(&clock, offset);
        server.restart();
        assert_eq!(server.guest("reader").whole_history("den"), kept);
    }
}

#[test]
fn a_resume_token_goes_by_the_wall_clock() {
    if !privileges::has(&[Need::Faketime]) {
        return;
    }
    let library: PathBuf = privileges::faketime_library().expect("it is there");
    let folder = tempfile::tempdir().expect("a folder");
    let clock = folder.path().join("clock");
    set_clock(&clock, "+0");
    let server = start(&clock, &library);
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let password = "tuesday rain on tin";
    let mut fay = server.connect();
    fay.ask(&format!("REGISTER;r;fay;{};", base64(password)), "OK;r;fay");
    fay.send(&format!(
        "AUTH;a;PLAIN;{}",
        base64(&format!("\0fay\0{password}"))
    ));
    let answer = fay.expect_start("OK;a;fay;");
    let token = answer.rsplit(';').next().unwrap_or_default();
    let resume = format!("AUTH;b;TOKEN;{}", base64(token));
    for (offset, start) in [
        ("+30d", "ERR;b;unauthenticated;"),
        ("-30d", "OK;b;fay;"),
        ("+0", "OK;b;fay;"),
    ] {
        set_clock(&clock, offset);
        let mut back = server.connect();
        back.send(&resume);
        back.expect_start(start);
        // Who is logged in stays.
        fay.check_alive();
    }
}
