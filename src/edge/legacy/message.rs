//! Reads one message of an original client: raw bytes, ended by the end of the stream or by silence. Out: the message, or why there
//! is none.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::edge::wire::legacy::{LegacyError, THX, parse_message};
use crate::hub::legacy::Said;
use crate::ops::panic_at;

/// After the first bytes: so long a silence ends a message.
const SILENCE: Duration = Duration::from_millis(50);
/// Longest life of a connection.
const DEADLINE: Duration = Duration::from_secs(5);
/// Longest name before the `;`, in bytes; far more than fits a name, since it is repaired.
const NAME_BYTES_MAX: usize = 1024;
/// Bytes that one read takes.
const READ_BYTES: usize = 4096;

/// Why a connection brought no message.
#[derive(Debug, thiserror::Error)]
pub(super) enum MessageError {
    /// It is not what it should be.
    #[error(transparent)]
    Form(#[from] LegacyError),
    /// It is too large.
    #[error("the message is longer than {0} bytes (limits.message_bytes)")]
    TooLarge(usize),
    /// No end in sight.
    #[error("the message did not end within {DEADLINE:?}")]
    Overdue,
    /// Reading it panicked.
    #[error("reading it failed on our side")]
    Failed,
    /// The connection failed before anything came.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
}

/// Reads one message of up to `content_bytes_max` bytes behind the name, and answers it with `Thx` as soon as it is known to be one.
pub(super) async fn read(
    stream: TcpStream,
    content_bytes_max: usize,
) -> Result<Said, MessageError> {
    // Not behind it: who was thanked by then is not forgotten.
    panic_at::point("inbox/read/entry");
    let bytes = timeout(DEADLINE, read_bytes(stream, content_bytes_max))
        .await
        .map_err(|_| MessageError::Overdue)??;
    let message = parse_message(&bytes)?;
    Ok(Said {
        user: message.user,
        is_repaired: message.repaired,
        content: message.content.to_vec(),
    })
}

async fn read_bytes(mut stream: TcpStream, max: usize) -> Result<Vec<u8>, MessageError> {
    let mut bytes = Vec::new();
    let mut is_thanked = false;
    loop {
        bytes.reserve(READ_BYTES);
        let read = if bytes.is_empty() {
            stream.read_buf(&mut bytes).await
        } else {
            match timeout(SILENCE, stream.read_buf(&mut bytes)).await {
                Ok(read) => read,
                Err(_) => return Ok(bytes),
            }
        };
        match read {
            Ok(0) => return Ok(bytes),
            Ok(_) => {}
            // The original closes without reading `Thx`, which its kernel answers with a reset.
            Err(error) if !bytes.is_empty() && error.kind() == ErrorKind::ConnectionReset => {
                return Ok(bytes);
            }
            Err(error) => return Err(error.into()),
        }
        match memchr::memchr(b';', &bytes) {
            None if bytes.len() > NAME_BYTES_MAX => return Err(LegacyError::NoSeparator.into()),
            Some(at) if at > NAME_BYTES_MAX => return Err(LegacyError::NoSeparator.into()),
            Some(at) if bytes.len() - at - 1 > max => return Err(MessageError::TooLarge(max)),
            Some(at) if !is_thanked && bytes.len() > at + 1 => {
                is_thanked = true;
                // It may be gone already, and that is no error.
                let _ = stream.try_write(THX);
            }
            _ => {}
        }
    }
}
