//! A server that cannot start says why, who is in the way, and what to do.

use std::net::TcpListener;

use crate::support::{Builder, Server};

/// It has to fail with `code`; what it said.
#[track_caller]
fn refused(builder: Builder, code: i32) -> String {
    let (got, out, err) = builder.run_to_end();
    assert_eq!(got, Some(code), "{err}");
    assert_eq!(out, "", "nothing is ready");
    assert!(
        err.lines().any(|line| line.starts_with("gencomm: ")),
        "{err:?}"
    );
    err
}

#[test]
fn a_taken_port_names_its_holder_and_the_key() {
    let first = Server::start();
    let address = first.address().to_string();
    let said = refused(Server::builder().set("listen.main", &address), 1);
    for part in [
        &address,
        "listen.main",
        &format!("process {}", first.pid()),
        "gencomm",
    ] {
        assert!(said.contains(part), "no {part:?} in {said:?}");
    }
    first.guest("ann").check_alive();
    // A stranger's port as well, be it our own.
    let stranger = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = stranger.local_addr().expect("its address").to_string();
    let said = refused(Server::builder().set("listen.main", &address), 1);
    for part in [&address, "listen.main", &std::process::id().to_string()] {
        assert!(said.contains(part), "no {part:?} in {said:?}");
    }
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let mut first = Server::start();
    let mut ann = first.member("ann", "den");
    let id = ann.say("den", "t", "x");
    let second = || Server::builder().data_dir(&first.data_dir());
    let said = refused(second(), 1);
    for part in ["server.data_dir", &first.pid().to_string()] {
        assert!(said.contains(part), "no {part:?} in {said:?}");
    }
    assert!(ann.say("den", "t2", "unharmed") > id);
    // The lock goes with its holder, however that ends.
    let next = second();
    first.kill9();
    let next = next.start();
    assert_eq!(next.guest("bob").whole_history("den").len(), 2);
}

#[test]
fn mistakes_in_the_configuration_name_file_and_key() {
    for (text, parts) in [
        (
            "[limits]\nlin_bytes = \"1KiB\"\n",
            ["limits.lin_bytes", "local.toml", "line_bytes"],
        ),
        (
            "[heartbeat]\ninterval = 5\n",
            ["heartbeat.interval", "local.toml", "5"],
        ),
        (
            "[storage]\ndurability = \"never\"\n",
            ["storage.durability", "local.toml", "always"],
        ),
        ("[limits\nline_bytes = 1\n", ["local.toml", "", ""]),
    ] {
        let said = refused(Server::builder().local_toml(text), 2);
        for part in parts {
            assert!(said.contains(part), "no {part:?} in {said:?}");
        }
    }
    let said = refused(Server::builder().set("listen.mian", "127.0.0.1:0"), 2);
    for part in ["GENCOMM__LISTEN__MIAN", "listen.mian", "listen.main"] {
        assert!(said.contains(part), "no {part:?} in {said:?}");
    }
    let said = refused(Server::builder().set("limits.tags", "many"), 2);
    for part in ["GENCOMM__LIMITS__TAGS", "limits.tags"] {
        assert!(said.contains(part), "no {part:?} in {said:?}");
    }
}

#[test]
fn a_data_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a-file");
    std::fs::write(&file, "in the way").expect("a file");
    let said = refused(Server::builder().data_dir(&file.join("data")), 1);
    for part in ["a-file", "server.data_dir"] {
        assert!(said.contains(part), "no {part:?} in {said:?}");
    }
}
