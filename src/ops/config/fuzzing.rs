//! Configurations of any text: each mistake is told as one line with its place, and what is taken is right in itself.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::layer::{Layer, Origin};
use super::load::{defaults, merge, parse_table};
use super::units::{ByteSize, parse_duration, parse_size};
use super::{Environment, KEYS, Loaded, Problem, changes};
use crate::fuzzing::Input;

/// Longest that one problem may be: names that were written are repeated in it, and the known ones named.
const PROBLEM_BYTES_MAX: usize = 8192;

static DEFAULTS: LazyLock<Loaded> =
    LazyLock::new(|| merge(Vec::new(), &Environment::new()).expect("the defaults"));

/// A value, a file or a variable alone: what costs little.
pub fn config_text(data: &[u8]) {
    let mut input = Input(data);
    match input.byte() % 3 {
        0 => values(&String::from_utf8_lossy(input.0)),
        1 => {
            if let Some(table) = table(input.0) {
                let layer = Layer::from_table(&origin(), table, defaults());
                layer.problems.iter().for_each(told);
            }
        }
        _ => {
            let variables = variables(input.0);
            let layer = Layer::from_variables(&variables, defaults());
            layer.problems.iter().for_each(told);
        }
    }
}

/// A file and variables together, as a start would take them, and as a reload would.
pub fn config(data: &[u8]) {
    let mut input = Input(data);
    let Some(file) = table(input.piece()) else {
        return;
    };
    let environment = variables(input.0);
    let read = match merge(vec![(PathBuf::from("local.toml"), file)], &environment) {
        Ok(read) => read,
        Err(error) => {
            assert!(!error.problems.is_empty(), "refused without a reason");
            return error.problems.iter().for_each(told);
        }
    };
    let same = changes(&read, &read).expect("nothing changes");
    assert!(same.changes.is_empty());
    match changes(&DEFAULTS, &read) {
        Ok(found) => {
            for key in KEYS {
                let kept = (key.is_same)(&found.next.config, &DEFAULTS.config);
                let taken = (key.is_same)(&found.next.config, &read.config);
                let is_told = found.changes.iter().any(|change| change.key == key.name);
                assert_eq!(is_told, !(key.is_same)(&DEFAULTS.config, &read.config));
                assert!(
                    if key.takes.is_live() { taken } else { kept },
                    "{}",
                    key.name
                );
            }
        }
        Err(error) => error.problems.iter().for_each(told),
    }
}

fn origin() -> Origin {
    Origin::File(PathBuf::from("local.toml"))
}

fn table(bytes: &[u8]) -> Option<toml::Table> {
    match parse_table(Path::new("local.toml"), bytes.to_vec()) {
        Ok(table) => Some(table),
        Err(problem) => {
            told(&problem);
            None
        }
    }
}

/// `SECTION__KEY=value` on lines.
fn variables(bytes: &[u8]) -> Environment {
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| {
        let at = memchr::memchr(b'=', line)?;
        let name = [b"GENCOMM__", &line[..at]].concat();
        Some((
            OsString::from_vec(name),
            OsString::from_vec(line[at + 1..].to_vec()),
        ))
    });
    lines.take(8).collect()
}

/// A problem says where and what, and does not flood whoever reads it.
fn told(problem: &Problem) {
    assert!(!problem.subject.is_empty() && !problem.what.is_empty());
    let text = problem.to_string();
    assert!(text.len() <= PROBLEM_BYTES_MAX, "{} bytes", text.len());
}

fn values(text: &str) {
    if let Ok(size) = parse_size(text) {
        assert_eq!(parse_size(&ByteSize(size).to_string()), Ok(size), "{text}");
    }
    if let Ok(duration) = parse_duration(text) {
        assert!(std::time::Instant::now().checked_add(duration).is_some());
        let again = format!("{}ms", duration.as_millis());
        assert_eq!(parse_duration(&again), Ok(duration), "{text}");
    }
    if let Ok(age) =
        crate::term::time::since(text, crate::edge::wire::timestamp::Timestamp::default())
    {
        assert!(age.as_micros() < u64::MAX);
    }
}
