//! What becomes of a backup that is cut off, and of one that has no room; and places where none may be made.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::{done, failed, of};
use crate::support::{PATIENCE, Senders, Server};

/// A stopped server with some megabytes of log.
fn large() -> Server {
    let mut server = Server::builder()
        .set("storage.segment_bytes", "256KiB")
        .start();
    let senders = Senders::with_body(server.address(), "den", 10, &"x".repeat(6000));
    senders.wait_for(1500);
    senders.finish();
    assert!(server.term().success());
    server
}

fn backup(server: &Server, target: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gencomm"));
    command
        .args(["backup", target])
        .args(of(server))
        .current_dir(server.home());
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs")
}

/// Kills it as soon as `is_time`; `false` if it was done before.
fn kill_when(mut child: Child, is_time: impl Fn() -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    while !is_time() && child.try_wait().expect("its state").is_none() {
        assert!(Instant::now() < end);
    }
    let _ = child.kill();
    !child.wait().expect("its end").success()
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn one_that_was_killed_is_none() {
    let server = large();
    let home = server.home();
    let (mut killed, mut round) = (0, 0);
    while killed < 6 {
        round += 1;
        assert!(round < 60, "it is always done before it is killed");
        let folder = home.join(format!("cut-{round}"));
        let name = folder.to_str().expect("text");
        // At different moments: while files are copied, while they are read again.
        let at = 1 + 9 * (round % 4);
        let log = folder.join("log");
        let was_cut = kill_when(backup(&server, name), || files(&log) >= at);
        if was_cut && !folder.join("manifest.json").exists() {
            killed += 1;
            let said = failed(home, &["backup", "verify", name], &[]);
            assert!(said.contains("has no manifest.json"), "{said}");
            let to = home.join("never");
            failed(
                home,
                &["restore", name, "--to", to.to_str().expect("text")],
                &[],
            );
            assert!(!to.exists());
        } else {
            done(home, &["backup", "verify", name], &[]);
        }
        let _ = std::fs::remove_dir_all(&folder);
    }
    // Of a stream the unfinished copy lies among the data, until the next one.
    let data = server.data_dir();
    let unfinished = || {
        let all = std::fs::read_dir(&data).expect("data").flatten();
        all.filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with(".gencomm-backup-")
        })
        .count()
    };
    assert!(kill_when(backup(&server, "-"), || unfinished() > 0));
    assert_eq!(unfinished(), 1);
    assert!(kill_when(backup(&server, "-"), || false) || unfinished() == 0);
    assert_eq!(unfinished(), 0);
}

#[test]
fn one_without_room_leaves_nothing() {
    let server = large();
    let folder = server.home().join("backup");
    let script = "trap '' XFSZ; ulimit -f 128; exec \"$@\"";
    for target in [folder.to_str().expect("text"), "-"] {
        let mut command = Command::new("bash");
        command.args([
            "-c",
            script,
            "bash",
            env!("CARGO_BIN_EXE_gencomm"),
            "backup",
            target,
        ]);
        let output = command.args(of(&server)).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("File too large"), "{said}");
        assert!(!folder.exists());
        let names: Vec<_> = std::fs::read_dir(server.data_dir())
            .expect("data")
            .flatten()
            .map(|e| e.file_name())
            .collect();
        assert!(
            !names
                .iter()
                .any(|name| name.to_string_lossy().starts_with('.')),
            "{names:?}"
        );
    }
    // And of a restore.
    let name = folder.to_str().expect("text");
    done(server.home(), &["backup", name], &of(&server));
    let place = tempfile::tempdir().expect("a folder");
    let to = place.path().join("data");
    let mut command = Command::new("bash");
    command.args([
        "-c",
        script,
        "bash",
        env!("CARGO_BIN_EXE_gencomm"),
        "restore",
        name,
        "--to",
    ]);
    let output = command.arg(&to).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(files(place.path()), 0);
}

#[test]
fn damage_is_found_and_named() {
    let server = large();
    let home = server.home();
    let folder = home.join("backup");
    let name = folder.to_str().expect("text");
    done(home, &["backup", name], &of(&server));
    let path = folder.join("log/00000000000000000001.log");
    let mut bytes = std::fs::read(&path).expect("the text");
    bytes[1000] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    let said = failed(home, &["backup", "verify", name], &[]);
    assert!(
        said.contains("log/00000000000000000001.log is not what it was"),
        "{said}"
    );
}

#[test]
fn places_where_there_is_no_backup_to_make() {
    let server = Server::start();
    let home = server.home();
    server.member("ann", "den").say("den", "a", "hello");
    let inside = server.data_dir().join("backup");
    let said = failed(
        home,
        &["backup", inside.to_str().expect("text")],
        &of(&server),
    );
    assert!(said.contains("is in the data folder itself"), "{said}");
    let said = failed(
        home,
        &[
            "backup",
            home.join("config").join("..").to_str().expect("text"),
        ],
        &of(&server),
    );
    assert!(said.contains("is not empty"), "{said}");
    let said = failed(home, &["backup", "new", "--data", "nowhere"], &[]);
    assert!(said.contains("there is no log in"), "{said}");
    let said = failed(home, &["backup", "verify", "nowhere"], &[]);
    assert!(said.contains("nowhere cannot be read"), "{said}");
    assert!(!home.join("new").exists());
    // A pipe that closes is a backup that was not made.
    let mut child = Command::new(env!("CARGO_BIN_EXE_gencomm"))
        .args(["backup", "-"])
        .args(of(&server))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("its end").code(), Some(1));
}
