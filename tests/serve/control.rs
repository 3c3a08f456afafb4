//! The control socket: whose it is, what becomes of it, and what strangers can do with it.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use super::reload::{change, gencomm, reload, write};
use crate::support::{PATIENCE, Server};

fn socket(server: &Server) -> PathBuf {
    server.data_dir().join("control.sock")
}

fn connect(server: &Server) -> UnixStream {
    let stream = UnixStream::connect(socket(server)).expect("the control socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    stream
}

/// Everything up to the end; a server that does not want to hear more may end it abruptly.
fn to_end(mut stream: UnixStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8(bytes).expect("text"),
    }
}

#[test]
fn it_is_private_and_goes_with_its_server() {
    let mut server = Server::start();
    let path = socket(&server);
    let mode = path.metadata().expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(server.term().success());
    assert!(!path.exists());
    let ran = reload(&server);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    let shown = server.data_dir().display().to_string();
    for part in [
        "gencomm: no server runs on",
        &shown,
        "gencomm serve",
        "--data",
    ] {
        assert!(ran.err.contains(part), "no {part:?} in {:?}", ran.err);
    }
}

#[test]
fn a_stale_one_is_known_as_such_and_replaced() {
    let mut server = Server::start();
    server.kill9();
    assert!(socket(&server).exists(), "left behind");
    let ran = reload(&server);
    assert!(
        ran.code == Some(1) && ran.err.contains("no server runs on"),
        "{}",
        ran.err
    );
    server.restart();
    change(&server, "[limits]\nmessage_bytes = \"1KiB\"\n");
    // A second server on the same data does not take it away.
    let second = Server::builder().data_dir(&server.data_dir());
    assert_eq!(second.run_to_end().0, Some(1));
    change(&server, "");
}

#[test]
fn where_nothing_is_nothing_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = gencomm(folder.path(), &["reload"]);
    assert!(
        ran.code == Some(1) && ran.err.contains("no server runs on ./data"),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains("gencomm serve --config config"),
        "{}",
        ran.err
    );
    let left = std::fs::read_dir(folder.path())
        .expect("the folder")
        .count();
    assert_eq!(left, 0);
}

#[test]
fn the_configuration_tells_where_the_server_is() {
    let server = Server::start();
    let data = format!("[server]\ndata_dir = {:?}\n", server.data_dir());
    let ours = format!("{data}[limits]\nmessage_bytes = \"1KiB\"\n");
    write(&server, &ours);
    let ran = gencomm(server.home(), &["reload"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(
        ran.out.contains("changed: limits.message_bytes"),
        "{}",
        ran.out
    );
    // Wrong, and still enough to find it: both have to say so.
    for text in [
        format!("{data}nmae = \"x\"\n"),
        "[server]\nnmae = \"x\"\n".to_owned(),
    ] {
        write(&server, &text);
        let ran = gencomm(server.home(), &["reload"]);
        assert_eq!(ran.code, Some(1), "{}", ran.out);
        for part in ["the server goes on with", "server.nmae", "server.name"] {
            assert!(ran.err.contains(part), "no {part:?} in {:?}", ran.err);
        }
    }
    server.wait_for_log("why: server.nmae in ");
    let elsewhere = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(elsewhere.path().join("config")).expect("a folder");
    std::fs::write(elsewhere.path().join("config/local.toml"), "[server\n").expect("written");
    let ran = gencomm(elsewhere.path(), &["reload"]);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    for part in ["no server was asked", "local.toml line 1"] {
        assert!(ran.err.contains(part), "no {part:?} in {:?}", ran.err);
    }
}

#[test]
fn a_data_folder_with_a_very_long_path_will_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let deep = ["d".repeat(120), "e".repeat(120), "f".repeat(120)].join("/");
    let data = folder.path().join(deep);
    let mut server = Server::builder().data_dir(&data).start();
    change(&server, "[limits]\nmessage_bytes = \"1KiB\"\n");
    server.kill9();
    assert!(reload(&server).err.contains("no server runs on"));
    server.restart();
    change(&server, "");
    assert!(server.term().success());
    assert!(!data.join("control.sock").exists());
}

#[test]
fn garbage_is_answered_and_ended() {
    let server = Server::start();
    for garbage in [
        b"\0\0\0\0\n".to_vec(),
        b"RELOAD\n".to_vec(),
        b"reload now\n".to_vec(),
        b"\xff\xfe\xfd\n".to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![b'a'; 1 << 20],
        vec![b'\n'; 1000],
    ] {
        let mut stream = connect(&server);
        // It may have heard enough before the end.
        let _ = stream.write_all(&garbage);
        let said = to_end(stream);
        assert!(
            said.starts_with("failed\na request is one word"),
            "{said:?}"
        );
    }
    let mut stream = connect(&server);
    stream.write_all(b"fly\nreload\n").expect("taken");
    assert_eq!(
        to_end(stream),
        "failed\nunknown request \"fly\"; known: counters, health, reload, takeover\n"
    );
    // Whoever goes without waiting for the answer is served all the same.
    write(&server, "[limits]\nmessage_bytes = \"1KiB\"\n");
    connect(&server).write_all(b"reload\n").expect("taken");
    server.wait_for_log("configuration changed");
    assert_eq!(reload(&server).out, "nothing has changed\n");
    assert!(!server.log_text().contains("panic"));
}

#[test]
fn who_stays_silent_is_sent_away_and_holds_up_only_others_of_the_same_user() {
    let server = Server::start();
    let mut ann = server.guest("ann");
    let silent: Vec<UnixStream> = (0..8).map(|_| connect(&server)).collect();
    let ran = reload(&server);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.err.contains("too many requests at once; try again"),
        "{}",
        ran.err
    );
    ann.check_alive();
    for stream in silent {
        assert_eq!(to_end(stream), "failed\nno request within 5s\n");
    }
    change(&server, "[limits]\nmessage_bytes = \"1KiB\"\n");
}

#[test]
fn a_server_without_one_serves_and_hears_the_signal() {
    let data = tempfile::tempdir().expect("a folder");
    std::fs::write(data.path().join("control.sock"), "mine").expect("written");
    let server = Server::builder().data_dir(data.path()).start();
    server.wait_for_log("no control socket, so `gencomm reload` does not work; SIGHUP does");
    let ran = reload(&server);
    assert_eq!(ran.code, Some(1));
    let way = format!("kill -HUP {}", server.pid());
    assert!(ran.err.contains(&way), "no {way:?} in {:?}", ran.err);
    write(&server, "[limits]\nmessage_bytes = \"1KiB\"\n");
    let sent = Command::new("kill")
        .args(["-HUP", &server.pid().to_string()])
        .status();
    assert!(sent.is_ok_and(|status| status.success()));
    server.wait_for_log("configuration changed");
}

#[test]
fn a_server_that_nobody_can_enter_says_how_to_make_the_first_admin() {
    let server = Server::builder().set("auth.guests", "never").start();
    server.wait_for_log("gencomm user add NAME --role admin --data");
    let open = Server::start();
    assert!(!open.log_text().contains("gencomm user add"));
}
