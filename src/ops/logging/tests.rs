//! Whole loggers, writing to files.

use std::fs;

use slog::{debug, error, info};

use super::*;
use crate::ops::config::{Config, Level};

fn lines(
    format: LogFormat,
    change: impl FnOnce(&mut Logging),
    log: impl FnOnce(&Logger),
) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut config = Config::built_in().logging;
    config.format = format;
    config.file = Some(path.clone());
    change(&mut config);
    let (logger, guard) = build(&config).unwrap();
    log(&logger);
    // A logger that lives on must not keep the last lines back.
    drop(guard);
    info!(logger, "after the end");
    fs::read_to_string(&path)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn lines_for_people_bear_level_message_and_values() {
    let found = lines(
        LogFormat::Terminal,
        |_| {},
        |logger| {
            let logger = logger.new(o!("connection" => 7));
            info!(logger, "client is in"; "user" => "alice");
            debug!(logger, "not wanted");
            error!(logger, "last line");
        },
    );
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].contains(" INFO client is in, connection: 7, user: alice"),
        "{found:?}"
    );
    assert!(
        found[1].contains(" ERRO last line, connection: 7"),
        "{found:?}"
    );
    assert!(!found[0].contains('\u{1b}'));
}

#[test]
fn lines_for_machines_are_json() {
    let found = lines(
        LogFormat::Json,
        |_| {},
        |logger| info!(logger, "a\nb"; "user" => "alice"),
    );
    assert_eq!(found.len(), 1);
    let line: serde_json::Value = serde_json::from_str(&found[0]).unwrap();
    assert_eq!(
        (&line["msg"], &line["level"]),
        (&"a\nb".into(), &"INFO".into())
    );
    assert_eq!(
        (&line["user"], &line["module"]),
        (&"alice".into(), &module_path!().into())
    );
    assert!(line["ts"].is_string());
}

#[test]
fn a_modules_own_level_counts() {
    let change = |config: &mut Logging| {
        config.level = Level::Error;
        config
            .levels
            .insert("ops::logging".to_owned(), Level::Debug);
    };
    let found = lines(LogFormat::Terminal, change, |logger| {
        debug!(logger, "wanted")
    });
    assert_eq!(found.len(), 1);
}

#[test]
fn strangers_cannot_forge_lines_or_drive_the_terminal() {
    let found = lines(
        LogFormat::Terminal,
        |_| {},
        |logger| {
            info!(logger, "one\nNov 01 INFO two"; "user" => "\u{1b}[2J\u{7f}é\r\n\t", "reason" => "fine; ñ");
        },
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("one\\nNov 01"), "{found:?}");
    assert!(
        found[0].contains("user: \\u{1b}[2J\\u{7f}é\\r\\n\\t, reason: fine; ñ"),
        "{found:?}"
    );
}

#[test]
fn what_overflows_is_counted() {
    let count = QUEUE_LINES_MAX * 8;
    let found = lines(
        LogFormat::Terminal,
        |_| {},
        |logger| {
            for number in 0..count {
                info!(logger, "line"; "number" => number);
            }
            // Room for the report: the writer has to have taken something meanwhile.
            std::thread::sleep(std::time::Duration::from_millis(300));
            info!(logger, "the end");
        },
    );
    let kept = found
        .iter()
        .filter(|line| line.contains(" line, number"))
        .count();
    let dropped = found.iter().any(|line| line.contains("dropped"));
    assert!(
        kept == count || dropped,
        "{kept} of {count} lines and no word of the others"
    );
    assert!(found.last().unwrap().contains("the end"));
}

#[test]
fn a_file_that_cannot_be_opened_names_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::built_in().logging;
    config.file = Some(dir.path().join("missing/log"));
    let error = build(&config).unwrap_err().to_string();
    assert!(
        error.contains("missing/log cannot be written") && error.contains("logging.file"),
        "{error}"
    );
}
