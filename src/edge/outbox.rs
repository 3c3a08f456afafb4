//! Bytes that wait for one client: answers, and the rest of a line that its socket took only in part.
//!
//! Messages never queue here: a client reads them from its rooms' tails or from the log when its socket takes more. So an
//! outbox is small, and an empty one holds no memory.

/// With more than this waiting, a client's commands are not read on; TCP pushes back.
pub const OUTBOX_BYTES_SOFT_MAX: usize = 64 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outbox {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Whether commands should wait.
    pub fn is_full(&self) -> bool {
        self.len() >= OUTBOX_BYTES_SOFT_MAX
    }

    /// Bytes waiting.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// What waits.
    pub fn waiting(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Where to append lines.
    pub fn lines(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The socket took so many bytes.
    pub fn consume(&mut self, bytes: usize) {
        self.sent = (self.sent + bytes).min(self.bytes.len());
        if self.sent == self.bytes.len() {
            self.sent = 0;
            // Small buffers are kept only while something is written; an idle client has none.
            self.bytes = Vec::new();
        } else if self.sent >= OUTBOX_BYTES_SOFT_MAX {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_out_what_was_put_in_and_keeps_no_memory() {
        let mut outbox = Outbox::default();
        outbox.lines().extend_from_slice(b"one\ntwo\n");
        outbox.consume(5);
        assert_eq!((outbox.waiting(), outbox.len()), (&b"wo\n"[..], 3));
        outbox.lines().extend_from_slice(b"x");
        outbox.consume(4);
        assert!(outbox.is_empty() && outbox.bytes.capacity() == 0);
    }
}
