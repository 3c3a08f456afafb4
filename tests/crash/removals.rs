//! `kill -9` while messages are removed: what was answered as removed is gone, from every file, and stays gone.

use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;

use crate::support::{Gc2, Server, number};

const ROUNDS: usize = 3;
const REMOVERS: usize = 10;

/// What a remover knows at its end.
#[derive(Default)]
struct Known {
    /// Answered with OK, and never asked to be removed: id and body.
    kept: Vec<(u64, String)>,
    /// Removed, with an OK to that.
    removed: Vec<(u64, String)>,
}

/// Sends and removes every second of its messages, until the connection ends.
fn remover(server: SocketAddr, name: String) -> JoinHandle<Known> {
    let mut client = Gc2::connect(server);
    client.login(&name);
    client.join("den", "");
    std::thread::spawn(move || {
        let mut known = Known::default();
        for at in 0.. {
            let body = format!("secret-{name}-{at}-end");
            let Some(id) = ask(&mut client, "SEND", at, &format!("den;{body}")) else {
                break;
            };
            if at % 2 == 0 {
                known.kept.push((id, body));
            } else if ask(&mut client, "DELETE", at, &id.to_string()).is_some() {
                known.removed.push((id, body));
            }
        }
        known
    })
}

/// The id in the OK to a command; `None` if the connection ended before that.
fn ask(client: &mut Gc2, verb: &str, at: usize, arguments: &str) -> Option<u64> {
    if !client.try_send(&format!("{verb};{verb}{at};{arguments}")) {
        return None;
    }
    loop {
        let line = client.try_line().ok()?;
        assert!(!line.starts_with("ERR;"), "{line:?}");
        if line.starts_with(&format!("OK;{verb}{at};")) {
            return Some(number(&line, 2));
        }
    }
}

/// The contents of all files below `folder`.
fn all_bytes(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the data folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            bytes.extend(all_bytes(&path));
        } else if path.is_file() {
            bytes.extend(std::fs::read(&path).expect("a file"));
        }
    }
    bytes
}

/// No file holds what was removed.
fn check_disk(server: &Server, removed: &[(u64, String)], when: &str) {
    let bytes = all_bytes(&server.data_dir());
    for (id, body) in removed {
        let found = memchr::memmem::find(&bytes, body.as_bytes());
        assert!(found.is_none(), "{id} ({body}) is on the disk {when}");
    }
}

#[test]
fn what_was_answered_as_removed_stays_gone() {
    let mut server = Server::builder()
        .set("storage.segment_bytes", "64KiB")
        .start();
    let mut all = Known::default();
    for round in 0..ROUNDS {
        let removers: Vec<_> = (0..REMOVERS)
            .map(|at| remover(server.address(), format!("r{round}n{at}")))
            .collect();
        // The log grows; at another place each time it ends.
        let mut probe = server.guest("probe");
        let begun = newest(&mut probe);
        while newest(&mut probe) < begun + 100 + round as u64 * 17 {}
        server.kill9();
        for remover in removers {
            let known = remover.join().expect("a remover");
            all.kept.extend(known.kept);
            all.removed.extend(known.removed);
        }
        check_disk(&server, &all.removed, "after the kill");
        server.restart();
        check_disk(&server, &all.removed, "after the restart");
        let stored = server.guest("reader").whole_history("den");
        for said in &all.kept {
            assert!(stored.binary_search(said).is_ok(), "{said:?} is lost");
        }
        for (id, body) in &all.removed {
            let found = stored.binary_search_by_key(id, |(id, _)| *id);
            assert!(found.is_err(), "{id} ({body}) is told");
        }
    }
    assert!(all.removed.len() > ROUNDS * 5);
}

/// The newest id of the room; 0 before there is one.
fn newest(client: &mut Gc2) -> u64 {
    client.send("HISTORY;n;den;last=1;");
    let before = client.until("OK;n;").0;
    before.first().map_or(0, |line| number(line, 3))
}
