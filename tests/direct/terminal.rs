//! `gencomm` as the client, and the tools of the log, with conversations.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

use super::{Pair, say};
use crate::support::number;

/// The program as `ann` (0) or `Bob` (1).
fn gencomm(pair: &Pair, end: usize, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gencomm"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GENCOMM_") {
            command.env_remove(name);
        }
    }
    let token = pair.log_ins[end].rsplit(';').next().unwrap_or_default();
    let token = gencomm::edge::wire::sasl::decode(token).expect("base64");
    let token = String::from_utf8(token.to_vec()).expect("text");
    command
        .args(words)
        .args(["--server", &pair.house.server.address().to_string()])
        .args(["--user", ["ann", "Bob"][end]])
        .env("GENCOMM_TOKEN", token)
        .current_dir(pair.house.server.home())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[track_caller]
fn out(output: Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{err}");
    String::from_utf8(output.stdout).expect("text")
}

/// What people said: the lines without their times.
fn said(text: &str) -> Vec<&str> {
    text.lines()
        .map(|line| line.splitn(3, ' ').nth(2).unwrap_or(line))
        .collect()
}

/// A child that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn people_talk_in_a_conversation() {
    let mut pair = Pair::open();
    let mut bob = pair.bob.remove(0);
    let first = say(&mut bob, "@ann", "psst");
    let id = out(
        gencomm(&pair, 0, &["send", "--room", "@Bob", "hello", "bob"])
            .output()
            .expect("send"),
    );
    let id: u64 = id.trim().parse().expect("an id");
    assert!(id > first);
    bob.expect_start(&format!("MSG;@ann;{id};"));
    let past = out(gencomm(&pair, 0, &["tail", "--room", "@bob"])
        .output()
        .expect("tail"));
    assert_eq!(
        said(&past),
        ["Bob (direct): psst", "ann (direct to bob): hello bob"]
    );
    let mut chat = gencomm(&pair, 0, &["chat", "--room", "@BOB"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("chat");
    let mut input = chat.stdin.take().expect("a pipe");
    input.write_all(b"and now from here\n").expect("written");
    drop(input);
    let talk = out(chat.wait_with_output().expect("chat"));
    assert_eq!(
        said(&talk),
        [
            "Bob (direct): psst",
            "ann (direct to bob): hello bob",
            "ann (direct to bob): and now from here"
        ]
    );
    let line = bob.expect_start("MSG;@ann;");
    assert!(line.ends_with(";ann;and now from here") && number(&line, 2) > id);
    for words in [
        &["send", "--room", "@nobody", "hi"][..],
        &["chat", "--room", "@nobody"],
        &["tail", "--room", "@nobody"],
        &["tail", "--room", "@nobody", "--follow"],
    ] {
        let output = gencomm(&pair, 0, words).output().expect("the program");
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && err.contains("no account of this name"),
            "{err}"
        );
    }
}

#[test]
fn a_conversation_is_followed() {
    let mut pair = Pair::open();
    let mut bob = pair.bob.remove(0);
    for round in 0..5 {
        say(&mut bob, "@ann", &format!("old {round}"));
    }
    let words = ["tail", "--room", "@bob", "--follow", "--last", "2"];
    let mut tail = Running(gencomm(&pair, 0, &words).spawn().expect("tail"));
    let mut lines = BufReader::new(tail.0.stdout.take().expect("a pipe")).lines();
    let mut next = || lines.next().expect("a line").expect("a line");
    for round in [3, 4] {
        assert!(next().ends_with(&format!("Bob (direct): old {round}")));
    }
    say(&mut bob, "@ann", "new 0");
    say(&mut pair.ann[0], "@bob", "new 1");
    assert!(next().ends_with("Bob (direct): new 0"));
    assert!(next().ends_with("ann (direct to bob): new 1"));
}

#[test]
fn the_tools_of_the_log_know_conversations() {
    let mut pair = Pair::open();
    let id = say(&mut pair.ann[0], "@bob", "kept");
    pair.ann[0].join("den", "");
    pair.ann[0].say("den", "den", "public");
    let data = pair.house.server.data_dir();
    let data = data.to_str().expect("a path in UTF-8");
    let log = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gencomm"));
        command.args(["log", "--data", data]).args(words);
        command.current_dir(pair.house.server.home());
        out(command.output().expect("the program"))
    };
    let shown = log(&["show", "--room", "@ann,bob"]);
    assert!(
        shown.contains("kept") && !shown.contains("public"),
        "{shown}"
    );
    let stats = log(&["stats"]);
    assert!(stats.contains("den"), "{stats}");
    let exported = log(&["export"]);
    assert!(exported.contains(&format!("{id};")), "{exported}");
    assert!(exported.contains("ann#@ann,bob;kept"), "{exported}");
}
