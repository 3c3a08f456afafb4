//! `gencomm log ...` and `gencomm doctor`, as a person runs them: without a server and beside one.

mod heads;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Server;

/// What a run of the program left: exit code, standard output, standard error.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs the program to its end over the data folder `data`.
fn gencomm(data: &Path, words: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gencomm"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GENCOMM__") {
            command.env_remove(name);
        }
    }
    let output = command
        .args(words)
        // No configuration folder is here, so the built-in values hold.
        .current_dir(data.parent().expect("a folder around the data"))
        .env("GENCOMM__SERVER__DATA_DIR", data)
        .env("GENCOMM__STORAGE__JOURNAL_BYTES", "1MiB")
        .output()
        .expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

impl Ran {
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self.out
    }

    #[track_caller]
    fn failed(self) -> String {
        assert_eq!(self.code, Some(1), "{}\n{}", self.out, self.err);
        format!("{}{}", self.out, self.err)
    }
}

/// `gencomm log` with the folder named on the command line, since no configuration is.
fn log(data: &Path, words: &[&str]) -> Ran {
    let data_text = data.to_str().expect("a path in UTF-8");
    gencomm(data, &[&["log", "--data", data_text], words].concat())
}

/// A configuration folder beside `data` whose journal is small.
fn home() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(home.path().join("config")).expect("the configuration folder");
    let data = home.path().join("data");
    (home, data)
}

/// A file of the original as its faults leave it.
const DAMAGED: &[u8] = b"\n2;1640995200.1;alice;Hello; world!\r\n\n3;1640995201.25;b b#OB;two\\nlines \\\\ \\q\n\
    nonsense\n2;1640995100.5;carol#dev;again\n4;not a time;x;y\n5;1640995202;dan;caf\xe9\n;;;\n6;1640995203.75;alice;last";

