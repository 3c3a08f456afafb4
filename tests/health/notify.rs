//! What a service manager hears, over a real socket of its kind.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use crate::serve::reload::change;
use crate::support::{PATIENCE, Server, fresh_tag};

pub struct Manager {
    socket: UnixDatagram,
    said: Vec<String>,
}

impl Manager {
    fn new(socket: UnixDatagram) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        Self {
            socket,
            said: Vec::new(),
        }
    }

    /// The next message.
    fn next(&mut self) -> Option<String> {
        let mut buffer = [0; 4096];
        let read = self.socket.recv(&mut buffer).ok()?;
        let text = String::from_utf8(buffer[..read].to_vec()).expect("text");
        self.said.push(text.clone());
        Some(text)
    }

    /// Waits for a message that holds this line.
    #[track_caller]
    pub fn wait_for(&mut self, line: &str) -> String {
        while let Some(text) = self.next() {
            if text.lines().any(|said| said == line) {
                return text;
            }
        }
        panic!("never {line:?}, only {:?}", self.said);
    }

    /// Reads what was said so far.
    pub fn drain(&mut self) {
        self.socket.set_nonblocking(true).expect("a socket");
        while self.next().is_some() {}
        self.socket.set_nonblocking(false).expect("a socket");
    }

    /// Whether a message held this.
    pub fn has_heard(&self, what: &str) -> bool {
        self.said.iter().any(|text| text.contains(what))
    }
}

/// One that listens in `folder`, and where.
pub fn by_path(folder: &std::path::Path) -> (Manager, String) {
    let path = folder.join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    (Manager::new(socket), path.display().to_string())
}

#[test]
fn it_hears_of_the_start_of_reloads_of_life_and_of_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut manager, path) = by_path(folder.path());
    let mut server = Server::builder()
        .env("NOTIFY_SOCKET", path)
        .env("WATCHDOG_USEC", 400_000)
        .start();
    let ready = manager.wait_for("READY=1");
    assert!(ready.contains("STATUS=0 connections\n"), "{ready:?}");
    for _ in 0..3 {
        manager.wait_for("WATCHDOG=1");
    }
    change(&server, "[limits]\nmessage_bytes = \"1KiB\"\n");
    let reloading = manager.wait_for("RELOADING=1");
    assert!(reloading.contains("\nMONOTONIC_USEC="), "{reloading:?}");
    manager.wait_for("READY=1");
    assert!(server.term().success());
    manager.wait_for("STOPPING=1");
}

#[test]
fn an_abstract_name_is_reached_and_what_is_meant_for_another_process_is_not_taken() {
    let name = format!("gencomm-{}", fresh_tag());
    let address = SocketAddr::from_abstract_name(&name).expect("an address");
    let mut manager = Manager::new(UnixDatagram::bind_addr(&address).expect("a socket"));
    let mut server = Server::builder()
        .env("NOTIFY_SOCKET", format!("@{name}"))
        .env("WATCHDOG_USEC", 100_000)
        .env("WATCHDOG_PID", 1)
        .start();
    manager.wait_for("READY=1");
    server.guest("ann").check_alive();
    assert!(server.term().success());
    manager.wait_for("STOPPING=1");
    let is_life = |text: &String| text.contains("WATCHDOG=1");
    assert!(!manager.said.iter().any(is_life), "{:?}", manager.said);
}

#[test]
fn a_manager_that_is_not_there_or_does_not_read_is_no_harm() {
    let server = Server::builder()
        .env("NOTIFY_SOCKET", "/nowhere/notify")
        .start();
    server.guest("ann").check_alive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_manager, path) = by_path(folder.path());
    let mut server = Server::builder()
        .env("NOTIFY_SOCKET", path)
        .env("WATCHDOG_USEC", 1)
        .start();
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        server.guest(&fresh_tag()).check_alive();
    }
    assert!(server.term().success());
}

#[cfg(feature = "fault-injection")]
#[test]
fn a_thread_that_hangs_gives_no_sign_of_life() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut manager, path) = by_path(folder.path());
    let server = Server::builder()
        .set("server.watchdog", "0s")
        .env("NOTIFY_SOCKET", path)
        .env("WATCHDOG_USEC", 400_000)
        .start();
    manager.wait_for("WATCHDOG=1");
    super::provoke(&server, "hang");
    server.wait_for_log("a thread does not turn");
    // What was sent before that.
    manager.socket.set_nonblocking(true).expect("a socket");
    while manager.next().is_some() {}
    manager.said.clear();
    std::thread::sleep(Duration::from_secs(2));
    while manager.next().is_some() {}
    let is_life = |text: &String| text.contains("WATCHDOG=1");
    assert!(!manager.said.iter().any(is_life), "{:?}", manager.said);
}
