//! The server's calls to an original client's own ports: `Authed`, a batch of records, a heartbeat. Each is one connection. In: the
//! address, and the bytes. Out: whether the client took them.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::edge::wire::legacy::{AUTHED, LegacyError, PING, parse_heartbeat};

/// Longest connecting, and longest heartbeat altogether.
pub const CALL_DEADLINE: Duration = Duration::from_secs(5);
/// How long a client may take to read and to close before it is left: so its deliveries never overlap.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);
/// An answer to a heartbeat is read once, up to so many bytes.
const BEAT_BYTES_MAX: usize = 1024;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// Nothing happened in time.
    #[error("no answer within {CALL_DEADLINE:?}")]
    TimedOut,
    /// The answer to a heartbeat is not what it should be.
    #[error(transparent)]
    Answer(#[from] LegacyError),
    /// Anything else.
    #[error(transparent)]
    Io(std::io::Error),
}

impl From<std::io::Error> for CallError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            _ => Self::Io(error),
        }
    }
}

/// Connects.
pub async fn connect(to: SocketAddr) -> Result<TcpStream, CallError> {
    let connected = timeout(CALL_DEADLINE, TcpStream::connect(to)).await;
    let stream = connected.map_err(|_| CallError::TimedOut)??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Says on the callback connection that the log-in is done.
pub async fn say_authed(mut stream: TcpStream) -> Result<(), CallError> {
    stream.write_all(AUTHED).await?;
    // The client sends nothing here, so dropping the connection loses nothing; the log-in counts from now.
    stream.shutdown().await?;
    Ok(())
}

/// Delivers one batch in one write; done when the client has closed, or has had the time for it.
pub async fn deliver(to: SocketAddr, batch: Vec<u8>) -> Result<(), CallError> {
    let mut stream = connect(to).await?;
    stream.write_all(&batch).await?;
    close(stream).await;
    Ok(())
}

/// Asks for the client's clock, in seconds.
pub async fn beat(to: SocketAddr) -> Result<f64, CallError> {
    let ask = async {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_all(PING).await?;
        let mut answer = [0; BEAT_BYTES_MAX];
        let read = stream.read(&mut answer).await?;
        Ok(parse_heartbeat(&answer[..read])?)
    };
    timeout(CALL_DEADLINE, ask)
        .await
        .map_err(|_| CallError::TimedOut)?
}

/// Says that nothing follows and waits until the other end has closed too. A client that resets the connection got what
/// it wanted.
async fn close(mut stream: TcpStream) {
    if stream.shutdown().await.is_ok() {
        let mut sink = [0; 64];
        let drained =
            async { while matches!(stream.read(&mut sink).await, Ok(read) if read > 0) {} };
        let _ = timeout(CLOSE_DEADLINE, drained).await;
    }
}
