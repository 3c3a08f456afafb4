//! Messages, owned: those that arrived, and the text of those that are to leave.

use crate::edge::wire::gc2::reply::MessageLine;
use crate::edge::wire::timestamp::Timestamp;

/// A message as MSG and HIST bring it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Room, or `@name`.
    pub room: String,
    /// Place in the server's sequence.
    pub id: u64,
    /// When the server accepted it.
    pub time: Timestamp,
    /// Who sent it.
    pub user: String,
    /// Still escaped, as the record has it.
    pub body: Vec<u8>,
}

impl From<MessageLine<'_>> for Message {
    fn from(line: MessageLine<'_>) -> Self {
        Self {
            room: line.room.to_owned(),
            id: line.id,
            time: line.time,
            user: line.user.to_owned(),
            body: line.body.to_vec(),
        }
    }
}

/// Why a text cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Nothing is left to send.
    #[error("the message is empty")]
    Empty,
    /// Bytes that a text connection cannot carry.
    #[error("the message is not UTF-8 text (at byte {at})")]
    NotUtf8 {
        /// The first bad byte, from 1.
        at: usize,
    },
}

/// The text that is sent for `raw`. A carriage return at the end of a line is a trace of how the text was typed and is
/// left out; the transport could not carry the last one anyway.
pub fn sendable(raw: &[u8]) -> Result<String, BodyError> {
    let text = std::str::from_utf8(raw).map_err(|error| BodyError::NotUtf8 {
        at: error.valid_up_to() + 1,
    })?;
    let mut text = text.replace("\r\n", "\n");
    text.truncate(text.trim_end_matches('\r').len());
    if text.is_empty() {
        return Err(BodyError::Empty);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_checked_before_they_travel() {
        assert_eq!(sendable(b"a\nb\\c;d").as_deref(), Ok("a\nb\\c;d"));
        assert_eq!(sendable(b"a\r\nb\r").as_deref(), Ok("a\nb"));
        assert_eq!(sendable(b""), Err(BodyError::Empty));
        assert_eq!(sendable(b"\r"), Err(BodyError::Empty));
        assert_eq!(sendable(b"ab\xff"), Err(BodyError::NotUtf8 { at: 3 }));
    }
}
