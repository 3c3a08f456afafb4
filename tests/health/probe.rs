//! `gencomm health`: what it finds, and that it costs nobody anything.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::{health, step};
use crate::serve::reload::gencomm;
use crate::support::{PATIENCE, Server};

const STEPS: [&str; 5] = ["accept", "commit", "deliver", "space", "threads"];

#[track_caller]
fn is_healthy(server: &Server) {
    let ran = health(server, &["--timeout", "30s"]);
    assert_eq!((ran.code, &*ran.err), (Some(0), ""), "{}", ran.out);
    for name in STEPS {
        let line = step(&ran, name);
        assert!(line.starts_with(&format!("{name} ok ")), "{line}");
    }
    assert!(ran.out.ends_with(" ms\nhealthy\n"), "{}", ran.out);
}

#[test]
fn a_server_that_serves_is_healthy_and_nobody_notices() {
    let server = Server::start();
    let mut ann = server.member("ann", "den");
    assert_eq!(ann.say("den", "a", "first"), 1);
    ann.expect_start("MSG;den;1;");
    for _ in 0..3 {
        is_healthy(&server);
    }
    // No id was taken, nothing was told.
    assert_eq!(ann.say("den", "b", "second"), 2);
    ann.expect_start("MSG;den;2;");
    let ran = health(&server, &["--json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(report["healthy"], true, "{report}");
    let named: Vec<_> = report["steps"].as_array().expect("steps").iter().collect();
    assert_eq!(named.len(), STEPS.len());
    for (step, name) in named.iter().zip(STEPS) {
        assert_eq!((&step["name"], &step["ok"]), (&name.into(), &true.into()));
        assert!(step["milliseconds"].as_f64().expect("a number") >= 0.0);
    }
}

#[test]
fn no_limit_and_no_rule_makes_a_server_look_ill() {
    let full = Server::builder()
        .local_toml(
            "[limits]\nexempt = []\nconnections_per_address = 1\n[auth]\ndeadline = \"5m\"\n",
        )
        .set("limits.connections", 1)
        .start();
    let mut only = full.guest("ann");
    is_healthy(&full);
    only.check_alive();
    let ran = gencomm(
        full.home(),
        &[
            "counters",
            "--json",
            "--data",
            full.data_dir().to_str().expect("text"),
        ],
    );
    let counters: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    for name in [
        "connections_refused_total",
        "connections_per_address_refused_total",
        "strangers_closed_total",
    ] {
        assert_eq!(counters[name], 0, "{counters}");
    }
    // Our own connections were not those of anybody's proxy.
    let proxied = Server::builder()
        .local_toml("[listen]\nproxies = [\"127.0.0.0/8\"]\n[auth]\nguests = \"never\"\n")
        .start();
    is_healthy(&proxied);
    for durability in ["interval", "os"] {
        is_healthy(
            &Server::builder()
                .set("storage.durability", durability)
                .set("server.shards", 5)
                .start(),
        );
    }
    let everywhere = Server::builder().set("listen.main", "0.0.0.0:0").start();
    is_healthy(&everywhere);
}

#[test]
fn with_a_certificate_and_original_clients_as_well() {
    let data = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(data.path().join("config")).expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gencomm"));
    let made = command
        .args(["certs", "make", "--config"])
        .arg(data.path().join("config"))
        .env("GENCOMM__SERVER__DATA_DIR", data.path().join("data"))
        .stdout(Stdio::null());
    assert!(made.status().expect("it runs").success());
    let server = Server::builder()
        .data_dir(&data.path().join("data"))
        .set("auth.guests", "never")
        .set("legacy.enabled", true)
        .set("legacy.auth_port", 0)
        .set("legacy.message_port", 0)
        .start();
    is_healthy(&server);
}

#[test]
fn a_hundred_who_ask_at_once_are_answered() {
    let server = Server::start();
    let data = server.data_dir();
    let ask = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gencomm"));
        let command = command
            .args(["health", "--timeout", "60s", "--data"])
            .arg(&data);
        command.stdout(Stdio::null()).spawn().expect("it runs")
    };
    let all: Vec<_> = (0..100).map(|_| ask()).collect();
    for mut child in all {
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
    }
    is_healthy(&server);
}

#[test]
fn a_process_that_stands_still_is_not_healthy() {
    let server = Server::start();
    let ran = server.while_stopped(|| health(&server, &["--timeout", "1s"]));
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    assert!(ran.err.contains("did not answer within 1s"), "{}", ran.err);
    // More than the kernel keeps waiting for it.
    let codes = server.while_stopped(|| {
        (0..20)
            .map(|_| health(&server, &["--timeout", "100ms"]).code)
            .collect::<Vec<_>>()
    });
    assert!(codes.iter().all(|code| *code == Some(1)), "{codes:?}");
    let end = std::time::Instant::now() + PATIENCE;
    while health(&server, &["--timeout", "10s"]).code != Some(0) {
        assert!(
            std::time::Instant::now() < end,
            "it never was healthy again"
        );
    }
}

#[test]
fn without_a_server_the_exit_code_is_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = gencomm(folder.path(), &["health", "--data", "nowhere"]);
    assert_eq!((ran.code, &*ran.out), (Some(3), ""));
    assert!(ran.err.contains("no server runs on nowhere"), "{}", ran.err);
    let ran = gencomm(folder.path(), &["health", "--json", "--data", "nowhere"]);
    let said: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((ran.code, &said["healthy"]), (Some(3), &false.into()));
    // Killed, its socket is still there.
    let mut server = Server::start();
    server.kill9();
    assert_eq!(health(&server, &[]).code, Some(3));
    assert_eq!(
        gencomm(folder.path(), &["health", "--timeout", "soon"]).code,
        Some(2)
    );
}

