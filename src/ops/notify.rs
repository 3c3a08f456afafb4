//! What a service manager wants to hear: the protocol of sd_notify(3). In: what has become of the server. Out: a datagram to the socket that
//! NOTIFY_SOCKET names; nothing without one. Owns nothing.
//!
//! Nobody waits for the manager: a message that its socket does not take at once is lost, and so is one that it cannot be sent. The server
//! serves all the same.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use sd_notify::NotifyState;

/// Where the manager listens.
const SOCKET: &str = "NOTIFY_SOCKET";

/// It takes connections, or is done with reading its configuration anew; `status` is a line for people.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// A line for people; changes nothing.
pub fn status(line: &str) {
    tell(&[NotifyState::Status(line)]);
}

/// It reads its configuration anew; [`ready`] or [`reloaded`] has to follow.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        // Without the time a manager that wants it would take this for a fault.
        Err(_) => status("reading its configuration anew"),
    }
}

/// It is done with that.
pub fn reloaded() {
    tell(&[NotifyState::Ready]);
}

/// It begins to stop.
pub fn stopping() {
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("stopping; clients are sent home"),
    ]);
}

/// Another process, with this id, is the server from now on. Only the one that was until now is believed.
pub fn main_pid(pid: u32) {
    tell(&[NotifyState::MainPid(pid)]);
}

/// Every thread turns.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// Within what time the manager wants to hear [`alive`] again, if it does (WATCHDOG_USEC, for this process).
pub(super) fn alive_wanted_within() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|within| !within.is_zero())
}

/// Says [`alive`] until it is dropped.
pub(super) struct KeptAlive {
    _end: Sender<()>,
}

/// Says that this process lives while nobody looks whether its threads turn, since they end one after the other; twice within `within`.
pub(super) fn keep_alive(within: Duration) -> io::Result<KeptAlive> {
    let (end, ended) = channel::<()>();
    let say = move || {
        alive();
        while ended.recv_timeout(within / 2) == Err(RecvTimeoutError::Timeout) {
            alive();
        }
    };
    thread::Builder::new().name("alive".into()).spawn(say)?;
    Ok(KeptAlive { _end: end })
}

fn tell(states: &[NotifyState<'_>]) {
    if let Some(socket) = std::env::var_os(SOCKET) {
        // There is no other place to complain to.
        let _ = send(&socket, &text(states));
    }
}

fn text(states: &[NotifyState<'_>]) -> String {
    let mut text = String::new();
    for state in states {
        // Into a string: cannot fail.
        let _ = writeln!(text, "{state}");
    }
    text
}

/// `socket` is a path, or a name behind an `@`, which is in no file system.
fn send(socket: &OsStr, text: &str) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    sender.set_nonblocking(true)?;
    sender.send_to_addr(text.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_an_abstract_name_are_reached() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let mut buffer = [0; 256];
        send(path.as_os_str(), "READY=1\n").unwrap();
        let read = receiver.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..read], b"READY=1\n");

        let name = format!("gencomm-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let receiver = UnixDatagram::bind_addr(&address).unwrap();
        send(OsStr::new(&format!("@{name}")), "STOPPING=1\n").unwrap();
        let read = receiver.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..read], b"STOPPING=1\n");
        assert!(send(OsStr::new("@nobody-listens-there"), "x").is_err());
    }

    #[test]
    fn a_manager_that_does_not_read_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _receiver = UnixDatagram::bind(&path).unwrap();
        let refused = (0..100_000).find(|_| send(path.as_os_str(), "WATCHDOG=1\n").is_err());
        assert!(refused.is_some());
    }

    #[test]
    fn a_reload_is_told_with_its_time() {
        let now = NotifyState::monotonic_usec_now().unwrap();
        let said = text(&[NotifyState::Reloading, now]);
        let number = said.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(number.trim().parse::<u64>().unwrap() > 0);
    }
}
