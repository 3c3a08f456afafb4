//! What is made of figures, end to end: files that are written, read back, put into a page, compared; and the workloads that grow.

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use support::run;

const PAGE: &str = "# Kept\n<!-- figures: begin -->\nold\n<!-- figures: end -->\n\nKept as well.\n";

/// A folder that goes with the test.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn ok(output: &Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A file with one row: a figure with these runs.
fn write(path: &Path, server: &str, runs: &[f64]) {
    let figure = json!({"name": "server CPU", "unit": "s per million", "runs": runs});
    let row = json!({
        "server": server, "durability": "always", "scenario": "single", "workload": "1 x 500 to 1001",
        "sizes": {"readers": 1000, "messages": 500}, "figures": [figure],
    });
    let file = json!({
        "format": 2, "date": "2026-11-22T20:00:00Z", "server_version": "gencomm 0.1.0",
        "machine": {"cpu": "abacus", "cores": 2, "kernel": "6", "memory_kib": 1048576},
        "rows": [row], "series": [],
    });
    std::fs::write(path, file.to_string()).unwrap();
}

#[test]
fn a_measured_file_says_where_and_what_and_goes_into_the_page() {
    let folder = folder();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let (json, page, charts) = (path("a.json"), path("page.md"), path("charts"));
    let sizes = ["--readers", "5", "--rate", "200", "--messages", "20"];
    let how = ["--durability", "os", "--runs", "2", "--json", text(&json)];
    ok(&run(&[&["latency"], &sizes[..], &how[..]].concat()));

    let file: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(file["format"], 2);
    assert!(file["date"].as_str().unwrap().ends_with('Z'), "{file}");
    let version = file["server_version"].as_str().unwrap();
    assert!(version.starts_with("gencomm "), "{version}");
    let machine = &file["machine"];
    assert!(machine["cores"].as_u64().unwrap() > 0 && machine["memory_kib"].as_u64().unwrap() > 0);
    let row = &file["rows"][0];
    assert_eq!(row["server"], "gencomm");
    assert_eq!(row["durability"], "os");
    assert_eq!(row["sizes"]["readers"], 5);
    let figures = row["figures"].as_array().unwrap();
    let named = |name: &str| figures.iter().find(|figure| figure["name"] == name);
    for name in ["p50", "p99", "p99.9", "max"] {
        let figure = named(name).unwrap_or_else(|| panic!("{row} has no {name}"));
        assert_eq!(figure["runs"].as_array().unwrap().len(), 2, "{figure}");
    }

    std::fs::write(&page, PAGE).unwrap();
    let report = ["report", text(&json), "--page", text(&page), "--out"];
    ok(&run(&[&report[..], &[text(&charts)]].concat()));
    let written = std::fs::read_to_string(&page).unwrap();
    assert!(
        written.starts_with("# Kept\n<!-- figures: begin -->\nMeasured 20"),
        "{written}"
    );
    assert!(
        written.ends_with("<!-- figures: end -->\n\nKept as well.\n"),
        "{written}"
    );
    assert!(!written.contains("\nold\n"), "{written}");
    // Five readers are no target's workload.
    assert!(
        written
            .contains("| `latency`, 100 readers, 100 messages/s | os | p50, us | not measured |")
    );
}

#[test]
fn peers_stand_beside_our_figures_in_the_table_and_in_a_chart() {
    let folder = folder();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let (ours, theirs, page, charts) = (
        path("a.json"),
        path("b.json"),
        path("page.md"),
        path("charts"),
    );
    write(&ours, "gencomm", &[2.0, 1.9, 2.1]);
    write(&theirs, "redis 7.0.15", &[3.0]);
    std::fs::write(&page, PAGE).unwrap();
    let report = [
        "report",
        text(&ours),
        text(&theirs),
        "--page",
        text(&page),
        "--out",
    ];
    ok(&run(&[&report[..], &[text(&charts)]].concat()));
    let written = std::fs::read_to_string(&page).unwrap();
    let line = "| always | server CPU, s per million | 2.00 (1.90 to 2.10) | 3 | at most 2.20 | yes | redis 7.0.15: 3.00 | 1.50 |";
    assert!(written.contains(line), "{written}");
    let drawn = std::fs::read_dir(&charts).unwrap().count();
    assert_eq!(written.matches("](charts/").count(), drawn);
    assert_eq!(drawn, 2);
}