#[test]
fn whoever_may_not_ask_is_told_so() {
    let server = Server::start();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gencomm"));
    command.args(["health", "--data"]).arg(server.data_dir());
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    } else {
        use std::os::unix::fs::PermissionsExt;
        let socket = server.data_dir().join("control.sock");
        let nobody = std::fs::Permissions::from_mode(0o000);
        std::fs::set_permissions(socket, nobody).expect("its mode");
    }
    let ran = command.stdin(Stdio::null()).output().expect("it runs");
    let error = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{error}");
    assert!(error.contains("may not be asked by this user"), "{error}");
}

#[cfg(feature = "fault-injection")]
#[test]
fn a_thread_that_hangs_is_named() {
    let server = Server::builder()
        .local_toml("[server]\nwatchdog = \"0s\"\n")
        .start();
    super::provoke(&server, "hang");
    let ran = health(&server, &["--timeout", "2s"]);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    assert!(
        step(&ran, "commit").starts_with("commit ok "),
        "{}",
        ran.out
    );
    let deliver = step(&ran, "deliver").to_owned();
    let shard = deliver.rsplit_once("shard ").expect("a shard").1;
    assert!(["0", "1"].contains(&shard), "{deliver}");
    let end = format!("no answer yet from shard {shard}");
    assert!(step(&ran, "accept").ends_with(&end), "{}", ran.out);
    assert!(ran.out.ends_with("\nnot healthy\n"), "{}", ran.out);
    server.wait_for_log("a thread does not turn");
    let ran = health(&server, &["--timeout", "1s"]);
    let threads = format!("\"shard {shard}\" has not turned for ");
    assert!(step(&ran, "threads").contains(&threads), "{}", ran.out);

    let server = Server::builder()
        .local_toml("[server]\nwatchdog = \"0s\"\n")
        .start();
    super::provoke(&server, "hang-log");
    let ran = health(&server, &["--timeout", "2s"]);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    assert!(
        step(&ran, "accept").starts_with("accept ok "),
        "{}",
        ran.out
    );
    assert!(
        step(&ran, "commit").ends_with("no answer yet from the log"),
        "{}",
        ran.out
    );
    assert!(
        step(&ran, "deliver").ends_with("waits for the log"),
        "{}",
        ran.out
    );
}
