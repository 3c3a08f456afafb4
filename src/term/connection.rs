//! One connection to a server. In: lines to write. Out: the server's lines, one at a time. Owns the socket and both buffers.
//!
//! Reading and writing go on together, so that a client that sends a lot and a server that answers a lot cannot wait for
//! each other. A heartbeat is answered here, before anybody sees it.

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::error::TermError;
use super::render::sanitized;
use crate::edge::wire::gc2::request;
use crate::edge::wire::gc2::server_line::{self, ServerLine};

/// Longest wait for a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest line that is taken from a server, in bytes. Far over what any configured server sends.
pub const LINE_BYTES_MAX: usize = 4 << 20;
/// Bytes asked of the socket at a time.
const READ_BYTES: usize = 64 << 10;
/// Characters of a stranger's answer that an error shows.
const SHOWN_CHARS: usize = 40;

/// One line that a server sent, known to be one of this protocol.
#[derive(Debug)]
pub struct Received(BytesMut);

impl Received {
    /// What it says.
    pub fn line(&self) -> ServerLine<'_> {
        // The line was read once before it came here.
        server_line::parse(&self.0).unwrap_or(ServerLine::Unknown { verb: "" })
    }
}

/// A connected socket and what is under way on it.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    server: String,
    input: BytesMut,
    /// Bytes of `input` known to hold no newline.
    searched: usize,
    output: BytesMut,
    heard: Instant,
}

impl Connection {
    /// Connects to `server` (`host:port`) within [`CONNECT_TIMEOUT`].
    pub async fn open(server: &str) -> Result<Self, TermError> {
        let stream = match timeout(CONNECT_TIMEOUT, TcpStream::connect(server)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(source)) => {
                return Err(TermError::Unreachable {
                    server: server.to_owned(),
                    source,
                });
            }
            Err(_) => {
                return Err(TermError::ConnectTimeout {
                    server: server.to_owned(),
                    after: CONNECT_TIMEOUT,
                });
            }
        };
        // A chat line is small and wanted now; an old system that cannot switch the delay off is only slower.
        let _ = stream.set_nodelay(true);
        Ok(Self {
            stream,
            server: server.to_owned(),
            input: BytesMut::new(),
            searched: 0,
            output: BytesMut::new(),
            heard: Instant::now(),
        })
    }

    /// Adds whole lines to what is to be written. They travel while [`next`](Self::next) runs.
    pub fn queue(&mut self, lines: &[u8]) {
        self.output.extend_from_slice(lines);
    }

    /// When the server was last heard, its heartbeat included.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// Bytes queued and not yet taken by the system.
    pub fn queued_bytes(&self) -> usize {
        self.output.len()
    }

    /// The next line of the server; writes what is queued meanwhile. May be dropped at any await and called again.
    pub async fn next(&mut self) -> Result<Received, TermError> {
        loop {
            while let Some(bytes) = self.take_line()? {
                match server_line::parse(&bytes) {
                    Ok(ServerLine::Ping { tag, text }) => {
                        let mut pong = Vec::new();
                        request::pong(&mut pong, tag, text);
                        self.queue(&pong);
                    }
                    Ok(line) if is_ours(line) => return Ok(Received(bytes)),
                    _ => return Err(self.not_ours(&bytes)),
                }
            }
            self.exchange().await.map_err(|source| TermError::Lost {
                server: self.server.clone(),
                source,
            })?;
        }
    }

    /// Writes what is queued, without reading, for at most `longest`. For the last words.
    pub async fn flush(&mut self, longest: Duration) {
        let all = async {
            while !self.output.is_empty() {
                self.stream.writable().await?;
                self.write_some()?;
            }
            io::Result::Ok(())
        };
        // Whoever says good-bye does not wait to hear whether it arrived.
        let _ = timeout(longest, all).await;
    }

    /// Waits until the socket can do something and does it once.
    async fn exchange(&mut self) -> io::Result<()> {
        let interest = if self.output.is_empty() {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        let ready = self.stream.ready(interest).await?;
        if ready.is_readable() {
            self.read_some()?;
        }
        if ready.is_writable() && !self.output.is_empty() {
            // A server that closed has perhaps said why: its last lines are worth more than the error of this write.
            match self.write_some() {
                Err(_) if ready.is_readable() => self.output.clear(),
                other => other?,
            }
        }
        Ok(())
    }

    fn read_some(&mut self) -> io::Result<()> {
        self.input.reserve(READ_BYTES);
        match self.stream.try_read_buf(&mut self.input) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {
                self.heard = Instant::now();
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn write_some(&mut self) -> io::Result<()> {
        match self.stream.try_write(&self.output) {
            Ok(count) => {
                self.output.advance(count);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn take_line(&mut self) -> Result<Option<BytesMut>, TermError> {
        match memchr::memchr(b'\n', &self.input[self.searched..]) {
            Some(found) => {
                let mut line = self.input.split_to(self.searched + found + 1);
                self.searched = 0;
                line.truncate(line.len() - 1);
                if line.last() == Some(&b'\r') {
                    line.truncate(line.len() - 1);
                }
                Ok(Some(line))
            }
            None if self.input.len() > LINE_BYTES_MAX => Err(self.not_ours(&self.input)),
            None => {
                self.searched = self.input.len();
                Ok(None)
            }
        }
    }

    fn not_ours(&self, sent: &[u8]) -> TermError {
        let text = String::from_utf8_lossy(&sent[..sent.len().min(4 * SHOWN_CHARS)]);
        let shown: String = sanitized(&text).chars().take(SHOWN_CHARS).collect();
        TermError::NotOurs {
            server: self.server.clone(),
            shown: format!("\"{shown}\""),
        }
    }
}

/// Verbs of a later version are welcome, but a verb is upper-case letters.
fn is_ours(line: ServerLine<'_>) -> bool {
    match line {
        ServerLine::Unknown { verb } => {
            !verb.is_empty() && verb.bytes().all(|byte| byte.is_ascii_uppercase())
        }
        _ => true,
    }
}