#[test]
fn a_damaged_original_file_is_taken_in_shown_and_served() {
    let (home, data) = home();
    let file = home.path().join("database.db");
    fs::write(&file, DAMAGED).expect("the file");
    let name = file.to_str().expect("a path in UTF-8");
    let rejected = home.path().join("database.db.rejected");

    let told = log(&data, &["import", name, "--dry-run"]).ok();
    assert!(
        told.starts_with("would import 5, blank 2, rejected 3, names repaired 1\n"),
        "{told}"
    );
    assert!(!data.exists() && !rejected.exists());

    let ran = log(&data, &["import", name]);
    for line in [
        "line 5: 1 of 4 fields",
        "line 7: the timestamp",
        "line 9: the id",
    ] {
        assert!(ran.err.contains(line), "{}", ran.err);
    }
    let told = ran.ok();
    let summary = format!(
        "imported 5, blank 2, rejected 3 (see {}), names repaired 1, ids 1..5\n",
        rejected.display()
    );
    assert!(told.starts_with(&summary), "{told}");
    assert!(told.contains("second time"));
    let kept = fs::read(&rejected).expect("the rejected lines");
    assert_eq!(kept, b"nonsense\n4;not a time;x;y\n;;;\n");

    let records = "1;1640995200.100;alice;Hello; world!\n2;1640995201.250;b_b_OB;two\\nlines \\\\ q\n\
        3;1640995100.500;carol#dev;again\n4;1640995202.000;dan;caf\\xE9\n5;1640995203.750;alice;last\n";
    assert_eq!(log(&data, &["show", "--format", "record"]).ok(), records);
    let last = log(&data, &["show", "--last", "1", "--room", "dev"]).ok();
    assert!(
        last.starts_with("     3 ") && last.ends_with(" carol: again\n"),
        "{last}"
    );
    let out = home.path().join("out.jsonl");
    let out_name = out.to_str().expect("a path in UTF-8");
    log(
        &data,
        &["export", "--format", "jsonl", "--output", out_name],
    )
    .ok();
    let exported = fs::read_to_string(&out).expect("the export");
    assert_eq!(exported.lines().count(), 5);
    assert!(
        exported.contains(r#""user":"b_b_OB","text":"two\nlines \\ q""#),
        "{exported}"
    );
    assert_eq!(log(&data, &["export"]).ok(), records);
    assert!(log(&data, &["verify"]).ok().ends_with("clean\n"));

    let server = Server::builder().data_dir(&data).start();
    let mut reader = server.guest("reader");
    reader.send("GET;g;3");
    let line = reader.until("HIST;g;").1;
    assert_eq!(line, "HIST;g;dev;3;1640995100.500;carol;again");
    reader.join("lobby", "");
    assert!(reader.say("lobby", "t", "new") > 5);
}

#[test]
fn reading_works_beside_a_server_and_writing_does_not() {
    let server = Server::start();
    let data = server.data_dir();
    let mut alice = server.member("alice", "lobby");
    let first = alice.say("lobby", "1", "to stay");
    let second = alice.say("lobby", "2", "an \x1b[31mescape");
    let shown = log(&data, &["show"]).ok();
    assert!(
        shown.contains("#lobby ") && shown.contains("alice: to stay\n"),
        "{shown}"
    );
    assert!(!shown.contains('\x1b'), "{shown:?}");
    let export = log(&data, &["export"]).ok();
    assert!(export.contains(";alice;to stay\n") && export.contains('\x1b'));
    let stats = log(&data, &["stats", "--json"]).ok();
    let stats: serde_json::Value = serde_json::from_str(&stats).expect("JSON");
    assert_eq!(stats["messages"], 2);
    assert_eq!(stats["writer"], server.pid());
    assert_eq!(stats["fullest_rooms"][0]["room"], "lobby");
    assert_eq!(stats["newest_id"], second);
    let verified = log(&data, &["verify"]).ok();
    assert!(
        verified.contains("beside the server") && verified.ends_with("clean\n"),
        "{verified}"
    );

    let file = server.home().join("database.db");
    fs::write(&file, DAMAGED).expect("the file");
    let name = file.to_str().expect("a path in UTF-8");
    let holder = format!("process {}", server.pid());
    for words in [&["import", name][..], &["remove", &first.to_string()]] {
        let told = log(&data, words).failed();
        assert!(
            told.contains(&holder) && told.contains("stop that server"),
            "{told}"
        );
    }
    assert!(!server.home().join("database.db.rejected").exists());
    log(&data, &["import", name, "--dry-run"]).ok();
    alice.check_alive();
}

#[test]
fn what_is_removed_is_nowhere_any_more() {
    let mut server = Server::start();
    let data = server.data_dir();
    let id = server
        .member("alice", "lobby")
        .say("lobby", "1", "a secret word");
    assert!(server.term().success());
    let number = id.to_string();
    let told = log(&data, &["remove", &number]).ok();
    assert!(
        told.starts_with(&format!("removed message {id} of alice in lobby")),
        "{told}"
    );
    for entry in fs::read_dir(data.join("log")).expect("the log").flatten() {
        if entry.path().is_file() {
            let bytes = fs::read(entry.path()).expect("a file of the log");
            let found = bytes.windows(6).any(|piece| piece == b"secret");
            assert!(!found, "{}", entry.path().display());
        }
    }
    let told = log(&data, &["remove", &number]).failed();
    assert!(told.contains(&format!("no message {id}")), "{told}");
    assert!(
        log(&data, &["remove", "999999"])
            .failed()
            .contains("newest record")
    );
    assert_eq!(log(&data, &["show"]).ok(), "");
    assert!(log(&data, &["verify"]).ok().ends_with("clean\n"));
}

#[test]
fn verify_finds_a_flipped_byte_and_says_where() {
    let mut server = Server::start();
    let data = server.data_dir();
    let mut alice = server.member("alice", "lobby");
    let id = alice.say("lobby", "1", "the truth");
    alice.say("lobby", "2", "more");
    assert!(server.term().success());
    let segment = data.join("log/00000000000000000001.log");
    let mut text = fs::read(&segment).expect("the segment");
    let at = text.windows(5).position(|piece| piece == b"truth");
    text[at.expect("the word")] ^= 1;
    fs::write(&segment, text).expect("the segment");
    let told = log(&data, &["verify"]).failed();
    for part in [
        "00000000000000000001.log at byte 0",
        "does not fit its hash",
        "has 1 faults",
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert!(told.contains(&format!("(record {id})")), "{told}");
    // Recovery has it in the journal still.
    assert!(told.contains("start the server"), "{told}");
    server.restart();
    assert!(server.term().success());
    assert!(log(&data, &["verify"]).ok().ends_with("clean\n"));
}

#[test]
fn a_log_that_is_not_there_is_an_error_and_is_not_made() {
    let (_home, data) = home();
    for words in [
        &["show"][..],
        &["export"],
        &["stats"],
        &["verify"],
        &["remove", "1"],
    ] {
        let told = log(&data, words).failed();
        assert!(
            told.contains("there is no log in") && told.contains("--data"),
            "{told}"
        );
    }
    assert!(!data.exists());
    let told = log(&data, &["import", "missing.db"]).failed();
    assert!(told.contains("missing.db cannot be opened"), "{told}");
    assert!(!data.exists());
}

#[test]
fn the_doctor_is_content_with_a_healthy_set_up_and_names_who_is_in_the_way() {
    let (home, data) = home();
    let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let free = free.expect("a free port");
    let configure = |main: &str| {
        let text = format!("[listen]\nmain = \"{main}\"\n[legacy]\nenabled = false\n");
        fs::write(home.path().join("config/local.toml"), text).expect("the configuration");
    };
    configure(&free.to_string());
    let told = gencomm(&data, &["doctor"]).ok();
    assert!(
        told.contains("is free") && told.contains("C16 self-test"),
        "{told}"
    );

    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    configure(&taken.local_addr().expect("its address").to_string());
    let told = gencomm(&data, &["doctor"]).failed();
    // Not by its number: what other tests start has the socket too until it is another program.
    let own = std::env::current_exe().expect("this program");
    let holder = format!(" ({}", own.file_name().expect("its name").display());
    let is_named = told.contains("taken by process ") && told.contains(&holder);
    assert!(told.contains("FAIL") && is_named, "{told}");
    assert!(told.contains("listen.main"), "{told}");
    let report = gencomm(&data, &["doctor", "--json"]).failed();
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["ok"], false);

    let server = Server::builder().data_dir(&data).start();
    configure(&server.address().to_string());
    let told = gencomm(&data, &["doctor"]).ok();
    assert!(
        told.contains("held by the server of this data folder"),
        "{told}"
    );
    assert!(
        told.contains(&format!("process {} writes it", server.pid())),
        "{told}"
    );
    let mode = fs::metadata(&data).expect("the data folder").permissions();
    assert_eq!(mode.mode() & 0o777, 0o700);
}
