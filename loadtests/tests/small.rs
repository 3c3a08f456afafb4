//! Every scenario, tiny, against the real server: the benchmarks themselves have to work, and so have their checks.

#[path = "support/rows.rs"]
mod rows;
mod support;

use serde_json::Value;

use rows::{figure, rows};
use support::run;

/// The quantiles whose names begin with `what` are all there, in order.
fn rising(row: &Value, what: &str) {
    let delays = ["p50", "p99", "p99.9", "max"].map(|name| figure(row, &format!("{what}{name}")));
    assert!(delays.is_sorted() && delays[0] > 0.0, "{delays:?}");
}

/// What the server had in memory is told so that anybody can work out the ratio.
fn before_and_after(row: &Value) {
    let memory = |when: &str| figure(row, &format!("server memory, {when}"));
    assert!(memory("before") > 0.0 && memory("peak") >= memory("before"));
    let ratio = memory("after") / memory("before");
    assert!((memory("after : before") - ratio).abs() < 1e-6);
}

#[test]
fn fanout_delivers_and_costs_something() {
    let few = ["--readers", "20", "--messages", "50", "--senders", "3"];
    let rows = rows(&[&["fanout"], &few[..]].concat());
    assert_eq!(rows.len(), 1);
    assert!(figure(&rows[0], "deliveries") > 0.0 && figure(&rows[0], "server CPU") > 0.0);
    assert_eq!(rows[0]["durability"], "always");
}

#[test]
fn idle_clients_take_memory() {
    let rows = rows(&["idle", "--clients", "50", "--durability", "os"]);
    assert_eq!(rows.len(), 2);
    assert!(figure(&rows[0], "server CPU") > 0.0);
    assert_eq!(rows[0]["durability"], "os");
}

#[test]
fn c16_is_timed_in_both_directions_at_every_size() {
    let rows = rows(&["c16", "--rounds", "1"]);
    assert_eq!(rows.len(), 6);
    for row in &rows {
        assert!(figure(row, "encode, C16") > 0.0 && figure(row, "decode, C16") > 0.0);
    }
}

#[test]
fn durable_counts_commits() {
    let rows = rows(&["durable", "--senders", "20", "--messages", "200"]);
    assert!(figure(&rows[0], "commits") > 0.0);
}

#[test]
fn single_and_latency_time_their_deliveries() {
    let few = rows(&["single", "--readers", "10", "--messages", "20"]);
    assert!(figure(&few[0], "to the last reader, p50") > 0.0);
    rising(&few[0], "to the last reader, ");
    let few = rows(&[
        "latency",
        "--readers",
        "5",
        "--messages",
        "20",
        "--rate",
        "200",
    ]);
    rising(&few[0], "");
}

#[test]
fn rooms_talk_in_turn() {
    let sizes = ["--rooms", "7", "--members", "3", "--messages", "10"];
    let few = rows(&[&["rooms"], &sizes[..]].concat());
    assert_eq!(few.len(), 1);
    assert!(figure(&few[0], "deliveries") > 0.0 && figure(&few[0], "server CPU") > 0.0);
    rising(&few[0], "to the last member, ");
}

#[test]
fn whoever_stops_reading_gets_everything_later() {
    // More than a room keeps in memory and the sockets hold, so that they go on from the log.
    let sizes = ["--readers", "12", "--stopped", "4", "--senders", "2"];
    let rows = rows(&[&["slow", "--bytes", "12000000"], &sizes[..]].concat());
    assert_eq!(rows.len(), 1);
    assert!(figure(&rows[0], "some stopped: deliveries") > 0.0);
    assert!(figure(&rows[0], "read on: to the last message") > 0.0);
    assert!(figure(&rows[0], "speed of the others, some stopped : all read") > 0.0);
    // Four that do not read: their sockets are full.
    assert!(figure(&rows[0], "bytes in sockets, server's end") > 0.0);
    assert!(figure(&rows[0], "bytes in sockets, clients' end") > 0.0);
    before_and_after(&rows[0]);
}

#[test]
fn more_cannot_stop_reading_than_read() {
    let output = run(&["slow", "--readers", "3", "--stopped", "4"]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && err.contains("--stopped"),
        "{err}"
    );
}

#[test]
fn everybody_comes_back_with_a_token_and_into_a_room() {
    let few = rows(&["resume", "--clients", "50"]);
    assert!(figure(&few[0], "server CPU") > 0.0 && figure(&few[0], "log-ins") > 0.0);
    let joined = rows(&["resume", "--clients", "50", "--join", "--rooms", "7"]);
    assert!(figure(&joined[0], "until the last OK") > 0.0);
}

#[test]
fn whoever_is_cut_off_gets_what_was_missed() {
    let sizes = ["--clients", "60", "--rooms", "3", "--messages", "90"];
    let rows = rows(&[&["storm", "--at-once", "20"], &sizes[..]].concat());
    assert_eq!(rows.len(), 1);
    let until = |what| figure(&rows[0], what);
    assert!(until("until the last missed message") >= until("until the last OK"));
    before_and_after(&rows[0]);
}

#[test]
fn a_storm_takes_at_least_one_client_for_each_room() {
    let output = run(&["storm", "--clients", "3", "--rooms", "4"]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && err.contains("--clients"),
        "{err}"
    );
}

#[test]
fn a_siege_is_answered_and_silent_sockets_go() {
    let rows = rows(&[
        "siege",
        "--silent",
        "50",
        "--attempts",
        "50",
        "--seconds",
        "2",
        "--deadline",
        "1",
    ]);
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert_eq!(figure(row, "PINGs answered"), 200.0);
        assert!(figure(row, "PING, max") >= figure(row, "PING, p50"));
        let answers = [
            "said to be wrong",
            "told to slow down",
            "told that too many wait",
            "closed without an answer",
        ];
        let answered: f64 = answers.iter().map(|name| figure(row, name)).sum();
        assert!(answered > 60.0, "{row}");
        // All of them were closed, and none before it was due.
        assert!(figure(row, "oldest silent socket") >= 1.0);
    }
    // Sixty a minute may try, unless they are exempt.
    assert!(figure(&rows[0], "told to slow down") > 0.0);
    assert_eq!(figure(&rows[1], "told to slow down"), 0.0);
}

#[test]
fn what_brings_its_own_accounts_takes_no_server_that_runs() {
    for name in ["resume", "siege", "legacy"] {
        let output = run(&[name, "--server", "127.0.0.1:1", "--pid", "1"]);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && err.contains("--server"),
            "{err}"
        );
    }
}

#[test]
fn a_server_that_does_not_start_is_an_error_that_says_so() {
    let output = run(&["fanout", "--server-binary", env!("CARGO_BIN_EXE_loadtests")]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && err.contains("READY"), "{err}");
}

#[test]
fn original_clients_hear_each_other_and_so_do_readers_beside_them() {
    let sizes = ["--clients", "12", "--readers", "3", "--messages", "40"];
    let rows = rows(&[&["legacy"], &sizes[..]].concat());
    assert_eq!(rows.len(), 1);
    assert!(figure(&rows[0], "deliveries") > 0.0 && figure(&rows[0], "server CPU") > 0.0);
    let each = figure(&rows[0], "messages in a delivery");
    assert!((1.0..=40.0).contains(&each), "{each}");
}
