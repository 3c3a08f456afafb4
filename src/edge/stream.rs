//! A client's connection, plain or TLS. In: slices to send. Out: what came. Owns the socket, and the TLS in front of it.
//!
//! Whoever has no TLS pays a pointer for those that do.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

use super::tls::session::{Input, TlsSession};

/// How often what still comes is read away before a socket is closed.
const READS_AT_CLOSE: usize = 16;

/// See the module.
pub struct Stream {
    socket: TcpStream,
    tls: Option<Box<TlsSession>>,
}

impl Stream {
    /// A plain one.
    pub fn plain(socket: TcpStream) -> Self {
        Self { socket, tls: None }
    }

    /// Its TLS, if it has some.
    pub fn tls(&self) -> Option<&TlsSession> {
        self.tls.as_deref()
    }

    /// From here on it is TLS, which began with the bytes that were read.
    pub fn start_tls(
        &mut self,
        config: Arc<ServerConfig>,
        first: &[u8],
    ) -> Result<(), rustls::Error> {
        self.tls = Some(Box::new(TlsSession::accept(config, first)?));
        Ok(())
    }

    /// Whether the socket takes something.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_write_ready(cx)
    }

    /// Whether bytes that count as sent wait for the socket.
    pub fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_unsent())
    }

    /// Writes these; [`io::ErrorKind::WouldBlock`] if the socket does not take them all.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            None => Ok(()),
            Some(tls) => tls.flush(&self.socket),
        }
    }

    /// Sends what can be sent now; returns how much.
    pub fn send(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (&mut self.tls, slices) {
            (None, [one]) => self.socket.try_write(one),
            (None, _) => self.socket.try_write_vectored(slices),
            (Some(tls), _) => tls.send(&self.socket, slices),
        }
    }

    /// Reads at most `bytes_max` from the socket into `buffer`, which is large enough for TLS
    /// ([`PLAINTEXT_BYTES_MIN`](super::tls::session::PLAINTEXT_BYTES_MIN)) and for `bytes_max`.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        bytes_max: usize,
    ) -> Poll<io::Result<Input>> {
        if let Some(tls) = &mut self.tls {
            return tls.poll_read(&mut self.socket, cx, buffer, bytes_max);
        }
        let mut space = ReadBuf::new(&mut buffer[..bytes_max]);
        // A read that leaves space free has emptied the socket. This kind of reading knows that; `try_read` would try
        // once more, a system call for each message.
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut space))?;
        Poll::Ready(Ok(match space.filled().len() {
            0 => Input::End,
            bytes => Input::Bytes(bytes),
        }))
    }

    /// How many bytes came from the socket for a read that gave `read`: with TLS more than these.
    pub fn take_came_bytes(&mut self, read: usize) -> usize {
        self.tls.as_mut().map_or(read, |tls| tls.take_came_bytes())
    }

    /// Tells the other end of TLS that nothing more comes; returns whether that waits to be written now.
    pub fn say_goodbye(&mut self) -> bool {
        self.tls.as_mut().is_some_and(|tls| tls.say_goodbye())
    }

    /// A socket that is closed with unread input is reset, and a reset may overtake the last lines: what is there is
    /// read away first, into `scratch`.
    pub fn close(&mut self, scratch: &mut [u8]) {
        let _ = socket2::SockRef::from(&self.socket).shutdown(Shutdown::Write);
        for _ in 0..READS_AT_CLOSE {
            if !matches!(self.socket.try_read(scratch), Ok(read) if read > 0) {
                break;
            }
        }
    }
}
