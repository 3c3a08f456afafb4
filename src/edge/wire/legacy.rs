//! The exchanges of the original clients, as pure code: tokens without a frame, messages, heartbeats, and batches of
//! records for a reader that reads once.

use std::borrow::Cow;

use super::names::UserName;

/// Client on the log-in port: I am here.
pub const PING: &[u8] = b"Ping";
/// The answer to [`PING`].
pub const PONG: &[u8] = b"Pong";
/// Client on the authorisation port.
pub const AUTH_REQUEST: &[u8] = b"AuthRequest";
/// The answer to [`AUTH_REQUEST`].
pub const AUTH1: &[u8] = b"Auth1";
/// Server to the client's own port: the log-in is done.
pub const AUTHED: &[u8] = b"Authed";
/// The answer to a message.
pub const THX: &[u8] = b"Thx";

/// Most bytes of one delivery: the client reads that much once and closes.
pub const BATCH_BYTES_MAX: usize = 4096;
/// Stands at the end of a record that was cut to fit.
pub const CUT_MARK: &str = "…[cut]";

/// What an original client sent that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LegacyError {
    /// No `;` between name and message.
    #[error("no ; in the message; it is {{username}};{{message}}")]
    NoSeparator,
    /// Nothing behind the `;`.
    #[error("the message behind {{username}}; is empty")]
    EmptyMessage,
    /// The answer to a heartbeat is no clock.
    #[error("the answer to the heartbeat is not a decimal number of seconds")]
    Heartbeat,
}

/// A message from an original client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyMessage<'a> {
    /// The sender, within the grammar of names.
    pub user: UserName,
    /// Whether the name had to be changed for that, which is to be reported.
    pub repaired: bool,
    /// The content, not empty: raw bytes, a backslash in it is a backslash.
    pub content: &'a [u8],
}

/// Reads `{username};{message}`; further semicolons belong to the message.
pub fn parse_message(bytes: &[u8]) -> Result<LegacyMessage<'_>, LegacyError> {
    let at = memchr::memchr(b';', bytes).ok_or(LegacyError::NoSeparator)?;
    let content = &bytes[at + 1..];
    if content.is_empty() {
        return Err(LegacyError::EmptyMessage);
    }
    let (user, repaired) = UserName::repaired(&String::from_utf8_lossy(&bytes[..at]));
    Ok(LegacyMessage {
        user,
        repaired,
        content,
    })
}

/// Reads the client's clock, seconds as a finite decimal number; white space around it does not count.
pub fn parse_heartbeat(bytes: &[u8]) -> Result<f64, LegacyError> {
    let text = std::str::from_utf8(bytes).map_err(|_| LegacyError::Heartbeat)?;
    let seconds: f64 = text.trim().parse().map_err(|_| LegacyError::Heartbeat)?;
    if seconds.is_finite() {
        Ok(seconds)
    } else {
        Err(LegacyError::Heartbeat)
    }
}

/// Packs records into deliveries of at most [`BATCH_BYTES_MAX`], cut at record borders, with a newline between two
/// records and none at the end, where the client would show an empty line.
#[derive(Debug, Default)]
pub struct Batcher {
    batch: Vec<u8>,
}

impl Batcher {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one record, with or without its newline. Returns the batch before it, if the record did not fit in there
    /// any more. An empty record is no record.
    #[must_use = "a full batch is to be delivered"]
    pub fn push(&mut self, record: &[u8]) -> Option<Vec<u8>> {
        let record = cut_record(record.strip_suffix(b"\n").unwrap_or(record));
        if record.is_empty() {
            return None;
        }
        let mut full = None;
        if !self.batch.is_empty() {
            if self.batch.len() + 1 + record.len() > BATCH_BYTES_MAX {
                full = self.finish();
            } else {
                self.batch.push(b'\n');
            }
        }
        self.batch.extend_from_slice(&record);
        full
    }

    /// The last batch, if there is one; the batcher is empty afterwards.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        let batch = std::mem::take(&mut self.batch);
        (!batch.is_empty()).then_some(batch)
    }
}

/// The record as it is, or its beginning with [`CUT_MARK`] if it is longer than one delivery. Neither a character nor an
/// escape is cut in two.
pub fn cut_record(record: &[u8]) -> Cow<'_, [u8]> {
    if record.len() <= BATCH_BYTES_MAX {
        return Cow::Borrowed(record);
    }
    let mut end = BATCH_BYTES_MAX - CUT_MARK.len();
    // A character has at most three bytes behind its first; bytes that are not UTF-8 are cut where they are.
    let border = (end - 3..=end).rev().find(|at| record[*at] & 0xC0 != 0x80);
    end = border.unwrap_or(end);
    if let Some(start) = split_escape(record, end) {
        end = start;
    }
    let mut cut = Vec::with_capacity(BATCH_BYTES_MAX);
    cut.extend_from_slice(&record[..end]);
    cut.extend_from_slice(CUT_MARK.as_bytes());
    Cow::Owned(cut)
}

/// Where the escape begins that a cut at `end` would split; `\n` and `\\` have two bytes, `\xHH` four.
fn split_escape(record: &[u8], end: usize) -> Option<usize> {
    (end.saturating_sub(3)..end).find(|at| {
        let before = record[..=*at]
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count();
        let bytes = if record.get(at + 1) == Some(&b'x') {
            4
        } else {
            2
        };
        before % 2 == 1 && at + bytes > end
    })
}

#[cfg(test)]
mod tests;
