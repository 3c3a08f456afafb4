//! One connection of an original client: what it is for, and one exchange of words.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use anyhow::{Context, Result, bail};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Ping,
    AuthRequest,
    Callback,
    Heartbeat,
    Delivery,
    Message,
}

pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) client: usize,
    pub(super) purpose: Purpose,
    /// Said once it is connected.
    pub(super) out: Vec<u8>,
}

impl Connection {
    /// Says what is left, then reads once: how many bytes, 0 at the end; `None` if there is nothing yet.
    pub(super) fn exchange(&mut self, buffer: &mut [u8]) -> Result<Option<usize>> {
        if !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(written) if written == self.out.len() => self.out.clear(),
                Ok(_) => bail!("a short message was written in part only"),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error).context("cannot send"),
            }
            if self.purpose == Purpose::Message {
                self.stream.shutdown(Shutdown::Write)?;
            }
        }
        loop {
            return match self.stream.read(buffer) {
                Ok(read) => Ok(Some(read)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(error).context("cannot read"),
            };
        }
    }
}
