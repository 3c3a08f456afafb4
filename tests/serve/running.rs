//! A server that runs: what it prints, logs and leaves on the disk.

use std::os::unix::fs::PermissionsExt;

use crate::support::Server;

#[test]
fn ready_line_names_the_address_and_only_that() {
    let mut server = Server::start();
    let port = server.address().port();
    assert_ne!(port, 0);
    assert_eq!(server.ready_line(), format!("READY main=127.0.0.1:{port}"));
    server.guest("ann").check_alive();
    assert_eq!(server.term().code(), Some(0));
    assert_eq!(
        server.more_output(),
        [""; 0],
        "one line is all there is on standard output"
    );
}

#[test]
fn ready_line_names_the_gate_of_original_clients_if_it_is_open() {
    let server = Server::builder()
        .set("legacy.enabled", "true")
        .set("legacy.auth_port", 0)
        .set("legacy.message_port", 0)
        .start();
    let ports = ["main", "auth", "message"].map(|name| server.address_of(name).port());
    assert!(ports.iter().all(|port| *port != 0));
    let [main, auth, message] = ports;
    assert_eq!(
        server.ready_line(),
        format!("READY main=127.0.0.1:{main} auth=127.0.0.1:{auth} message=127.0.0.1:{message}")
    );
}

#[test]
fn the_data_folder_is_made_for_its_owner_alone() {
    let server = Server::start();
    let mode = |path: &std::path::Path| {
        let found = std::fs::metadata(path).expect("the folder");
        found.permissions().mode() & 0o777
    };
    assert_eq!(mode(&server.data_dir()), 0o700);
}

#[test]
fn what_people_write_is_not_in_the_log() {
    let server = Server::builder().set("logging.level", "info").start();
    let mut ann = server.member("ann", "den");
    ann.say("den", "t", "my-own-business");
    ann.send("SEND;u;nowhere;my-own-business");
    ann.until("ERR;u;");
    ann.send("NOVERB;v;my-own-business");
    ann.until("ERR;v;");
    drop(ann);
    server.guest("bob").check_alive();
    assert!(!server.log_text().contains("my-own-business"));
}

#[test]
fn json_logs_are_an_object_a_line_and_may_go_to_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("server.log");
    let mut server = Server::builder()
        .set("logging.format", "json")
        .set("logging.level", "debug")
        .set("logging.file", file.display())
        .start();
    drop(server.guest("ann"));
    assert!(server.term().success());
    let text = std::fs::read_to_string(&file).expect("the log file");
    assert!(text.lines().count() >= 3, "{text:?}");
    for line in text.lines() {
        let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(object.is_object(), "{line:?}");
    }
}

#[test]
fn files_of_the_configuration_count_below_the_environment() {
    let server = Server::builder()
        .local_toml("[server]\nname = \"From the file\"\n[limits]\nmessage_bytes = \"1KiB\"\n")
        .set("limits.message_bytes", "2KiB")
        .start();
    let mut ann = server.connect();
    ann.send("HELLO;h;2;tests");
    ann.expect_start("WELCOME;h;2;From the file;");
    ann.login("ann");
    ann.join("den", "");
    ann.say("den", "t", &"x".repeat(2048));
    ann.send(&format!("SEND;u;den;{}", "x".repeat(2049)));
    ann.until("ERR;u;too-large;");
}
