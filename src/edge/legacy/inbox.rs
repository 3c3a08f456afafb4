//! The message connections of one address: read all at once, passed on in the order in which they were accepted. A message that still
//! waits for its end holds up those behind it.

use std::cell::Cell;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use actix::{Addr, Message};
use futures::stream::FuturesOrdered;
use futures::{FutureExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::hub::legacy::Said;
use crate::ops::panic_at;

use super::gate::Gate;
use super::message::{self, MessageError};

/// Connections of one address that may be open at once, or wait behind one that is.
const PER_ADDRESS_MAX: usize = 256;
/// The same for all addresses together.
const TOGETHER_MAX: usize = 1024;

/// What a connection brought.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct MessageRead {
    pub address: IpAddr,
    pub result: Result<Said, MessageError>,
}

/// Connections of all inboxes.
pub(super) type OpenCount = Rc<Cell<usize>>;

/// See the module. Dropping it lets what was accepted be read to its end.
pub(super) struct Inbox {
    /// Each with the most that its message may hold, in bytes.
    streams: UnboundedSender<(TcpStream, usize)>,
    open: OpenCount,
    open_together: OpenCount,
}

impl Inbox {
    /// An inbox for `address`.
    pub(super) fn open(address: IpAddr, open_together: OpenCount, gate: Addr<Gate>) -> Self {
        let (streams, accepted) = unbounded_channel();
        let open = OpenCount::default();
        let counts = [open.clone(), open_together.clone()];
        actix_rt::spawn(pass_on(accepted, address, counts, gate));
        Self {
            streams,
            open,
            open_together,
        }
    }

    /// Whether nothing that it takes would be read any more.
    pub(super) fn is_broken(&self) -> bool {
        self.streams.is_closed()
    }

    /// Takes a connection whose message may hold up to `content_bytes_max` bytes; says what stands against that.
    pub(super) fn take(
        &self,
        stream: TcpStream,
        content_bytes_max: usize,
    ) -> Result<(), &'static str> {
        if self.open.get() >= PER_ADDRESS_MAX {
            return Err("too many messages at once from this address");
        }
        if self.open_together.get() >= TOGETHER_MAX {
            return Err("too many messages at once");
        }
        self.streams
            .send((stream, content_bytes_max))
            .map_err(|_| "its messages cannot be read any more")?;
        self.open.set(self.open.get() + 1);
        self.open_together.set(self.open_together.get() + 1);
        Ok(())
    }
}

async fn pass_on(
    mut accepted: UnboundedReceiver<(TcpStream, usize)>,
    address: IpAddr,
    counts: [OpenCount; 2],
    gate: Addr<Gate>,
) {
    let counts = Counts(counts);
    let _place = panic_at::place("inbox/pass-on");
    let mut reading = FuturesOrdered::new();
    let mut is_open = true;
    loop {
        tokio::select! {
            stream = accepted.recv(), if is_open => match stream {
                Some((stream, max)) => {
                    let read = AssertUnwindSafe(message::read(stream, max)).catch_unwind();
                    reading.push_back(read);
                }
                None => is_open = false,
            },
            Some(result) = reading.next(), if !reading.is_empty() => {
                counts.leave(1);
                let result = result.unwrap_or(Err(MessageError::Failed));
                gate.do_send(MessageRead { address, result });
            }
            else => return,
        }
    }
}

/// The connections of one address, and of all; what is open when the reading ends, however it does, is open no longer.
struct Counts([OpenCount; 2]);

impl Counts {
    fn leave(&self, connections: usize) {
        for count in &self.0 {
            count.set(count.get().saturating_sub(connections));
        }
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        self.leave(self.0[0].get());
    }
}