#[test]
fn a_page_without_markers_is_left_alone_and_named() {
    let folder = folder();
    let (json, page) = (folder.path().join("a.json"), folder.path().join("page.md"));
    let charts = folder.path().join("charts");
    write(&json, "gencomm", &[2.0]);
    std::fs::write(&page, "no markers\n").unwrap();
    let report = ["report", text(&json), "--page", text(&page), "--out"];
    let output = run(&[&report[..], &[text(&charts)]].concat());
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        err.contains("page.md") && err.contains("<!-- figures: begin -->"),
        "{err}"
    );
    assert_eq!(std::fs::read_to_string(&page).unwrap(), "no markers\n");
    assert!(!charts.exists());
}

#[test]
fn compare_tells_by_its_exit_code_whether_something_got_worse() {
    let folder = folder();
    let (before, after) = (folder.path().join("a.json"), folder.path().join("b.json"));
    write(&before, "gencomm", &[2.0]);
    let code_with = |runs: &[f64]| {
        write(&after, "gencomm", runs);
        let output = run(&["compare", text(&before), text(&after)]);
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), out)
    };
    let (code, out) = code_with(&[2.5]);
    assert_eq!(code, Some(1));
    assert!(out.contains("1.250") && out.contains("WORSE"), "{out}");
    assert_eq!(code_with(&[2.05]).0, Some(0));
    assert_eq!(code_with(&[1.0]).0, Some(0));
    // As far apart, but so are the runs.
    assert_eq!(code_with(&[1.7, 2.5, 3.3]).0, Some(0));
    write(&after, "redis 7.0.15", &[2.0]);
    let output = run(&["compare", text(&before), text(&after)]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(err.contains("no figure in common"), "{err}");
}

#[test]
fn what_grows_is_a_series_with_a_point_for_each_size_and_a_chart_for_each_figure() {
    let folder = folder();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let (json, page, charts) = (path("a.json"), path("page.md"), path("charts"));
    let few = [
        "--readers",
        "4,8",
        "--rooms",
        "1,2",
        "--clients",
        "20,40",
        "--messages",
        "50",
    ];
    let how = ["--durability", "os", "--runs", "1", "--json", text(&json)];
    let out = ok(&run(&[&["growth"], &few[..], &how[..]].concat()));
    assert!(out.contains("single by readers: 8 readers"), "{out}");
    let file: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let series = file["series"].as_array().unwrap();
    let names: Vec<_> = series
        .iter()
        .map(|all| all["name"].as_str().unwrap())
        .collect();
    let expected = [
        "fanout by readers",
        "single by readers",
        "rooms of ten by rooms",
        "idle by clients",
    ];
    assert_eq!(names, expected);
    for all in series {
        let points = all["points"].as_array().unwrap();
        assert_eq!(points.len(), 2, "{all}");
        assert!(points[1]["x"].as_f64() > points[0]["x"].as_f64(), "{all}");
        for point in points {
            let figures = point["figures"].as_array().unwrap();
            assert!(
                figures.iter().any(|figure| figure["name"] == "server CPU"),
                "{point}"
            );
        }
    }
    std::fs::write(&page, PAGE).unwrap();
    let report = ["report", text(&json), "--page", text(&page), "--out"];
    ok(&run(&[&report[..], &[text(&charts)]].concat()));
    let chart = std::fs::read_to_string(charts.join("fanout-by-readers-server-cpu.svg")).unwrap();
    assert!(chart.contains("gencomm (os)"), "{chart}");
}
