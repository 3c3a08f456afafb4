//! `gencomm user ...` and `gencomm audit`, as the one who runs the server uses them.

mod beside;
mod people;
mod secrets;
mod tokens;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A password that is good enough.
const PASSWORD: &str = "tuesday rain on tin";

/// What a run of the program left: exit code, standard output, standard error.
pub struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    /// Standard output of what worked.
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self.out
    }

    /// Standard error of what failed.
    #[track_caller]
    fn failed(self) -> String {
        assert_eq!(self.code, Some(1), "{}\n{}", self.out, self.err);
        assert_eq!(self.out, "");
        self.err
    }

    /// Standard error of what was asked for wrongly.
    #[track_caller]
    fn misused(self) -> String {
        assert_eq!(self.code, Some(2), "{}\n{}", self.out, self.err);
        self.err
    }

    /// The JSON objects on standard output of what worked.
    #[track_caller]
    fn json(self) -> Vec<Value> {
        let out = self.ok();
        let parse = |line| serde_json::from_str(line).expect("JSON");
        out.lines().map(parse).collect()
    }
}

/// A folder with a configuration in it, without which settings in the environment count for nothing.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(home.path().join("config")).expect("the configuration folder");
    home
}

/// A data folder, and the program run over it.
pub struct Place {
    home: tempfile::TempDir,
    data: PathBuf,
}

impl Place {
    /// One without accounts.
    fn new() -> Self {
        let home = home();
        let data = home.path().join("data");
        Self { home, data }
    }

    /// One with the admin `alice`.
    fn with_alice() -> Self {
        let place = Self::new();
        place.add("alice", &["--role", "admin"]);
        place
    }

    /// The accounts that a server in `data` has.
    fn of_server(data: &Path) -> Self {
        Self {
            home: home(),
            data: data.to_owned(),
        }
    }

    fn add(&self, name: &str, more: &[&str]) {
        let words = [&["user", "add", name, "--password-stdin"], more].concat();
        self.run_with(&words, PASSWORD).ok();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gencomm"));
        self.dress(&mut command);
        command.args(words);
        command
    }

    /// Where and with which settings every run is.
    fn dress(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GENCOMM__") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(self.home.path())
            .env("GENCOMM__SERVER__DATA_DIR", &self.data)
            .env("GENCOMM__AUTH__ARGON2_MEMORY", "1MiB")
            .env("USER", "tester")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    }

    fn run(&self, words: &[&str]) -> Ran {
        end(self.command(words), "")
    }

    fn run_with(&self, words: &[&str], input: &str) -> Ran {
        let mut command = self.command(words);
        command.stdin(Stdio::piped());
        end(command, input)
    }

    /// The action and subject of every entry in the audit log.
    fn audit(&self) -> Vec<(String, Option<String>)> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let entries = self.run(&["audit", "--json"]).json();
        let entry = |one: &Value| (text(&one["action"]).expect("a word"), text(&one["subject"]));
        entries.iter().map(entry).collect()
    }
}

fn end(mut command: Command, input: &str) -> Ran {
    let mut child = command.spawn().expect("the program runs");
    if let Some(mut stdin) = child.stdin.take() {
        // Who refuses early reads nothing.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().expect("the program ends");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}
