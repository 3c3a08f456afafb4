//! Beside a server at work: everything up to the backup's newest id is in it, nothing that was removed, and all of it comes back.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{done, failed, is_private, of};
use crate::auth::{House, PASSWORD, builder, plain, token_line};
use crate::support::{Builder, Gc2, Senders, Server};

fn small_segments() -> Builder {
    builder().set("storage.segment_bytes", "64KiB")
}

/// The newest id, as `backup` tells it.
fn newest(said: &str) -> u64 {
    let rest = said.split("up to id ").nth(1).expect("an id");
    rest.split(',')
        .next()
        .and_then(|id| id.parse().ok())
        .expect("a number")
}

/// Says things and removes each a moment later, until told to stop; the removed ids.
fn regret(server: &Server, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<Vec<u64>> {
    let mut client = server.member("regret", "den");
    std::thread::spawn(move || {
        let (mut open, mut gone) = (Vec::new(), Vec::new());
        for at in 0.. {
            open.push(client.say("den", &format!("r{at}"), &format!("regretted {}.", at)));
            // Some at once, some when their segment has long been sealed.
            let delay = if at % 2 == 0 { 1 } else { 40 };
            if open.len() > delay {
                let id = open.remove(0);
                client.send(&format!("DELETE;d{at};{id}"));
                client.until(&format!("OK;d{at};"));
                gone.push(id);
            }
            if stop.load(Ordering::Relaxed) {
                return gone;
            }
        }
        gone
    })
}

#[test]
fn a_backup_under_load_restores_to_what_was_said_until_then() {
    let mut house = House::of(small_segments());
    house.add("alice");
    let bot = house.add_bot("builder");
    let (mut alice, resume) = house.enter_for_token(&plain("alice", PASSWORD));
    alice.send("ROOM;c;vault;create");
    alice.until("OK;c;");
    alice.send("ROOM;p;vault;private");
    alice.until("OK;p;");
    alice.join("vault", "");
    alice.say("vault", "v", "for us alone");
    let server = &house.server;
    let senders = Senders::with_body(server.address(), "den", 6, &"x".repeat(300));
    let stop = Arc::<AtomicBool>::default();
    let regretting = regret(server, stop.clone());
    senders.wait_for(1500);
    let once = server.member("once", "den").say("den", "once", "said once");

    let home = server.home();
    let (mut backups, mut said, mut heads) = (Vec::new(), Vec::new(), Vec::new());
    let of_server = server.data_dir();
    let of_server = of_server.to_str().expect("text");
    for n in 0..4 {
        senders.wait_for(1500 + 300 * n);
        heads.push(done(home, &["log", "head", "--data", of_server], &[]));
        let folder = home.join(format!("backup-{n}"));
        said.push(done(
            home,
            &["backup", folder.to_str().expect("text")],
            &of(server),
        ));
        backups.push(folder);
    }
    stop.store(true, Ordering::Relaxed);
    let gone = regretting.join().expect("it regrets");
    let report = senders.finish();
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    let all: HashMap<u64, String> = server
        .guest("reader")
        .whole_history("den")
        .into_iter()
        .collect();
    assert!(all.len() > 2000);

    for ((folder, said), head) in backups.iter().zip(&said).zip(&heads) {
        let newest = newest(said);
        assert!(newest > 1500 && newest >= once, "{said}");
        is_private(folder);
        let name = folder.to_str().expect("text");
        assert!(done(home, &["backup", "verify", name], &[]).starts_with("whole: "));
        let data = folder.with_extension("restored");
        done(
            home,
            &["restore", name, "--to", data.to_str().expect("text")],
            &[],
        );
        is_private(&data);
        // What was said before the backup is on the chain of what was restored, unaltered.
        let log = ["log", "verify", "--data", data.to_str().expect("text")];
        let told = done(home, &log, &["--head".to_owned(), head.trim().to_owned()]);
        assert!(told.contains("on the chain: no record up to it"), "{told}");
        let restored = House::with(small_segments().data_dir(&data).start());
        let mut reader = restored.server.guest("reader");
        let found: HashMap<u64, String> = reader.whole_history("den").into_iter().collect();
        assert!(found.keys().all(|id| *id <= newest), "{newest}");
        for (id, body) in all.iter().filter(|(id, _)| **id <= newest) {
            assert_eq!(found.get(id), Some(body), "{id} of {newest}");
        }
        // What is there and not here was removed later.
        for id in found.keys() {
            assert!(all.contains_key(id) || gone.contains(id), "{id}");
        }
        // People come in as before, with what they had and may.
        let mut alice = restored.enter(&plain("alice", PASSWORD));
        restored.enter(&token_line(&resume));
        restored.enter(&bot);
        let vault = alice.whole_history("vault");
        assert_eq!(vault.len(), 1);
        let mut stranger = restored.server.guest("stranger");
        stranger.send("JOIN;j;vault;");
        stranger.expect_start("ERR;j;not-found;");
        alice.send("ROOM;o;vault;public");
        alice.until("OK;o;");
        // The tag is known, and no id of the old server is given again.
        let mut again = restored.server.member("once", "den");
        assert_eq!(again.say("den", "once", "said once"), once);
        assert!(again.say("den", "new", "said anew") > *all.keys().max().expect("an id"));
        drop(restored);
        assert!(done(home, &log, &[]).ends_with("clean\n"));
    }
}

#[test]
fn what_was_removed_before_a_backup_is_in_no_file_of_it() {
    let server = small_segments().start();
    let mut ann = server.member("ann", "den");
    for n in 0..200 {
        let id = ann.say(
            "den",
            &format!("t{n}"),
            &format!("word {n}. {}", "x".repeat(700)),
        );
        if n % 3 == 0 {
            ann.send(&format!("DELETE;d{n};{id}"));
            ann.until(&format!("OK;d{n};"));
        }
    }
    let folder = server.home().join("backup");
    done(
        server.home(),
        &["backup", folder.to_str().expect("text")],
        &of(&server),
    );
    let mut text = Vec::new();
    for entry in std::fs::read_dir(folder.join("log"))
        .expect("the log")
        .flatten()
    {
        if entry.path().is_file() {
            text.extend(std::fs::read(entry.path()).expect("a file"));
        }
    }
    let text = String::from_utf8_lossy(&text);
    for n in 0..200 {
        assert_eq!(text.contains(&format!("word {n}. ")), n % 3 != 0, "{n}");
    }
}

#[test]
fn a_stream_does_the_same_and_the_configuration_comes_with_it() {
    let config = "[limits]\nmessage_bytes = \"1KiB\"\n";
    let mut server = small_segments().local_toml(config).start();
    let mut ann = server.member("ann", "den");
    let id = ann.say("den", "a", "kept");
    let home = server.home().to_owned();
    for is_running in [true, false] {
        if !is_running {
            assert!(server.term().success());
        }
        let file = home.join(format!("backup-{is_running}.tar"));
        let out = std::fs::File::create(&file).expect("a file");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gencomm"));
        let status = command
            .args(["backup", "-"])
            .args(of(&server))
            .stdout(out)
            .status();
        assert!(status.expect("it runs").success());
        let name = file.to_str().expect("text");
        assert!(done(&home, &["backup", "verify", name], &[]).starts_with("whole: "));
        // Nothing unfinished is left among the data.
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

        let (to, etc) = (
            home.join(format!("data-{is_running}")),
            home.join(format!("etc-{is_running}")),
        );
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gencomm"));
        let input = std::fs::File::open(&file).expect("the stream");
        let output = command
            .args(["restore", "-", "--to"])
            .arg(&to)
            .arg("--config-to")
            .arg(&etc)
            .stdin(input)
            .output();
        let output = output.expect("it runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(
            std::fs::read_to_string(etc.join("local.toml")).expect("it"),
            config
        );
        let restored = Server::builder().data_dir(&to).start();
        assert_eq!(
            restored.guest("bob").whole_history("den"),
            [(id, "kept".to_owned())]
        );
        // A place that is taken, and one where a server runs.
        let taken = failed(
            &home,
            &["restore", name, "--to", to.to_str().expect("text")],
            &[],
        );
        assert!(taken.contains("a server uses"), "{taken}");
    }
    let data = server.data_dir();
    let taken = failed(
        &home,
        &[
            "restore",
            "backup-true.tar",
            "--to",
            data.to_str().expect("text"),
        ],
        &[],
    );
    assert!(
        taken.contains("is not empty; move it away first"),
        "{taken}"
    );
}

#[test]
fn a_killed_server_is_backed_up_whole() {
    let mut server = small_segments().start();
    let senders = Senders::start(server.address(), "den", 6);
    senders.wait_for(500);
    server.kill9();
    let report = senders.collect();
    let folder = server.home().join("backup");
    let name = folder.to_str().expect("text");
    done(server.home(), &["backup", name], &of(&server));
    let data = server.home().join("restored");
    done(
        server.home(),
        &["restore", name, "--to", data.to_str().expect("text")],
        &[],
    );
    let restored = Server::builder().data_dir(&data).start();
    let mut reader = Gc2::connect(restored.address());
    reader.login("reader");
    let found: HashMap<u64, String> = reader.whole_history("den").into_iter().collect();
    for said in &report.kept {
        assert_eq!(found.get(&said.id), Some(&said.body));
    }
}
