//! The workload of long logs, with short ones, against the real programs: every answer about the past is compared with what was
//! written, so this is also a test of reading over several segments.

mod support;

use std::path::PathBuf;

use serde_json::Value;

use support::run;

fn report(name: &str, arguments: &[&str]) -> Value {
    let name = format!("past-{}-{name}.json", std::process::id());
    let json = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let json_arguments = ["--runs", "1", "--json", json.to_str().unwrap()];
    let output = run(&[&["past"], arguments, &json_arguments].concat());
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {err}");
    let report = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    std::fs::remove_file(&json).unwrap();
    report
}

fn figure(rows: &[Value], workload: &str, name: &str) -> f64 {
    let row = rows.iter().find(|row| row["workload"] == workload);
    let row = row.unwrap_or_else(|| panic!("no {workload} in {rows:?}"));
    let figures = row["figures"].as_array().unwrap();
    let found = figures.iter().find(|figure| figure["name"] == name);
    found.unwrap_or_else(|| panic!("{row} has no {name}"))["median"]
        .as_f64()
        .unwrap()
}

#[test]
fn a_log_is_imported_verified_and_read_back_with_every_answer_right() {
    let sizes = ["--records", "20000", "--requests", "60", "--rooms", "50"];
    let report = report("one", &sizes);
    let rows = report["rows"].as_array().unwrap();
    assert!(report["series"].as_array().unwrap().is_empty());
    for what in ["log import", "log verify, cold", "log verify, warm"] {
        let workload = format!("20000 records, {what}");
        assert!(figure(rows, &workload, "records") > 0.0);
        assert!(figure(rows, &workload, "CPU") > 0.0);
    }
    for how in ["cold", "warm"] {
        let workload = format!("20000 records, start-up, {how}");
        assert!(figure(rows, &workload, "resident memory then") > 1.0);
    }
    for kind in [
        "HISTORY after an id",
        "HISTORY before an id",
        "HISTORY since a time",
        "HISTORY, newest of a busy room",
        "HISTORY, newest of a quiet room",
        "JOIN after an id",
    ] {
        for how in ["one at a time", "10 at a time"] {
            let workload = format!("20000 records, {kind}, {how}");
            let [p50, p99] = ["p50", "p99"].map(|name| figure(rows, &workload, name));
            assert!(p50 > 0.0 && p99 >= p50, "{workload}");
            // Even the quietest room has that many in nine of ten answers.
            assert!(figure(rows, &workload, "messages") > 10.0, "{workload}");
        }
    }
}

#[test]
fn a_series_begins_with_ten_thousand_records() {
    let few = ["--requests", "10", "--connections", "2"];
    let sizes = ["--grow", "--records", "99999"];
    let report = report("grow", &[&sizes[..], &few].concat());
    let series = report["series"].as_array().unwrap();
    assert_eq!(series.len(), 1);
    assert_eq!(series[0]["x_label"], "records");
    let points = series[0]["points"].as_array().unwrap();
    assert_eq!(points.len(), 1);
    assert_eq!(points[0]["x"], 10_000.0);
    let figures = points[0]["figures"].as_array().unwrap();
    assert_eq!(figures.len(), 11, "{figures:?}");
}

#[test]
fn it_takes_no_server_that_runs() {
    let output = run(&["past", "--server", "127.0.0.1:1", "--pid", "1"]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && err.contains("--server"),
        "{err}"
    );
}
