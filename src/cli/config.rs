//! `gencomm config check|default|show`.
//!
//! In: a configuration folder. Out: text on standard output, mistakes on standard error, and the exit code.

use std::io::{self, Write};
use std::path::Path;

use crate::ops::config::{DEFAULT_TEXT, Loaded, process_environment};

/// Exit code when all is well.
const OK: u8 = 0;
/// Exit code when standard output could not be written.
const FAILED: u8 = 1;
/// Exit code for mistakes in the configuration.
const BAD_CONFIGURATION: u8 = 2;

/// Reads the configuration in `dir` as the server would and says whether it is right.
pub fn check(dir: &Path) -> u8 {
    with(dir, checked)
}

/// Prints the embedded text: every key with its unit, its default and the reason for it.
pub fn default() -> u8 {
    print(DEFAULT_TEXT)
}

/// Prints every key with the value in force and where that came from.
pub fn show(dir: &Path) -> u8 {
    with(dir, |_, loaded| shown(loaded))
}

fn with(dir: &Path, text: impl FnOnce(&Path, &Loaded) -> String) -> u8 {
    match Loaded::read(dir, &process_environment()) {
        Ok(loaded) => print(&text(dir, &loaded)),
        Err(error) => {
            // Nobody is left to tell if standard error is closed.
            let _ = writeln!(io::stderr(), "{error}");
            BAD_CONFIGURATION
        }
    }
}

fn checked(dir: &Path, loaded: &Loaded) -> String {
    let mut text = format!("configuration ok: {}\n", dir.display());
    for file in &loaded.files {
        text.push_str(&format!("  read {}\n", file.display()));
    }
    if loaded.files.is_empty() {
        text.push_str("  no file there; the built-in values are in force\n");
    }
    let variables = loaded
        .settings
        .iter()
        .filter(|setting| setting.origin.starts_with("environment"));
    for setting in variables {
        text.push_str(&format!("  {} from {}\n", setting.key, setting.origin));
    }
    text
}

/// One `key = value  # origin` a line, the origins below each other; it is TOML.
fn shown(loaded: &Loaded) -> String {
    let lines: Vec<(String, &str)> = loaded
        .settings
        .iter()
        .map(|setting| {
            (
                format!("{} = {}", setting.key, setting.value),
                setting.origin.as_str(),
            )
        })
        .collect();
    let width = lines
        .iter()
        .map(|(line, _)| line.chars().count())
        .max()
        .unwrap_or(0);
    lines
        .iter()
        .map(|(line, origin)| format!("{line:width$}  # {origin}\n"))
        .collect()
}

/// Writes `text` to standard output. A reader that has seen enough (`| head`) is no failure.
fn print(text: &str) -> u8 {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => OK,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => OK,
        Err(error) => {
            let _ = writeln!(io::stderr(), "standard output cannot be written: {error}");
            FAILED
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::ops::config::Environment;

    #[test]
    fn what_is_shown_is_toml_and_names_each_origin() {
        let dir = tempfile::tempdir().unwrap();
        let text = "[server]\nname = \"x\"\n[logging.levels]\n\"hub::room\" = \"debug\"\n";
        fs::write(dir.path().join("local.toml"), text).unwrap();
        let environment: Environment = [("GENCOMM__AUTH__GUESTS".into(), "never".into())].into();
        let loaded = Loaded::read(dir.path(), &environment).unwrap();

        let text = shown(&loaded);
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["server"]["name"].as_str(), Some("x"));
        assert_eq!(
            table["logging"]["levels"]["hub::room"].as_str(),
            Some("debug")
        );
        let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap();
        assert!(line("server.name").ends_with("/local.toml"));
        assert!(line("auth.guests").ends_with("# environment variable GENCOMM__AUTH__GUESTS"));
        assert!(line("rooms.tail_bytes = \"4MiB\"").ends_with("# built in"));

        let text = checked(dir.path(), &loaded);
        assert!(
            text.starts_with(&format!("configuration ok: {}\n", dir.path().display())),
            "{text}"
        );
        assert!(
            text.contains("/local.toml\n") && text.contains("auth.guests from environment"),
            "{text}"
        );
    }

    #[test]
    fn exit_codes() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(check(&dir.path().join("missing")), BAD_CONFIGURATION);
        fs::write(dir.path().join("local.toml"), "[server]\nnmae = 1\n").unwrap();
        assert_eq!(show(dir.path()), BAD_CONFIGURATION);
    }
}
