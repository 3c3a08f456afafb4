//! A TCP socket that is asked only when it may have an answer. In: what the kernel said of it ([`Poller`](super::poller::Poller)). Out: bytes. Owns
//! the descriptor and two answers: may it be read, may it be written.
//!
//! The kernel tells a change once (edge-triggered), so an answer holds until a system call shows that it does no more: one that would have
//! to wait, or one that moved less than it could.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// What the kernel says of a socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Readiness {
    /// There is something to read, an end or an error included.
    pub readable: bool,
    /// It takes something, or an error waits to be told.
    pub writable: bool,
    /// A read may stop short of what is there: the other end has said that it sends nothing more, or has marked something as urgent.
    pub stops_short: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    may_read: bool,
    may_write: bool,
    stops_short: bool,
}

impl Socket {
    /// A connected socket that does not block. The kernel tells when there is something to read; it takes something from the start.
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            may_read: false,
            may_write: true,
            stops_short: false,
        }
    }

    /// The kernel said this.
    pub fn note(&mut self, readiness: Readiness) {
        self.may_read |= readiness.readable;
        self.may_write |= readiness.writable;
        self.stops_short |= readiness.stops_short;
    }

    /// Whether it takes something, as far as is known.
    pub fn may_write(&self) -> bool {
        self.may_write
    }

    /// Reads what is there: `None` if nothing is, 0 at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        while self.may_read {
            match (&self.stream).read(buffer) {
                Ok(read) => {
                    // A read that leaves space has emptied the socket, but for what lies behind an end or a mark that was told already.
                    self.may_read = read == buffer.len() || self.stops_short;
                    return Ok(Some(read));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.may_read = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Sends what the socket takes now; [`ErrorKind::WouldBlock`] if that is nothing.
    pub fn send(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            let sent = match slices {
                // A simple write is cheaper than a vector of one.
                [one] => (&self.stream).write(one),
                _ => (&self.stream).write_vectored(slices),
            };
            match sent {
                Ok(sent) => {
                    let wanted: usize = slices.iter().map(|slice| slice.len()).sum();
                    self.may_write = sent == wanted;
                    return Ok(sent);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.may_write &= error.kind() != ErrorKind::WouldBlock;
                    return Err(error);
                }
            }
        }
    }

    /// Sends nothing more, and reads at most `reads` times what still comes, into `scratch`.
    ///
    /// A socket that is closed with unread input is reset, and a reset may overtake the last lines.
    pub fn close(&mut self, scratch: &mut [u8], reads: usize) {
        let _ = self.stream.shutdown(Shutdown::Write);
        for _ in 0..reads {
            if !matches!((&self.stream).read(scratch), Ok(read) if read > 0) {
                break;
            }
        }
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn pair() -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (near, _) = listener.accept().unwrap();
        near.set_nonblocking(true).unwrap();
        (Socket::new(near), far)
    }

    const READABLE: Readiness = Readiness {
        readable: true,
        writable: false,
        stops_short: false,
    };

    /// Waits until the kernel has something for the other end of a loopback connection.
    fn wait(socket: &Socket) {
        let mut byte = [0];
        socket.stream.set_nonblocking(false).unwrap();
        socket.stream.peek(&mut byte).unwrap();
        socket.stream.set_nonblocking(true).unwrap();
    }

    #[test]
    fn it_is_read_only_when_told_and_until_it_is_empty() {
        let (mut socket, mut far) = pair();
        far.write_all(b"abc").unwrap();
        wait(&socket);
        let mut buffer = [0; 2];
        assert_eq!(socket.read(&mut buffer).unwrap(), None);
        socket.note(READABLE);
        assert_eq!(socket.read(&mut buffer).unwrap(), Some(2));
        assert_eq!(socket.read(&mut buffer).unwrap(), Some(1));
        // It left space: whatever comes now is told anew.
        far.write_all(b"d").unwrap();
        wait(&socket);
        assert_eq!(socket.read(&mut buffer).unwrap(), None);
        socket.note(READABLE);
        assert_eq!(socket.read(&mut buffer).unwrap(), Some(1));
    }

    #[test]
    fn an_end_that_was_told_with_the_last_bytes_is_found_behind_them() {
        let (mut socket, mut far) = pair();
        far.write_all(b"abc").unwrap();
        far.shutdown(Shutdown::Write).unwrap();
        wait(&socket);
        socket.note(Readiness {
            stops_short: true,
            ..READABLE
        });
        let mut buffer = [0; 8];
        assert_eq!(socket.read(&mut buffer).unwrap(), Some(3));
        assert_eq!(socket.read(&mut buffer).unwrap(), Some(0));
    }

    #[test]
    fn a_full_socket_takes_no_more_until_told() {
        let (mut socket, _far) = pair();
        let much = vec![b'x'; 64 * 1024];
        while socket.may_write() {
            match socket.send(&[IoSlice::new(&much)]) {
                Ok(sent) => assert!(sent > 0),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        socket.note(Readiness {
            writable: true,
            ..Readiness::default()
        });
        assert!(socket.may_write());
    }
}
