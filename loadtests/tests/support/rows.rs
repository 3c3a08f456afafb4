//! Running a scenario and looking at what it measured.

use std::path::PathBuf;

use serde_json::Value;

use super::support::run;

/// Runs a scenario once and returns its rows.
pub(crate) fn rows(arguments: &[&str]) -> Vec<Value> {
    let name = format!("rows-{}-{}.json", std::process::id(), arguments.join(""));
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

/// The median of a row's figure.
pub(crate) fn figure(row: &Value, name: &str) -> f64 {
    let figures = row["figures"].as_array().unwrap();
    let found = figures.iter().find(|figure| figure["name"] == name);
    found.unwrap_or_else(|| panic!("{row} has no {name}"))["median"]
        .as_f64()
        .unwrap()
}
