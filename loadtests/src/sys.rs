//! What the standard library does not offer: descriptor limits, epoll, sockets bound before they connect, signals.
//! The only file here with `unsafe`; everything that leaves it is safe to use.
#![allow(unsafe_code)]

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Raises the limit of open descriptors as far as the system lets this process; returns it.
pub(crate) fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid place for the answer.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) })?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` is initialised and only read.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) })?;
    Ok(limit.rlim_cur)
}

/// Asks process `pid` to end in order.
pub(crate) fn terminate(pid: u32) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    // SAFETY: takes plain numbers.
    check(unsafe { libc::kill(pid, libc::SIGTERM) }).map(drop)
}

/// What a process that has ended took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    /// Exit code 0.
    pub(crate) success: bool,
    /// Of all its threads, in user and system.
    pub(crate) cpu: Duration,
}

/// Waits for the child `pid` to end. Nobody else may wait for it.
pub(crate) fn wait_for(pid: u32) -> io::Result<Used> {
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: all zeros are a valid `rusage`, which is plain numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both are valid places for the answer.
        match check(unsafe { libc::wait4(pid, &mut status, 0, &mut usage) }) {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    Ok(Used {
        success: libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
    })
}

/// Takes what is on the disk of `file` out of the page cache.
pub(crate) fn forget_pages(file: &std::fs::File) -> io::Result<()> {
    // SAFETY: takes a descriptor that is open, and plain numbers.
    let error = unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    match error {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Starts to connect from `source`; the socket does not block. Whether it succeeded shows when it becomes writable.
///
/// The source port is chosen at connecting (IP_BIND_ADDRESS_NO_PORT), so that each source address has all ports for each
/// destination. Closing sends a reset: tens of thousands of connections would otherwise keep their ports for a minute.
///
/// `receive_bytes` fixes the receive buffer, which the system would else let grow with what comes; it doubles the number, for its own needs.
pub(crate) fn connect_from(
    source: Option<Ipv4Addr>,
    to: SocketAddrV4,
    receive_bytes: Option<u32>,
) -> io::Result<TcpStream> {
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: takes plain numbers; the result is checked before it is used.
    let socket = check(unsafe { libc::socket(libc::AF_INET, kind, 0) })?;
    // SAFETY: the descriptor was just opened and belongs to nobody else.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    set(&socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, &1i32)?;
    let reset = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    set(&socket, libc::SOL_SOCKET, libc::SO_LINGER, &reset)?;
    if let Some(bytes) = receive_bytes {
        let bytes = i32::try_from(bytes).map_err(io::Error::other)?;
        set(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, &bytes)?;
    }
    if let Some(source) = source {
        set(
            &socket,
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            &1i32,
        )?;
        let (address, length) = socket_address(SocketAddrV4::new(source, 0));
        // SAFETY: `address` is a valid address of `length` bytes.
        check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) })?;
    }
    let (address, length) = socket_address(to);
    // SAFETY: as above.
    let result =
        check(unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), length) });
    match result {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(TcpStream::from(socket)),
    }
}

fn set<T>(socket: &OwnedFd, level: i32, option: i32, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` points to `length` readable bytes.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const *value).cast(),
            length,
        )
    })
    .map(drop)
}

fn socket_address(address: SocketAddrV4) -> (libc::sockaddr_in, libc::socklen_t) {
    let raw = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(*address.ip()).to_be(),
        },
        sin_zero: [0; 8],
    };
    (raw, size_of::<libc::sockaddr_in>() as libc::socklen_t)
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// Sockets that are watched for input and for room to write, reported once per change.
pub(crate) struct Epoll {
    poll: OwnedFd,
    events: Vec<libc::epoll_event>,
    ready: usize,
}

/// Events taken from the kernel in one call.
const EVENTS_MAX: usize = 4096;

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes a plain number; the result is checked before it is used.
        let poll = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        Ok(Self {
            // SAFETY: the descriptor was just opened and belongs to nobody else.
            poll: unsafe { OwnedFd::from_raw_fd(poll) },
            events: vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS_MAX],
            ready: 0,
        })
    }

    /// Watches `socket`, to be reported as `number`, until it is closed.
    pub(crate) fn watch(&self, socket: &impl AsRawFd, number: u64) -> io::Result<()> {
        let interest = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
        let mut event = libc::epoll_event {
            events: interest as u32,
            u64: number,
        };
        // SAFETY: both descriptors are open, `event` is valid for the call.
        check(unsafe {
            libc::epoll_ctl(
                self.poll.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                socket.as_raw_fd(),
                &mut event,
            )
        })
        .map(drop)
    }

    /// Waits up to `timeout`, to the microsecond, and returns how many sockets are ready; see [`Epoll::number`].
    pub(crate) fn wait(&mut self, timeout: Duration) -> io::Result<usize> {
        let time = libc::timespec {
            tv_sec: timeout.as_secs().min(3600) as libc::time_t,
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // SAFETY: `events` holds EVENTS_MAX writable entries; no signal mask is given.
        let result = check(unsafe {
            libc::epoll_pwait2(
                self.poll.as_raw_fd(),
                self.events.as_mut_ptr(),
                EVENTS_MAX as i32,
                &time,
                std::ptr::null(),
            )
        });
        self.ready = match result {
            Ok(ready) => ready as usize,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        Ok(self.ready)
    }

    /// The number of the `index`th ready socket.
    pub(crate) fn number(&self, index: usize) -> u64 {
        self.events[..self.ready][index].u64
    }
}
