//! A disk that fails: system calls of the built server are answered with errors by `strace`. A failed sync ends it, since what is on the
//! disk is unknown then; a failed write costs the messages of one group, whose senders are told so.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::load::{self, Crowd, Load};
use crate::support::privileges::{self, Need};
use crate::support::{Builder, PATIENCE, Server};

const CROWD: Crowd = Crowd {
    rooms: 2,
    senders: 2,
    readers: 1,
    removes: true,
    direct: true,
    registers: false,
    padding: 100,
};

/// A server with files, stopped.
fn prepared() -> Server {
    let mut server = load::builder().start();
    server
        .member("first", "attic")
        .say("attic", "first", "the first");
    assert!(server.term().success());
    server
}

/// From its next start on `calls` are traced to `trace`, where they touch `paths` if there are any, and `inject` comes to pass.
fn fail(server: &mut Server, trace: &Path, calls: &str, inject: &str, paths: &[PathBuf]) {
    let (trace, inject) = (trace.display().to_string(), format!("inject={inject}"));
    let calls = format!("trace={calls}");
    // As a grandchild, so that the child is the server itself.
    let mut words = vec!["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-s", "256"];
    words.extend([
        "-e",
        "signal=none",
        "-o",
        &trace,
        "-e",
        &calls,
        "-e",
        &inject,
    ]);
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    for path in &paths {
        words.extend(["-P", path]);
    }
    server.change(|builder| builder.under(&words));
}

/// Without faults again.
fn mend(server: &mut Server) {
    server.change(|builder: Builder| builder.under(&[]));
    server.restart();
}

fn last_line(log: &str) -> &str {
    log.lines()
        .rfind(|line| !line.is_empty())
        .unwrap_or_default()
}

/// The lines of the trace behind the fault.
fn after_the_fault(trace: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(trace).expect("the trace");
    let mut lines = text.lines().skip_while(|line| !line.contains("(INJECTED)"));
    assert!(lines.next().is_some(), "no fault was injected:\n{text}");
    lines.map(str::to_owned).collect()
}

#[test]
fn a_failed_sync_ends_the_server_which_neither_tries_again_nor_answers() {
    if !privileges::has(&[Need::Strace]) {
        return;
    }
    let mut server = prepared();
    let trace = server.home().join("trace");
    let calls = "fdatasync,write,writev,sendto,sendmsg";
    fail(
        &mut server,
        &trace,
        calls,
        "fdatasync:error=EIO:when=12",
        &[],
    );
    server.restart();
    let mut ann = server.member("ann", "den0");
    // One at a time: each OK is heard before the next message, so none may come after the fault.
    let mut kept = Vec::new();
    for at in 0.. {
        if !ann.try_send(&format!("SEND;m{at};den0;message {at}")) {
            break;
        }
        let start = format!("OK;m{at};");
        let answer = loop {
            match ann.try_line() {
                Ok(line) if line.starts_with("MSG;") => {}
                Ok(line) => break Some(line),
                Err(_) => break None,
            }
        };
        match answer {
            Some(line) if line.starts_with(&start) => kept.push(format!("message {at}")),
            Some(line) => {
                let is_told = line.starts_with("ERR;") || line.starts_with("BYE;");
                assert!(is_told, "{line:?}");
                break;
            }
            None => break,
        }
    }
    assert!(kept.len() > 5, "{kept:?}");
    assert_eq!(server.wait_for_end().code(), Some(1));
    let log = server.log_to_end();
    let last = last_line(&log);
    let is_said = last.contains("syncing") && last.contains("Input/output error");
    assert!(is_said, "the last line is {last:?}");
    for line in after_the_fault(&trace) {
        assert!(!line.contains("fdatasync("), "synced again: {line}");
        assert!(!line.contains("\"OK;m"), "answered after the fault: {line}");
    }
    mend(&mut server);
    let stored = server.guest("reader").whole_history("den0");
    let stored: Vec<&str> = stored.iter().map(|(_, body)| body.as_str()).collect();
    assert_eq!(stored[..kept.len()], kept);
    server.member("bob", "den0").say("den0", "on", "it goes on");
}

#[test]
fn a_failed_sync_under_load_loses_nothing_that_was_answered() {
    if !privileges::has(&[Need::Strace]) {
        return;
    }
    let mut server = prepared();
    let mut load: Option<Load> = None;
    for when in [15, 60, 150] {
        let trace = server.home().join(format!("trace-{when}"));
        let inject = format!("fdatasync:error=EIO:when={when}");
        fail(&mut server, &trace, "fdatasync", &inject, &[]);
        server.restart();
        match &load {
            Some(load) => load.move_to(server.address()),
            None => load = Some(Load::start(server.address(), CROWD)),
        }
        assert_eq!(server.wait_for_end().code(), Some(1), "when={when}");
        let log = server.log_to_end();
        let last = last_line(&log);
        assert!(
            last.contains("Input/output error"),
            "the last line is {last:?}"
        );
        let load = load.as_ref().expect("the load");
        load.wait_until_all_are_cut_off();
        mend(&mut server);
        load.check(&server, 1);
        // Once more to its end, under the next fault.
        server.kill9();
    }
    mend(&mut server);
    let load = load.expect("the load");
    load.move_to(server.address());
    assert!(load.goes_on(10, PATIENCE));
    load.finish(&server);
}

/// One write to one of these files fails, once. Returns how many were refused.
fn fail_one_write(error: &str, names: &[&str]) -> usize {
    let mut server = prepared();
    let trace = server.home().join("trace");
    let folder = server.data_dir().join("log");
    let paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    let inject = format!("pwrite64:error={error}:when=12");
    fail(&mut server, &trace, "pwrite64", &inject, &paths);
    server.restart();
    let load = Load::start(server.address(), CROWD);
    assert!(load.goes_on(100, PATIENCE), "it does not go on");
    after_the_fault(&trace);
    for refusal in load.ledger.refusals() {
        let line = &refusal.line;
        let is_told = line.contains("disk is full") || line.contains("Input/output error");
        assert!(is_told, "{line:?} does not say why");
        assert!(!line.contains("/log/"), "{line:?} tells where files are");
    }
    server.kill9();
    load.wait_until_all_are_cut_off();
    mend(&mut server);
    load.check(&server, 1);
    load.move_to(server.address());
    assert!(load.goes_on(10, Duration::from_secs(20)));
    let refused = load.ledger.refusals().len();
    load.finish(&server);
    refused
}

#[test]
fn a_failed_write_to_the_journal_refuses_one_group_and_is_over() {
    if !privileges::has(&[Need::Strace]) {
        return;
    }
    for error in ["EIO", "ENOSPC"] {
        let refused = fail_one_write(error, &["journal-0", "journal-1"]);
        assert!(refused > 0, "{error}: nobody was refused");
    }
}

#[test]
fn a_failed_write_to_a_segment_loses_nothing() {
    if !privileges::has(&[Need::Strace]) {
        return;
    }
    let segment = "00000000000000000001";
    for (error, ending) in [("EIO", "log"), ("ENOSPC", "idx"), ("EIO", "chain")] {
        fail_one_write(error, &[&format!("{segment}.{ending}")]);
    }
}
