//! Other servers beside ours, tiny: their real programs where they are installed. Where one is not, its test says so and checks that the
//! tool says what to install.

mod support;

use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;

use support::run;

/// Runs once; `None`, said aloud, if the server is not installed.
fn rows(arguments: &[&str]) -> Option<Vec<Value>> {
    let name = format!("peers-{}-{}.json", std::process::id(), arguments.join(""));
    let json = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let path = json.to_str().unwrap();
    let output = run(&[arguments, &["--runs", "1", "--json", path]].concat());
    let err = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && err.contains("is not installed") {
        assert!(err.contains("apt-get install "), "{err}");
        // Not by a macro, whose words a test that passes keeps to itself.
        let words = format!("SKIPPED: {arguments:?} was NOT tested: {err}\n");
        let _ = std::io::stderr().write_all(words.as_bytes());
        return None;
    }
    assert!(output.status.success(), "{arguments:?}: {err}");
    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    std::fs::remove_file(&json).unwrap();
    Some(report["rows"].as_array().unwrap().clone())
}

fn figure(row: &Value, name: &str) -> f64 {
    let figures = row["figures"].as_array().unwrap();
    let found = figures.iter().find(|figure| figure["name"] == name);
    found.unwrap_or_else(|| panic!("{row} has no {name}"))["median"]
        .as_f64()
        .unwrap()
}

/// Every workload that other servers can do, with every delivery checked.
fn does_everything(peer: &str) {
    let workloads: [&[&str]; 5] = [
        &["idle", "--clients", "20"],
        &[
            "fanout",
            "--readers",
            "10",
            "--senders",
            "3",
            "--messages",
            "30",
        ],
        &["single", "--readers", "10", "--messages", "5"],
        &["rooms", "--rooms", "5", "--members", "3", "--messages", "6"],
        &[
            "latency",
            "--readers",
            "5",
            "--messages",
            "10",
            "--rate",
            "200",
        ],
    ];
    for workload in workloads {
        let Some(rows) = rows(&[workload, &["--peer", peer]].concat()) else {
            return;
        };
        assert!(!rows.is_empty());
        for row in &rows {
            let server = row["server"].as_str().unwrap();
            assert!(server.starts_with(&format!("{peer} ")), "{server}");
            assert!(figure(row, "server CPU") > 0.0);
        }
    }
}

#[test]
fn redis() {
    does_everything("redis");
}

#[test]
fn ngircd() {
    does_everything("ngircd");
}

#[test]
fn inspircd() {
    does_everything("inspircd");
}

#[test]
fn nats() {
    does_everything("nats");
}

#[test]
fn mosquitto() {
    does_everything("mosquitto");
}

#[test]
fn ours_and_another_are_shown_beside_each_other() {
    let sizes = ["--readers", "5", "--messages", "10", "--peers", "redis"];
    let Some(rows) = rows(&[&["single"], &sizes[..]].concat()) else {
        return;
    };
    let servers: Vec<_> = rows
        .iter()
        .map(|row| row["server"].as_str().unwrap())
        .collect();
    assert!(servers.len() == 2 && servers[0] == "gencomm" && servers[1].starts_with("redis "));
    assert_eq!(
        (&rows[0]["durability"], &rows[1]["durability"]),
        (&"always".into(), &"none".into())
    );
    let output = run(&[&["single", "--runs", "1"], &sizes[..]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("gencomm (always)") && text.contains("(x "),
        "{text}"
    );
}

#[test]
fn what_only_ours_can_do_is_refused_for_others() {
    for name in ["durable", "resume", "storm", "slow", "siege", "all"] {
        let output = run(&[name, "--peer", "redis"]);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && err.contains("only our server"),
            "{err}"
        );
    }
}

#[test]
fn a_message_that_does_not_fit_into_a_line_is_refused() {
    let output = run(&["single", "--peer", "ngircd", "--body-bytes", "500"]);
    let err = String::from_utf8_lossy(&output.stderr);
    let is_said = err.contains("380 bytes at most") || err.contains("is not installed");
    assert!(!output.status.success() && is_said, "{err}");
}
