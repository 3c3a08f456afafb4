//! A new configuration while the server runs: what changes, what does not, and that a bad one changes nothing.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Builder, Gc2, Senders, Server, assert_same_ids, fresh_tag, number};

/// What a run of `gencomm` left: exit code, standard output, standard error.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// `gencomm` with these arguments in this folder, without anything in its environment.
pub fn gencomm(folder: &Path, arguments: &[&str]) -> Ran {
    gencomm_with(folder, arguments, &[])
}

/// The same with these variables.
pub fn gencomm_with(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gencomm"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GENCOMM__") {
            command.env_remove(name);
        }
    }
    command.envs(variables.iter().copied());
    let command = command.args(arguments).current_dir(folder);
    let output = command.stdin(Stdio::null()).output().expect("gencomm runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ran {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// `gencomm reload` for the data of `server`.
pub fn reload(server: &Server) -> Ran {
    let data = server.data_dir();
    let arguments = ["reload", "--data", data.to_str().expect("text")];
    gencomm(server.home(), &arguments)
}

/// Writes local.toml anew.
pub fn write(server: &Server, text: &str) {
    let path = server.home().join("config/local.toml");
    std::fs::write(path, text).expect("local.toml");
}

/// Writes local.toml and has it read; it has to be taken. What was said.
#[track_caller]
pub fn change(server: &Server, text: &str) -> String {
    write(server, text);
    let ran = reload(server);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
    ran.out
}

/// The same with a configuration that must not be taken.
#[track_caller]
pub fn refused(server: &Server, text: &str) -> String {
    write(server, text);
    let ran = reload(server);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
    ran.err
}

fn signal(server: &Server) {
    let pid = server.pid().to_string();
    let sent = Command::new("kill").args(["-HUP", &pid]).status();
    assert!(sent.is_ok_and(|status| status.success()));
}

/// Clients on all shards: connections are spread by the kernel, so many of them.
fn everywhere(server: &Server) -> Vec<Gc2> {
    let names = (0..16).map(|at| format!("c{at}"));
    names.map(|name| server.member(&name, "den")).collect()
}

#[track_caller]
fn longest_message_is(client: &mut Gc2, bytes: usize) {
    client.say("den", &fresh_tag(), &"x".repeat(bytes));
    let tag = fresh_tag();
    client.send(&format!("SEND;{tag};den;{}", "x".repeat(bytes + 1)));
    client.until(&format!("ERR;{tag};too-large;"));
}

#[test]
fn limits_and_guests_change_for_clients_that_are_there() {
    let server = Server::start();
    let mut clients = everywhere(&server);
    longest_message_is(&mut clients[0], 8192);
    let said = change(
        &server,
        "[limits]\nmessage_bytes = \"1KiB\"\nline_bytes = \"2KiB\"\n[auth]\nguests = \"never\"\n",
    );
    for line in [
        "changed: limits.line_bytes = \"2KiB\" (was \"16KiB\")\n",
        "changed: limits.message_bytes = \"1KiB\" (was \"8KiB\")\n",
        "changed: auth.guests = \"never\" (was \"loopback\"), for log-ins from then on;",
    ] {
        assert!(said.contains(line), "no {line:?} in {said:?}");
    }
    assert_eq!(said.lines().count(), 3, "{said:?}");
    for client in &mut clients {
        longest_message_is(client, 1024);
        client.send(&format!("PING;p;{}", "x".repeat(2048)));
        client.until("ERR;p;too-large;");
        client.check_alive();
    }
    for _ in 0..8 {
        let mut guest = server.connect();
        guest.send("AUTH;login;GUEST;newcomer");
        guest.expect_start("ERR;login;forbidden;");
    }

    // And back, with longer lines than before.
    let said = change(&server, "[limits]\nline_bytes = \"20KiB\"\n");
    assert_eq!(said.lines().count(), 3, "{said:?}");
    for client in &mut clients {
        longest_message_is(client, 8192);
        client.send(&format!("PING;p;{}", "x".repeat(18_000)));
        let answer = client.until("PONG;p;").1;
        assert_eq!(answer.len(), 7 + 18_000);
    }
    server.guest("newcomer").check_alive();
    assert_eq!(
        change(&server, "[limits]\nline_bytes = 20480\n"),
        "nothing has changed\n"
    );
}

#[test]
fn a_signal_does_the_same() {
    let server = Server::start();
    let mut clients = everywhere(&server);
    write(&server, "[limits]\nmessage_bytes = \"1KiB\"\n");
    signal(&server);
    server.wait_for_log(
        "configuration read anew, actor: reload, by: SIGHUP, changed: 1, waiting_for_restart: 0",
    );
    for client in &mut clients {
        longest_message_is(client, 1024);
    }
    write(&server, "[limits\n");
    signal(&server);
    server.wait_for_log("what was in force stays");
    let log = server.log_text();
    assert!(log.contains("local.toml line 1, column "), "{log}");
    longest_message_is(&mut clients[0], 1024);
}

#[test]
fn the_heartbeat_changes_its_pace() {
    let server = Server::start();
    let mut quiet = server.guest("quiet");
    quiet.answers_pings = false;
    change(
        &server,
        "[heartbeat]\ninterval = \"50ms\"\ntimeout = \"60s\"\n",
    );
    let ping = quiet.expect_start("PING;");
    quiet.send(&ping.replacen("PING", "PONG", 1));
    // It has now stopped answering, and is heard of no more.
    quiet.expect_start("PING;");
    change(
        &server,
        "[heartbeat]\ninterval = \"50ms\"\ntimeout = \"50ms\"\n",
    );
    quiet.until("BYE;");
}

#[test]
fn the_connections_that_are_allowed_change() {
    let server = Server::start();
    let mut clients = everywhere(&server);
    let said = change(&server, "[limits]\nconnections = 3\n");
    assert!(
        said.contains("limits.connections = 3 (was 0), for what comes from then on"),
        "{said}"
    );
    server.connect().until("BYE;full;");
    for client in &mut clients {
        client.check_alive();
    }
    change(&server, "");
    server.guest("newcomer").check_alive();
}

#[test]
fn rates_hold_for_whoever_is_not_exempt_any_more() {
    let server = Server::start();
    let mut clients = everywhere(&server);
    let flood = |client: &mut Gc2| {
        for _ in 0..5 {
            client.send("PING;p;hurry");
        }
    };
    flood(&mut clients[0]);
    for _ in 0..5 {
        clients[0].until("PONG;p;");
    }
    change(
        &server,
        "[limits]\nexempt = []\ncommands_per_second = 1\ncommands_burst = 2\n",
    );
    for client in &mut clients {
        flood(client);
        client.until("ERR;p;rate-limited;");
    }
    change(&server, "");
    for client in &mut clients {
        client.check_alive();
    }
}

#[test]
fn the_log_changes_its_level() {
    let mut server = Server::builder()
        .local_toml("[logging]\nlevel = \"error\"\n")
        .start();
    drop(server.guest("unseen"));
    assert!(!server.log_text().contains("INFO"), "{}", server.log_text());
    change(&server, "[logging]\nlevel = \"debug\"\n");
    server.wait_for_log("configuration changed");
    let guest = server.guest("seen");
    server.wait_for_log("client connected");
    change(
        &server,
        "[logging]\nlevel = \"info\"\n[logging.levels]\n\"hub::client\" = \"trace\"\n",
    );
    drop(guest);
    server.guest("unseen_too").check_alive();
    assert!(server.term().success());
    let log = server.log_to_end();
    assert_eq!(log.matches("client connected").count(), 1, "{log}");
    assert!(log.contains("key: logging.levels"), "{log}");
}

#[test]
fn a_bad_file_changes_nothing_and_all_of_it_is_told() {
    let server = Server::builder()
        .local_toml("[limits]\nmessage_bytes = \"2KiB\"\n")
        .start();
    let mut ann = server.member("ann", "den");
    for (text, parts) in [
        (
            "[limits]\nmessage_bytes = \n",
            vec!["local.toml line 2, column "],
        ),
        (
            "[limits]\nmessage_bytes = \"1KiB\"\nmesage_bytes = \"1KiB\"\n[heartbeat]\ninterval = \"0s\"\n",
            vec![
                "limits.mesage_bytes",
                "did you mean limits.message_bytes",
                "heartbeat.interval",
                "too short",
            ],
        ),
        (
            "[limits]\nmessage_bytes = \"many\"\n",
            vec!["limits.message_bytes", "local.toml"],
        ),
        (
            "[limits]\nmessage_bytes = \"64KiB\"\n",
            vec!["limits.message_bytes", "do not fit in a line"],
        ),
        // The journal of this server has 1 MiB, and its environment says so.
        (
            "[limits]\nmessage_bytes = \"100KiB\"\nline_bytes = \"128KiB\"\n",
            vec!["the journal of 1MiB has no room"],
        ),
        (
            "[limits]\nmessage_bytes = \"1KiB\"\n[tls]\ncertificate = \"no.crt\"\nkey = \"no.key\"\n",
            vec![
                "the TLS certificate cannot be used",
                "no.crt: there is no such file",
            ],
        ),
    ] {
        let said = refused(&server, text);
        assert!(said.starts_with("gencomm: the server goes on with the configuration it had:\n"));
        for part in parts {
            assert!(said.contains(part), "no {part:?} in {said:?}");
            server.wait_for_log(part);
        }
        longest_message_is(&mut ann, 2048);
    }
    // A folder that is gone is as bad as a file.
    std::fs::remove_dir_all(server.home().join("config")).expect("removed");
    let ran = reload(&server);
    assert!(
        ran.code == Some(1) && ran.err.contains("no such folder"),
        "{}",
        ran.err
    );
    longest_message_is(&mut ann, 2048);
}

#[test]
fn what_needs_a_start_is_named_until_then() {
    let mut server = Server::builder()
        .local_toml("[storage]\nsegment_bytes = \"1MiB\"\n")
        .start();
    let text = "[storage]\nsegment_bytes = \"2MiB\"\n[limits]\nmessage_bytes = \"1KiB\"\n";
    let waits = "not changed: storage.segment_bytes = \"2MiB\" takes effect at the next start; until then it is \"1MiB\"\n";
    let said = change(&server, text);
    assert_eq!(
        said,
        format!("{waits}changed: limits.message_bytes = \"1KiB\" (was \"8KiB\")\n")
    );
    server.wait_for_log(
        "takes effect at the next start, actor: reload, key: storage.segment_bytes, old: \"1MiB\", new: \"2MiB\"",
    );
    assert_eq!(change(&server, text), waits, "it still waits");
    server.restart();
    assert_eq!(change(&server, text), "nothing has changed\n");
}

#[test]
fn original_clients_are_let_in_by_the_new_list() {
    use crate::support::PATIENCE;
    use crate::support::original_client::read_once;
    use std::io::Write;
    let server = with_original_clients().start();
    let ask = || {
        let mut stream = std::net::TcpStream::connect(server.address_of("auth")).expect("a port");
        let _ = stream.write_all(b"AuthRequest");
        read_once(&mut stream, 64, PATIENCE)
    };
    assert_eq!(ask(), b"Auth1");
    change(&server, "[legacy]\nallow = [\"192.0.2.0/24\"]\n");
    assert_eq!(ask(), b"");
    let mut ping = server.connect();
    ping.send_bytes(b"Ping");
    assert_eq!(ping.bytes_to_end(), b"");
    change(&server, "");
    assert_eq!(ask(), b"Auth1");
}

fn with_original_clients() -> Builder {
    Server::builder()
        .set("legacy.enabled", "true")
        .set("legacy.auth_port", 0)
        .set("legacy.message_port", 0)
}

#[test]
fn fifty_reloads_under_load_lose_nothing() {
    let server = Server::builder().set("storage.durability", "os").start();
    let mut reader = server.member("reader", "den");
    let listening = std::thread::spawn(move || {
        let mut ids = Vec::new();
        loop {
            let line = reader.until("MSG;den;").1;
            ids.push(number(&line, 2));
            if line.ends_with(";the end") {
                return ids;
            }
        }
    });
    let senders = Senders::start(server.address(), "den", 20);
    for round in 1..=50_u32 {
        write(
            &server,
            &format!(
                "[limits]\nmessage_bytes = \"{}KiB\"\n[heartbeat]\ninterval = \"{}ms\"\n[logging]\nlevel = \"{}\"\n",
                1 + round % 7,
                100 + round,
                ["info", "debug"][round as usize % 2],
            ),
        );
        if round % 5 == 0 {
            signal(&server);
        } else {
            let ran = reload(&server);
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
        }
        senders.wait_for(round as usize * 20);
    }
    let report = senders.finish();
    assert!(report.refused.is_empty(), "{:?}", report.refused.first());
    assert!(
        report.unanswered.is_empty(),
        "{:?}",
        report.unanswered.first()
    );
    let last = server.member("last", "den").say("den", "e", "the end");
    let heard = listening.join().expect("the reader");
    let mut expected: Vec<u64> = report.kept.iter().map(|said| said.id).collect();
    expected.push(last);
    expected.sort_unstable();
    assert_same_ids(&heard, &expected, "the reader");
    assert!(!server.log_text().contains("panic"));
}
