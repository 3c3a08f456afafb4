//! The few questions to the kernel and the C library that no library above answers.
//!
//! In: descriptors and paths. Out: plain numbers, or the error that the kernel gave. Owns nothing. Linux only, as TCP_INFO
//! and SIOCOUTQ are.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::mem::{MaybeUninit, offset_of, size_of};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What the kernel knows of a TCP connection's other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpState {
    /// Time since the other end last acknowledged anything; the kernel counts in milliseconds.
    pub since_last_ack: Duration,
    /// Probes sent in a row without an answer: zero-window or keep-alive ones.
    pub unanswered_probes: u32,
    /// Retransmissions in a row of the oldest unacknowledged segment.
    pub retransmits: u32,
    /// Segments sent and not yet acknowledged.
    pub unacked: u32,
}

/// How many descriptors this process may have: the limit in force, and the limit to which it may be raised.
pub fn descriptor_limit() -> io::Result<(u64, u64)> {
    let limit = get_descriptor_limit()?;
    Ok((limit.rlim_cur, limit.rlim_max))
}

/// Raises the descriptor limit in force as far as it may be raised, and returns it.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = get_descriptor_limit()?;
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: the pointer is to a live, initialised `rlimit` that the kernel only reads.
        check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    }
    Ok(limit.rlim_cur)
}

fn get_descriptor_limit() -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a live `rlimit` that nobody else uses during the call.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    Ok(limit)
}

/// Ends the process at once: no destructors, no handlers of exit(3), which would wait for a thread that hangs.
pub fn end_at_once(code: i32) -> ! {
    // SAFETY: takes a plain number, touches no memory of the process and does not return.
    unsafe { libc::_exit(code) }
}

/// Makes the calling thread nicer to the others by `more`.
pub fn lower_priority(more: i32) -> io::Result<()> {
    // SAFETY: no pointers; 0 names the calling thread, as Linux keeps a priority for each.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, more) })
}

/// Bytes written to a TCP socket that its other end has not acknowledged yet.
pub fn unsent_bytes(socket: &impl AsRawFd) -> io::Result<u32> {
    let mut bytes: libc::c_int = 0;
    // On Linux TIOCOUTQ has the number of SIOCOUTQ, whose name libc does not carry.
    // SAFETY: for this request the kernel writes one `int`, which `bytes` is; a wrong descriptor is an error
    // or another socket's figures, never harm.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) })?;
    Ok(u32::try_from(bytes).unwrap_or(0))
}

/// What the kernel knows of the other end of a connected TCP socket.
pub fn tcp_state(socket: &impl AsRawFd) -> io::Result<TcpState> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: `info` is `length` bytes of writable memory and the kernel writes at most that many; a wrong
    // descriptor is an error or another socket's figures, never harm.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    })?;
    let needed = offset_of!(libc::tcp_info, tcpi_last_ack_recv) + size_of::<u32>();
    if (length as usize) < needed {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the kernel's TCP_INFO is too short",
        ));
    }
    // SAFETY: the structure consists of integers alone, for which zeroed memory is valid wherever the kernel left it.
    let info = unsafe { info.assume_init() };
    Ok(TcpState {
        since_last_ack: Duration::from_millis(u64::from(info.tcpi_last_ack_recv)),
        unanswered_probes: u32::from(info.tcpi_probes),
        retransmits: u32::from(info.tcpi_retransmits),
        unacked: info.tcpi_unacked,
    })
}

/// Bytes that this user may still write to the file system that `path` is on. The path has to exist.
pub fn free_disk_bytes(path: &Path) -> io::Result<u64> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut stat = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: `path` ends with NUL and outlives the call; `stat` is writable memory of the size the kernel fills.
    check(unsafe { libc::statvfs(path.as_ptr(), stat.as_mut_ptr()) })?;
    // SAFETY: the structure consists of integers alone, for which zeroed memory is valid, and the call has filled it.
    let stat = unsafe { stat.assume_init() };
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Has the allocator give back every page that is wholly free. No library does; what it is good for was measured ([`memory`](super::memory)).
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) takes a plain number and is safe to call from any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Has the allocator share so many arenas between all threads; only before there are any. No library does; what it is good for was measured
/// ([`bound_arenas`](super::memory::bound_arenas)).
pub fn set_arenas_max(count: i32) {
    #[cfg(not(target_env = "gnu"))]
    let _ = count;
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt(3) takes plain numbers, and this one only bounds what later threads get.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, count);
    }
}

/// The runtime tells when there is somebody to accept. Its own listener would register each connection with it: 256 bytes of heap and a
/// system call for each.
pub fn watch_listener(
    listener: mio::net::TcpListener,
) -> io::Result<AsyncFd<mio::net::TcpListener>> {
    watch(listener)
}

/// The runtime tells when this epoll instance has something to tell. Without it each client would need a task of the runtime: 1.81 KiB
/// instead of 0.93 for an idle one.
pub fn watch_epoll(epoll: mio::Poll) -> io::Result<AsyncFd<mio::Poll>> {
    watch(epoll)
}

/// Only for what owns its descriptor, and the same one for as long as it lives.
fn watch<T: AsRawFd>(owner: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: both callers pass an owner of an open descriptor, which neither closes nor changes it before its drop; and nobody takes
    // the owner out and goes on using it.
    let watched = unsafe { AsyncFd::register_with_interest(owner, Interest::READABLE) };
    watched.map_err(|error| error.into_parts().1)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Instant;

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        (near, far)
    }

    /// Polls until `done` or two seconds are over: acknowledgements take their time.
    fn eventually(mut done: impl FnMut() -> bool) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            if done() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }

    #[test]
    fn the_descriptor_limit_is_raised_to_what_is_allowed() {
        let (_, most) = descriptor_limit().unwrap();
        assert_eq!(raise_descriptor_limit().unwrap(), most);
        assert_eq!(descriptor_limit().unwrap(), (most, most));
    }

    #[test]
    fn bytes_count_as_unsent_until_the_reader_takes_them() {
        let (mut near, mut far) = pair();
        assert_eq!(unsent_bytes(&near).unwrap(), 0);
        near.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(bytes) = near.write(&[7; 65536]) {
            written += bytes;
        }
        assert!(
            unsent_bytes(&near).unwrap() > 0,
            "{written} bytes all fit into the reader"
        );
        let mut all = vec![0; written];
        far.read_exact(&mut all).unwrap();
        assert!(eventually(|| unsent_bytes(&near).unwrap() == 0));
    }

    #[test]
    fn a_live_peer_acknowledges() {
        let (mut near, _far) = pair();
        std::thread::sleep(Duration::from_millis(60));
        let before = tcp_state(&near).unwrap();
        assert!(
            before.since_last_ack >= Duration::from_millis(40),
            "{before:?}"
        );
        near.write_all(b"x").unwrap();
        assert!(eventually(|| tcp_state(&near).unwrap().unacked == 0));
        let after = tcp_state(&near).unwrap();
        assert!(after.since_last_ack < Duration::from_secs(2), "{after:?}");
        assert_eq!((after.unanswered_probes, after.retransmits), (0, 0));
    }

    #[test]
    fn what_is_no_socket_is_an_error() {
        let file = File::open("/dev/null").unwrap();
        assert!(tcp_state(&file).is_err());
        assert!(unsent_bytes(&file).is_err());
    }

    #[test]
    fn free_space_is_known_where_the_path_exists() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free_disk_bytes(dir.path()).unwrap() > 0);
        assert!(free_disk_bytes(&dir.path().join("missing")).is_err());
    }
}
