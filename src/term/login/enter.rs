//! Log-in and single commands over a connection, for programs that need no session: one question, one answer.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Credentials;
use super::steps::{LogIn, TAG};
use crate::edge::wire::gc2::request;
use crate::edge::wire::gc2::server_line::ServerLine;
use crate::term::connection::Connection;
use crate::term::error::TermError;

/// Longest wait for the answer to one command.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time that the last words may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Logs in; returns the name as the server has it.
pub async fn log_in(connection: &mut Connection, who: &Credentials) -> Result<String, TermError> {
    let mut out = Vec::new();
    let mut log_in = LogIn::begin(who, connection.link(), &mut out)?;
    connection.queue(&out);
    let fields = answer(connection, TAG, |data, out| log_in.step(data, out)).await?;
    log_in.agreed()?;
    Ok(fields.into_iter().next().unwrap_or_default())
}

/// Sends `lines`, which hold one command with `tag`, and waits for its answer: the fields of its `OK`.
pub async fn ask(
    connection: &mut Connection,
    tag: &str,
    lines: &[u8],
) -> Result<Vec<String>, TermError> {
    connection.queue(lines);
    answer(connection, tag, |_, _| Ok(())).await
}

async fn answer(
    connection: &mut Connection,
    tag: &str,
    mut step: impl FnMut(&str, &mut Vec<u8>) -> Result<(), TermError>,
) -> Result<Vec<String>, TermError> {
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    loop {
        let received = match timeout_at(deadline, connection.next()).await {
            Ok(received) => received?,
            Err(_) => {
                return Err(TermError::Silent {
                    server: connection.server().to_owned(),
                    after: ANSWER_TIMEOUT,
                });
            }
        };
        match received.line() {
            ServerLine::Ok { tag: to, fields } if to == tag => {
                return Ok(fields.iter().map(str::to_owned).collect());
            }
            ServerLine::Auth { tag: to, data, .. } if to == tag => {
                let mut out = Vec::new();
                step(data, &mut out)?;
                connection.queue(&out);
            }
            // An error without a tag is about this command too: it is the only one.
            ServerLine::Err {
                tag: to,
                code,
                text,
            } if to == tag || to.is_empty() => {
                return Err(TermError::Refused {
                    code: code.to_owned(),
                    text: text.to_owned(),
                });
            }
            ServerLine::Bye { reason, seconds } => {
                return Err(TermError::Bye {
                    reason: reason.to_owned(),
                    seconds,
                });
            }
            _ => {}
        }
    }
}

/// Says good-bye.
pub async fn leave(mut connection: Connection) {
    let mut out = Vec::new();
    request::bye(&mut out, "");
    connection.queue(&out);
    connection.flush(FAREWELL).await;
}
