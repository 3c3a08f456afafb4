//! The TLS of one connection, server side. In: bytes from its socket, slices of what it is told. Out: what it says, decrypted;
//! records on its socket. Owns the keys, the record that is not whole yet, and the records that the socket has not taken.
//!
//! Driven by readiness, as the client that owns it is: nothing here waits. What counts as written is what was encrypted, so new bytes are
//! taken only once the records before them are out ([`has_unsent`](TlsSession::has_unsent)); that bounds what is held for a slow reader.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection};

use crate::edge::socket::Socket;

use super::{exporter, facts};

/// Bytes that are encrypted ahead of the socket, at most.
const UNSENT_BYTES_MAX: usize = 64 * 1024;
/// The longest record, RFC 8446 section 5.2 and RFC 5246 section 6.2.3. One that is not whole yet may have been kept
/// before a read, and adds to what that read gives.
const RECORD_BYTES_MAX: usize = 5 + 16 * 1024 + 2048;
/// Room for plaintext that a reader has to offer.
pub const PLAINTEXT_BYTES_MIN: usize = 2 * RECORD_BYTES_MAX;
/// Bytes that are read from a socket in one go.
const READ_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    /// What the socket of whichever connection reads has to say.
    static RECORDS: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES_MAX].into_boxed_slice());
}

/// What a read gave.
#[derive(Debug)]
pub enum Input {
    /// So many bytes.
    Bytes(usize),
    /// Nothing to look at, and yet something moved: a part of a handshake or of a record.
    Nothing,
    /// The other end sends nothing more, and has said so.
    End,
    /// The other end broke the rules of TLS, or shares none of ours. What it is told of that waits to be written.
    Failed(rustls::Error),
}

/// See the module.
pub struct TlsSession {
    tls: ServerConnection,
    failure: Option<rustls::Error>,
    has_said_goodbye: bool,
    /// Bytes of the socket that nobody has asked for yet ([`take_came_bytes`](Self::take_came_bytes)).
    came_bytes: usize,
}

impl TlsSession {
    /// A session that begins with the bytes that are already read; they are the start of a handshake, or a failure that the first
    /// [`read`](Self::read) tells.
    pub fn accept(config: Arc<ServerConfig>, first: &[u8]) -> Result<Self, rustls::Error> {
        let mut tls = ServerConnection::new(config)?;
        tls.set_buffer_limit(Some(UNSENT_BYTES_MAX));
        let mut session = Self {
            tls,
            failure: None,
            has_said_goodbye: false,
            came_bytes: 0,
        };
        // Without early data nothing that is to be read can come before our part of the handshake.
        session.feed(first, &mut []);
        Ok(session)
    }

    /// Whether the handshake is still going on.
    pub fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Whether the handshake has failed; [`read`](Self::read) says why.
    pub fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Whether records wait for the socket.
    pub fn has_unsent(&self) -> bool {
        self.tls.wants_write()
    }

    /// See [`exporter::channel_binding`]. `None` before the end of the handshake.
    pub fn channel_binding(&self) -> Option<[u8; exporter::BINDING_BYTES]> {
        exporter::channel_binding(&self.tls)
    }

    /// Who the other end's certificate is for, if it has shown one; it is one of `tls.client_ca` then.
    pub fn client_certificate_name(&self) -> Option<String> {
        // Certificates are there before they are verified, and a handshake ends only after that.
        if self.tls.is_handshaking() {
            return None;
        }
        facts::holder(self.tls.peer_certificates()?.first()?)
    }

    /// Version and cipher suite, for the log.
    pub fn describe(&self) -> String {
        let version = self.tls.protocol_version();
        let suite = self
            .tls
            .negotiated_cipher_suite()
            .map(|suite| suite.suite());
        format!(
            "{} {}",
            version.and_then(|version| version.as_str()).unwrap_or("?"),
            suite.and_then(|suite| suite.as_str()).unwrap_or("?"),
        )
    }

    /// How many bytes the socket gave since this was asked last, whatever was in them.
    pub fn take_came_bytes(&mut self) -> usize {
        std::mem::take(&mut self.came_bytes)
    }

    /// Reads at most `bytes_max` from the socket and decrypts them into `out`, which has room for [`PLAINTEXT_BYTES_MIN`]. A socket
    /// that ends without a goodbye is [`ErrorKind::UnexpectedEof`]: somebody may have cut it off, so it says nothing of what the other
    /// end wanted. `None` if nothing is there.
    pub fn read(
        &mut self,
        socket: &mut Socket,
        out: &mut [u8],
        bytes_max: usize,
    ) -> io::Result<Option<Input>> {
        debug_assert!(out.len() >= PLAINTEXT_BYTES_MIN);
        match self.decrypted(out) {
            Input::Nothing => {}
            found => return Ok(Some(found)),
        }
        RECORDS.with_borrow_mut(|records| {
            // A read's records are no shorter than what is in them: with the one kept from before there is room for all.
            let room = out.len().saturating_sub(RECORD_BYTES_MAX);
            let room = room.min(bytes_max).min(READ_BYTES_MAX);
            let Some(read) = socket.read(&mut records[..room])? else {
                return Ok(None);
            };
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.came_bytes += read;
            let filled = self.feed(&records[..read], out);
            Ok(Some(match filled {
                0 => self.decrypted(out),
                _ => Input::Bytes(filled),
            }))
        })
    }

    /// What is there without asking the socket.
    fn decrypted(&mut self, out: &mut [u8]) -> Input {
        match self.tls.reader().read(out) {
            Ok(0) => Input::End,
            Ok(filled) => Input::Bytes(filled),
            Err(_) => self.failure.take().map_or(Input::Nothing, Input::Failed),
        }
    }

    /// Decrypts `input` into `out`; returns how many bytes of that are filled. A failure is kept until these are taken.
    fn feed(&mut self, mut input: &[u8], out: &mut [u8]) -> usize {
        let mut filled = 0;
        while !input.is_empty() && self.failure.is_none() {
            match self.tls.read_tls(&mut input) {
                // Behind a goodbye nothing counts.
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => self.failure = Some(rustls::Error::General(error.to_string())),
            }
            if let Err(error) = self.tls.process_new_packets() {
                self.failure = Some(error);
            }
            if filled < out.len() {
                filled += self.tls.reader().read(&mut out[filled..]).unwrap_or(0);
            }
        }
        filled
    }

    /// Encrypts as much as may wait, and writes what the socket takes of it; returns how many bytes were encrypted.
    pub fn send(&mut self, socket: &mut Socket, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.flush(socket)?;
        let taken = self.tls.writer().write_vectored(slices)?;
        match self.flush(socket) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    /// Writes the records that wait; [`ErrorKind::WouldBlock`] if the socket does not take all.
    pub fn flush(&mut self, socket: &mut Socket) -> io::Result<()> {
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut Records(socket))? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Ends the session in order: after what was sent, the other end learns that this was all. Returns whether that is new.
    pub fn say_goodbye(&mut self) -> bool {
        let is_new = !std::mem::replace(&mut self.has_said_goodbye, true);
        if is_new {
            self.tls.send_close_notify();
        }
        is_new && self.tls.wants_write()
    }
}

/// A socket as rustls writes to it.
struct Records<'a>(&'a mut Socket);

impl Write for Records<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.send(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
