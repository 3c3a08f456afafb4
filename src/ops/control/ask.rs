//! The other side of the control socket: one request, and the server's answer. Blocks; for commands.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::{Answer, path};

/// Longer than the server takes at the most.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest answer that is read, in bytes; the server's own limits are below it.
const ANSWER_BYTES_MAX: u64 = 8 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens there.
    #[error("no server listens on its control socket")]
    Nobody,
    /// The socket cannot be used.
    #[error("its control socket cannot be used: {0}")]
    Io(io::Error),
    /// The connection ended before an answer was whole.
    #[error("the server ended the connection without an answer")]
    NoAnswer,
}

impl AskError {
    /// Whether it took too long.
    pub fn is_late(&self) -> bool {
        let late = [ErrorKind::WouldBlock, ErrorKind::TimedOut];
        matches!(self, Self::Io(error) if late.contains(&error.kind()))
    }

    /// Whether this user may not ask.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == ErrorKind::PermissionDenied)
    }
}

/// A connection to the server whose data folder this is, for what is more than one request.
pub(in crate::ops) fn connect(folder: &Path) -> io::Result<UnixStream> {
    path::connect(folder, PATIENCE)
}

/// Asks the server whose data folder this is for `verb`.
pub fn ask(folder: &Path, verb: &str) -> Result<Answer, AskError> {
    ask_within(folder, verb, PATIENCE)
}

/// As [`ask`], of a server that has so long for each: to take the connection, to take the request, to answer.
pub fn ask_within(folder: &Path, verb: &str, patience: Duration) -> Result<Answer, AskError> {
    let mut stream = path::connect(folder, patience).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::NotADirectory => {
            AskError::Nobody
        }
        _ => AskError::Io(error),
    })?;
    let mut bytes = Vec::new();
    match talk(&mut stream, verb, patience, &mut bytes) {
        Ok(()) => {}
        // A server that is too busy answers without listening; its answer is there all the same.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => return Err(AskError::Io(error)),
    }
    let text = String::from_utf8(bytes).map_err(|_| AskError::NoAnswer)?;
    parse(&text).ok_or(AskError::NoAnswer)
}

fn talk(
    stream: &mut UnixStream,
    verb: &str,
    patience: Duration,
    answer: &mut Vec<u8>,
) -> io::Result<()> {
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    match stream.write_all(format!("{verb}\n").as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error),
        _ => {}
    }
    stream.take(ANSWER_BYTES_MAX).read_to_end(answer)?;
    Ok(())
}

/// `None` if it is no whole answer.
pub(super) fn parse(text: &str) -> Option<Answer> {
    let mut lines = text.strip_suffix('\n')?.split('\n').map(str::to_owned);
    let is_ok = match lines.next()?.as_str() {
        "ok" => true,
        "failed" => false,
        _ => return None,
    };
    Some(Answer {
        is_ok,
        lines: lines.collect(),
    })
}
