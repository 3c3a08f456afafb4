//! One connection to a server. In: lines to write. Out: the server's lines, one at a time. Owns the socket and both buffers.
//!
//! Reading and writing go on together, so that a client that sends a lot and a server that answers a lot cannot wait for
//! each other. A heartbeat is answered here, before anybody sees it. Who calls is in [`super::dialer`].

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, timeout};

use super::error::TermError;
use super::render::sanitized;
use crate::edge::wire::gc2::request;
use crate::edge::wire::gc2::server_line::{self, ServerLine};

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

/// A TCP socket, or TLS over one.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// What is special about the way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Whether nobody between can read along: TLS, or the same machine.
    pub private: bool,
    /// `tls-exporter` of this connection (RFC 9266), if it is TLS.
    pub binding: Option<[u8; 32]>,
}

/// A connected socket and what is under way on it.
pub struct Connection {
    stream: Box<dyn Stream>,
    link: Link,
    server: String,
    input: BytesMut,
    /// Bytes of `input` known to hold no newline.
    searched: usize,
    output: BytesMut,
    /// Whether the stream itself may still hold bytes.
    unflushed: bool,
    heard: Instant,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The buffers may hold a password.
        f.debug_struct("Connection")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Over `stream`, which is connected to `server` (`host:port`).
    pub fn new(stream: Box<dyn Stream>, link: Link, server: String) -> Self {
        Self {
            stream,
            link,
            server,
            input: BytesMut::new(),
            searched: 0,
            output: BytesMut::new(),
            unflushed: false,
            heard: Instant::now(),
        }
    }

    /// The way to the server.
    pub fn link(&self) -> Link {
        self.link
    }

    /// `host:port` as it was asked for.
    pub fn server(&self) -> &str {
        &self.server
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
        // Whoever says good-bye does not wait to hear whether it arrived.
        let _ = timeout(longest, poll_fn(|cx| self.poll_output(cx))).await;
    }

    /// Waits until the stream can do something and does it.
    async fn exchange(&mut self) -> io::Result<()> {
        poll_fn(|cx| {
            let before = (self.input.len(), self.output.len());
            let read = self.poll_input(cx);
            let written = match self.poll_output(cx) {
                // A server that closed has perhaps said why: its last lines are worth more than the error of this write.
                Poll::Ready(Err(_)) if matches!(read, Poll::Ready(Ok(()))) => {
                    self.output.clear();
                    self.unflushed = false;
                    Poll::Pending
                }
                written => written,
            };
            match (read, written) {
                (Poll::Ready(read), _) => Poll::Ready(read),
                (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
                // Everything is written: only the server can bring something new.
                (Poll::Pending, _) if before == (self.input.len(), self.output.len()) => {
                    Poll::Pending
                }
                (Poll::Pending, _) => Poll::Ready(Ok(())),
            }
        })
        .await
    }

    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.reserve(READ_BYTES);
        match ready!(pin!(self.stream.read_buf(&mut self.input)).poll(cx)) {
            Ok(0) => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {
                self.heard = Instant::now();
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Ready when nothing is left to write.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let mut stream = Pin::new(&mut self.stream);
            let count = ready!(stream.as_mut().poll_write(cx, &self.output))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.advance(count);
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
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
