//! Every scenario, tiny, against the real server: the benchmarks themselves have to work, and so have their checks.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtests"));
    command.args(arguments).output().unwrap()
}

/// Runs a scenario once and returns its rows.
fn rows(arguments: &[&str]) -> Vec<Value> {
    let name = format!("small-{}-{}.json", std::process::id(), arguments.join(""));
    let json = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let path = json.to_str().unwrap();
    let output = run(&[arguments, &["--runs", "1", "--json", path]].concat());
    let (out, err) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {err}");
    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    std::fs::remove_file(&json).unwrap();
    let rows = report["rows"].as_array().unwrap().clone();
    let text = String::from_utf8_lossy(out);
    for row in &rows {
        assert!(text.contains(row["workload"].as_str().unwrap()), "{text}");
        for figure in row["figures"].as_array().unwrap() {
            assert!(figure["median"].as_f64().unwrap().is_finite(), "{figure}");
        }
    }
    rows
}

fn figure(row: &Value, name: &str) -> f64 {
    let figures = row["figures"].as_array().unwrap();
    let found = figures.iter().find(|figure| figure["name"] == name);
    found.unwrap_or_else(|| panic!("{row} has no {name}"))["median"]
        .as_f64()
        .unwrap()
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
fn durable_counts_commits() {
    let rows = rows(&["durable", "--senders", "20", "--messages", "200"]);
    assert!(figure(&rows[0], "commits") > 0.0);
}

#[test]
fn single_and_latency_time_their_deliveries() {
    let few = rows(&["single", "--readers", "10", "--messages", "20"]);
    assert!(figure(&few[0], "to the last reader, p50") > 0.0);
    let few = rows(&[
        "latency",
        "--readers",
        "5",
        "--messages",
        "20",
        "--rate",
        "200",
    ]);
    assert!(figure(&few[0], "max") >= figure(&few[0], "p50"));
}

#[test]
fn a_server_that_does_not_start_is_an_error_that_says_so() {
    let output = run(&["fanout", "--server-binary", env!("CARGO_BIN_EXE_loadtests")]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && err.contains("READY"), "{err}");
}
