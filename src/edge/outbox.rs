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
    sent: u32,
    /// Whether what waits begins within a line.
    is_cut: bool,
}

impl Outbox {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.sent as usize == self.bytes.len()
    }

    /// Whether commands should wait.
    pub fn is_full(&self) -> bool {
        self.len() >= OUTBOX_BYTES_SOFT_MAX
    }

    /// Bytes waiting.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent as usize
    }

    /// What waits.
    pub fn waiting(&self) -> &[u8] {
        &self.bytes[self.sent as usize..]
    }

    /// The socket took the beginning of a line elsewhere: this is the rest of it. Only where nothing waits.
    pub fn push_rest(&mut self, rest: &[u8]) {
        self.is_cut = self.is_empty() && !rest.is_empty();
        self.bytes.extend_from_slice(rest);
    }

    /// Takes back the whole lines that `is_wanted` does not want, without their newline. A line that has begun is not taken back.
    pub fn retain_lines(&mut self, is_wanted: impl Fn(&[u8]) -> bool) {
        let waiting = self.waiting();
        let begun = match memchr::memchr(b'\n', waiting) {
            _ if !self.is_cut => 0,
            Some(end) => end + 1,
            None => waiting.len(),
        };
        let mut kept = waiting[..begun].to_vec();
        for line in waiting[begun..].split_inclusive(|byte| *byte == b'\n') {
            if is_wanted(line.strip_suffix(b"\n").unwrap_or(line)) {
                kept.extend_from_slice(line);
            }
        }
        self.bytes = kept;
        self.sent = 0;
    }

    /// Where to append lines.
    pub fn lines(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The socket took so many bytes.
    pub fn consume(&mut self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let sent = (self.sent as usize + bytes).min(self.bytes.len());
        self.is_cut = sent > 0 && self.bytes[sent - 1] != b'\n';
        // What waits for one client is far from 4 GiB.
        self.sent = u32::try_from(sent).unwrap_or(u32::MAX);
        if sent == self.bytes.len() {
            self.is_cut = false;
            self.sent = 0;
            // Small buffers are kept only while something is written; an idle client has none.
            self.bytes = Vec::new();
        } else if sent >= OUTBOX_BYTES_SOFT_MAX {
            self.bytes.drain(..sent);
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

    #[test]
    fn whole_lines_can_be_taken_back_and_begun_ones_cannot() {
        let not_a = |line: &[u8]| !line.starts_with(b"a");
        let mut outbox = Outbox::default();
        outbox.lines().extend_from_slice(b"a1\na2\nb\na3\n");
        outbox.consume(3);
        outbox.retain_lines(not_a);
        assert_eq!(outbox.waiting(), b"b\n");
        outbox.lines().extend_from_slice(b"aaa\na4\nc\n");
        outbox.consume(3);
        outbox.retain_lines(not_a);
        assert_eq!(outbox.waiting(), b"aa\nc\n");
        outbox.consume(5);
        outbox.push_rest(b"a rest\n");
        outbox.lines().extend_from_slice(b"a5\n");
        outbox.retain_lines(not_a);
        assert_eq!(outbox.waiting(), b"a rest\n");
    }
}
