//! Many sockets on one thread that speak lines, each as it likes. In: who connects from where and says what. Out: every line that came,
//! and every end. What the lines mean is for the caller; [`swarm`](crate::swarm) is for members of rooms.
//!
//! Owns the sockets, one epoll and one input buffer for all.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use memchr::memchr_iter;

use crate::sys::{Epoll, connect_from};

/// Bytes read from a socket in one go.
const READ_BYTES: usize = 64 * 1024;
/// A server that says more than this without a newline does not speak lines.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Connections from one address: as many as the server's default lets one have, and a few less.
const PER_ADDRESS: usize = 50;
/// Addresses of one block: those that a host can have.
const PER_BLOCK: usize = 250;

/// The loopback address from which the `number`th client comes: few from each, as clients of the world out there would.
///
/// Each process has addresses of its own, so that two at a time share none.
pub(crate) fn address_of(number: usize) -> Result<Ipv4Addr> {
    let host = number / PER_ADDRESS;
    let block = 1 + u8::try_from(host / PER_BLOCK).context("too many clients")?;
    let own = 2 + (std::process::id() % 250) as u8;
    Ok(Ipv4Addr::new(127, block, own, 1 + (host % PER_BLOCK) as u8))
}

/// See the module. Sockets have the numbers that the caller gives them, from 0 and without large gaps.
pub(crate) struct Crowd {
    server: SocketAddrV4,
    epoll: Epoll,
    sockets: Vec<Option<Socket>>,
    buffer: Vec<u8>,
}

struct Socket {
    stream: TcpStream,
    since: Instant,
    out: Vec<u8>,
    /// The beginning of a line.
    begun: Vec<u8>,
}

/// What happened to a socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A line came, without its newline.
    Line(Vec<u8>),
    /// The server closed the connection, which was there for so long.
    Closed(Duration),
}

impl Crowd {
    /// Nobody yet.
    pub(crate) fn new(server: SocketAddrV4) -> Result<Self> {
        Ok(Self {
            server,
            epoll: Epoll::new()?,
            sockets: Vec::new(),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Connects as `number` from `source`, and says `words` once that is done. Whoever had the number hangs up.
    pub(crate) fn open(&mut self, number: usize, source: Ipv4Addr, words: Vec<u8>) -> Result<()> {
        let stream = connect_from(Some(source), self.server, None)
            .with_context(|| format!("socket {number} cannot connect from {source}"))?;
        if self.sockets.len() <= number {
            self.sockets.resize_with(number + 1, || None);
        }
        self.epoll.watch(&stream, number as u64)?;
        self.sockets[number] = Some(Socket {
            stream,
            since: Instant::now(),
            out: words,
            begun: Vec::new(),
        });
        Ok(())
    }

    /// Says `words` now, or when its socket has room.
    pub(crate) fn say(&mut self, number: usize, words: &[u8]) -> Result<()> {
        let Some(socket) = self.sockets.get_mut(number).and_then(Option::as_mut) else {
            bail!("socket {number} is closed and cannot say anything");
        };
        socket.out.extend_from_slice(words);
        socket.flush();
        Ok(())
    }

    /// Hangs up.
    pub(crate) fn close(&mut self, number: usize) {
        if let Some(socket) = self.sockets.get_mut(number) {
            *socket = None;
        }
    }

    /// How many are connected, or about to be.
    pub(crate) fn open_sockets(&self) -> usize {
        self.sockets.iter().flatten().count()
    }

    /// Waits up to `timeout` and adds what was heard to `heard`, in the order in which it came from each.
    pub(crate) fn turn(
        &mut self,
        timeout: Duration,
        heard: &mut Vec<(usize, Heard)>,
    ) -> Result<()> {
        let ready = self.epoll.wait(timeout)?;
        for index in 0..ready {
            let number = self.epoll.number(index) as usize;
            let Some(socket) = self.sockets.get_mut(number).and_then(Option::as_mut) else {
                continue;
            };
            socket.flush();
            if socket.read(&mut self.buffer, |line| {
                heard.push((number, Heard::Line(line)));
            })? {
                heard.push((number, Heard::Closed(socket.since.elapsed())));
                self.sockets[number] = None;
            }
        }
        Ok(())
    }
}

impl Socket {
    /// A socket that is not connected yet, or full, says so again when it is; one that is closed tells when it is read.
    fn flush(&mut self) {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(written) => drop(self.out.drain(..written)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Reads what is there; returns whether that was the end. Until nothing is left: an end that came with the last bytes is not
    /// reported again.
    fn read(&mut self, buffer: &mut [u8], mut take: impl FnMut(Vec<u8>)) -> Result<bool> {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Ok(true),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(true),
                Err(error) => return Err(error).context("a connection failed"),
            };
            let (input, mut at) = (&buffer[..count], 0);
            for end in memchr_iter(b'\n', input) {
                let mut line = std::mem::take(&mut self.begun);
                line.extend_from_slice(&input[at..end]);
                take(line);
                at = end + 1;
            }
            self.begun.extend_from_slice(&input[at..]);
            ensure!(
                self.begun.len() <= LINE_BYTES_MAX,
                "the server said {} bytes without a newline",
                self.begun.len()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn lines_come_whole_however_they_are_cut_and_the_end_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let std::net::SocketAddr::V4(address) = listener.local_addr().unwrap() else {
            panic!("not IPv4");
        };
        let mut crowd = Crowd::new(address).unwrap();
        let source = address_of(7).unwrap();
        crowd.open(7, source, b"hello\n".to_vec()).unwrap();
        let (mut theirs, peer) = listener.accept().unwrap();
        assert_eq!(peer.ip(), source);
        let mut heard = Vec::new();
        for part in ["a", ";b\nc\n", "\nd"] {
            theirs.write_all(part.as_bytes()).unwrap();
            crowd.turn(Duration::from_secs(10), &mut heard).unwrap();
        }
        let mut greeting = [0; 6];
        theirs.read_exact(&mut greeting).unwrap();
        assert_eq!((&greeting, crowd.open_sockets()), (b"hello\n", 1));
        drop(theirs);
        while crowd.open_sockets() > 0 {
            crowd.turn(Duration::from_secs(10), &mut heard).unwrap();
        }
        assert!(matches!(heard.pop(), Some((7, Heard::Closed(_)))));
        let lines = ["a;b", "c", ""].map(|line| (7, Heard::Line(line.into())));
        assert_eq!(heard, lines);
        assert!(crowd.say(7, b"x").is_err() && crowd.say(8, b"x").is_err());
    }

    #[test]
    fn few_come_from_each_address() {
        let far = PER_ADDRESS * PER_BLOCK;
        assert_eq!(address_of(0).unwrap(), address_of(PER_ADDRESS - 1).unwrap());
        assert_ne!(address_of(0).unwrap(), address_of(PER_ADDRESS).unwrap());
        assert_ne!(address_of(0).unwrap(), address_of(far).unwrap());
        assert!(address_of(far * 300).is_err());
    }
}
