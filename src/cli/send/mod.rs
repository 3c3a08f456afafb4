//! `gencomm send`: one message, or each line of the input, until the server has it for good.

mod lines;

use std::io::{self, Read, Write};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::args::SendArgs;
use super::input::{self, TEXT_BYTES_MAX};
use super::output::{Failure, stdout};
use crate::edge::wire::gc2::range::JoinFrom;
use crate::term::endpoint::Endpoint;
use crate::term::message::sendable;
use crate::term::render::sanitized;
use crate::term::session::{Event, Live, Request, Session, start};

/// Runs it.
pub async fn run(endpoint: Endpoint, args: &SendArgs) -> Result<(), Failure> {
    let text = args.text.join(" ");
    let from_stdin = text == "-" || args.text.is_empty();
    let room = args.client.room.clone();
    let begin = |endpoint: Endpoint| {
        let session = Session::new(endpoint.who, room, JoinFrom::Now);
        start(endpoint.server, session)
    };
    if args.lines {
        let lines = if from_stdin {
            input::lines(io::stdin())
        } else {
            input::lines(io::Cursor::new(text))
        };
        return lines::Lines::new(args.timeout)
            .run(begin(endpoint), lines)
            .await;
    }
    let raw = if from_stdin {
        whole_stdin()?
    } else {
        text.into_bytes()
    };
    let text = sendable(&raw).map_err(|error| Failure::Usage(error.to_string()))?;
    let id = one(begin(endpoint), text, args.timeout).await?;
    let mut out = stdout();
    Ok(writeln!(out, "{id}").and_then(|()| out.flush())?)
}

/// All of standard input, without one newline at its end.
fn whole_stdin() -> Result<Vec<u8>, Failure> {
    let mut raw = Vec::new();
    io::stdin()
        .lock()
        .take(TEXT_BYTES_MAX as u64 + 1)
        .read_to_end(&mut raw)
        .map_err(|error| Failure::Failed(format!("standard input cannot be read: {error}")))?;
    if raw.len() > TEXT_BYTES_MAX {
        return Err(Failure::Failed(format!(
            "standard input is longer than {TEXT_BYTES_MAX} bytes; that is no message (use --lines for many)"
        )));
    }
    if raw.last() == Some(&b'\n') {
        raw.pop();
    }
    Ok(raw)
}

/// Returns the message's id.
async fn one(mut live: Live, text: String, longest: Duration) -> Result<u64, Failure> {
    let deadline = Instant::now() + longest;
    // Only the session's end closes this channel, and then its events tell why.
    let _ = live.requests.send(Request::Send(text)).await;
    let mut why = None;
    loop {
        match timeout_at(deadline, live.events.recv()).await {
            Ok(Some(Event::Sent { id, .. })) => {
                let _ = live.requests.send(Request::Leave).await;
                live.end().await?;
                return Ok(id);
            }
            Ok(Some(Event::SendRefused { error, .. })) => {
                let text = format!("{}: {}", error.code, sanitized(&error.text));
                return Err(Failure::Failed(text));
            }
            Ok(Some(Event::Lost { why: reason, .. })) => why = Some(reason),
            Ok(Some(_)) => {}
            Ok(None) => {
                live.end().await?;
                return Err(ended());
            }
            Err(_) => return Err(overdue(longest, why)),
        }
    }
}

fn ended() -> Failure {
    Failure::Failed("the session ended before the answer".to_owned())
}

fn overdue(longest: Duration, why: Option<String>) -> Failure {
    let why = why.map_or(String::new(), |why| format!(" (last: {why})"));
    Failure::Failed(format!(
        "no answer within {} s{why}; whether the server has the message is not known",
        longest.as_secs_f64()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::fake::FakeServer;

    const LONG: Duration = Duration::from_secs(20);

    fn live(server: &FakeServer) -> Live {
        let at = server.endpoint();
        let session = Session::new(at.who, "lobby".to_owned(), JoinFrom::Now);
        start(at.server, session)
    }

    #[tokio::test]
    async fn ends_with_the_id_of_the_answer() {
        let server = FakeServer::bind().await;
        let sender = tokio::spawn(one(live(&server), "a;b\nc".into(), LONG));
        let (mut peer, from) = server.entered(0).await;
        assert_eq!(from, "");
        let (tag, body) = peer.expect_send().await;
        assert_eq!(body, r"a;b\nc");
        peer.say("MSG;lobby;7;1.000;ann;a;b\\nc").await;
        peer.say(&format!("OK;{tag};7;1.000")).await;
        assert_eq!(sender.await.unwrap().unwrap(), 7);
    }

    #[tokio::test]
    async fn a_refusal_is_shown_as_it_is() {
        let server = FakeServer::bind().await;
        let sender = tokio::spawn(one(live(&server), "x".into(), LONG));
        let (mut peer, _) = server.entered(0).await;
        let (tag, _) = peer.expect_send().await;
        peer.say(&format!("ERR;{tag};blocked;not here")).await;
        let error = sender.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "blocked: not here");
    }

    #[tokio::test]
    async fn a_connection_that_breaks_before_the_answer_is_no_harm() {
        let server = FakeServer::bind().await;
        let sender = tokio::spawn(one(live(&server), "x".into(), LONG));
        let (mut peer, _) = server.entered(0).await;
        let first = peer.expect_send().await;
        drop(peer);
        let (mut peer, from) = server.entered(0).await;
        assert_eq!(from, "after=0");
        assert_eq!(peer.expect_send().await, first);
        peer.say(&format!("OK;{};7;1.000", first.0)).await;
        assert_eq!(sender.await.unwrap().unwrap(), 7);
    }

    #[tokio::test]
    async fn silence_has_an_end() {
        let server = FakeServer::bind().await;
        let sender = tokio::spawn(one(live(&server), "x".into(), Duration::from_millis(200)));
        let (_peer, _) = server.entered(0).await;
        let text = sender.await.unwrap().unwrap_err().to_string();
        assert!(text.starts_with("no answer within 0.2 s"), "{text}");
    }
}
