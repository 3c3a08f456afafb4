//! A client's connection, plain or TLS. In: slices to send. Out: what came. Owns the socket, and the TLS in front of it.
//!
//! Whoever has no TLS pays a pointer for those that do.

use std::io::{self, IoSlice};
use std::sync::Arc;

use rustls::ServerConfig;

use super::socket::{Readiness, Socket};
use super::tls::session::{Input, TlsSession};

/// How often what still comes is read away before a socket is closed.
const READS_AT_CLOSE: usize = 16;

/// See the module.
pub struct Stream {
    socket: Socket,
    tls: Option<Box<TlsSession>>,
}

impl Stream {
    /// A plain one.
    pub fn plain(socket: Socket) -> Self {
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

    /// The kernel said this of the socket.
    pub fn note(&mut self, readiness: Readiness) {
        self.socket.note(readiness);
    }

    /// Whether the socket takes something; if not, the kernel tells when it does.
    pub fn may_write(&self) -> bool {
        self.socket.may_write()
    }

    /// Whether bytes that count as sent wait for the socket.
    pub fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_unsent())
    }

    /// Writes these; [`io::ErrorKind::WouldBlock`] if the socket does not take them all.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            None => Ok(()),
            Some(tls) => tls.flush(&mut self.socket),
        }
    }

    /// Sends what can be sent now; returns how much.
    pub fn send(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.send(slices),
            Some(tls) => tls.send(&mut self.socket, slices),
        }
    }

    /// Reads at most `bytes_max` from the socket into `buffer`, which is large enough for TLS
    /// ([`PLAINTEXT_BYTES_MIN`](super::tls::session::PLAINTEXT_BYTES_MIN)) and for `bytes_max`. `None` if nothing is there.
    pub fn read(&mut self, buffer: &mut [u8], bytes_max: usize) -> io::Result<Option<Input>> {
        if let Some(tls) = &mut self.tls {
            return tls.read(&mut self.socket, buffer, bytes_max);
        }
        let read = self.socket.read(&mut buffer[..bytes_max])?;
        Ok(read.map(|bytes| match bytes {
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

    /// Closes the socket in order; see [`Socket::close`].
    pub fn close(&mut self, scratch: &mut [u8]) {
        self.socket.close(scratch, READS_AT_CLOSE);
    }
}
