//! No descriptors left.

use std::time::{Duration, Instant};

use super::cpu_time;
use crate::support::{Builder, Gc2, PATIENCE, Server, fresh_tag};

/// Sealed often, so that the log makes and opens files all the time.
fn builder() -> Builder {
    Server::builder()
        .set("storage.segment_bytes", "256KiB")
        .set("storage.durability", "os")
}

/// Messages in segments that are sealed, most of them.
const BEFORE: usize = 2000;

/// How many descriptors a server has open that serves nobody.
fn at_rest() -> usize {
    let server = builder().start();
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.pid()));
    open.expect("the server's /proc entry").count()
}

/// A server that some ten clients take all descriptors of, but for the quarter that no connection gets.
fn small() -> Server {
    let limit = (at_rest() + 10) * 4 / 3;
    let limit = format!("--nofile={limit}:{limit}");
    builder().under(&["prlimit", &limit]).start()
}

fn complaints(server: &Server) -> usize {
    server
        .log_text()
        .matches("hardly any descriptors left")
        .count()
}

#[test]
fn accepting_backs_off_those_inside_go_on_and_all_is_well_again_after() {
    let server = small();
    let mut ann = server.member("ann", "den");
    let mut bob = server.member("bob", "den");
    let body = "x".repeat(500);
    for _ in 0..BEFORE {
        ann.send(&format!("SEND;;den;{body}"));
        ann.expect_start("MSG;den;");
        bob.expect_start("MSG;den;");
    }
    // Many more than there are descriptors. Those that are one too many are told so.
    let waiting: Vec<Gc2> = (0..100).map(|_| server.connect()).collect();
    server.wait_for_log("hardly any descriptors left");
    let (begun, before) = (Instant::now(), cpu_time(&server));
    // Those inside talk; the log seals segments, and reads sealed ones.
    let mut said = 0;
    while begun.elapsed() < Duration::from_secs(3) {
        let id = ann.say("den", &fresh_tag(), &body);
        bob.until(&format!("MSG;den;{id};"));
        said += 1;
        if said % 10 == 0 {
            bob.send("HISTORY;h;den;after=0;5");
            let lines = bob.until("OK;h;").0;
            let told = lines
                .iter()
                .filter(|line| line.starts_with("HIST;"))
                .count();
            assert_eq!(told, 5, "{lines:?}");
        }
    }
    let busy = cpu_time(&server) - before;
    let idle = {
        let (begun, before) = (Instant::now(), cpu_time(&server));
        std::thread::sleep(Duration::from_secs(2));
        (cpu_time(&server) - before).as_secs_f64() / begun.elapsed().as_secs_f64()
    };
    println!(
        "out of descriptors: {said} messages in 3 s with {busy:?} of processor time, {:.1} % of a core when nobody talks, {} log lines",
        100.0 * idle,
        complaints(&server)
    );
    assert!(idle < 0.3, "{idle} of a core for nothing");
    // One for each listener, and again every ten seconds.
    assert!(complaints(&server) <= 4, "{}", complaints(&server));
    // What else opens something: a reload reads files and comes by a socket.
    let reload = std::process::Command::new(env!("CARGO_BIN_EXE_gencomm"))
        .args(["counters", "--data"])
        .arg(server.data_dir())
        .output()
        .expect("gencomm");
    assert!(
        reload.status.success(),
        "{}",
        String::from_utf8_lossy(&reload.stderr)
    );
    drop(waiting);
    let end = Instant::now() + PATIENCE;
    let mut late = loop {
        let mut late = server.connect();
        late.send("AUTH;login;GUEST;late");
        if late.try_line().is_ok_and(|line| line == "OK;login;late;") {
            break late;
        }
        assert!(Instant::now() < end, "nobody comes in any more");
        std::thread::sleep(Duration::from_millis(50));
    };
    late.join("den", "");
    let id = ann.say("den", &fresh_tag(), "all is well");
    late.until(&format!("MSG;den;{id};"));
    let stored = late.whole_history("den");
    assert_eq!(stored.len(), BEFORE + said + 1);
}
