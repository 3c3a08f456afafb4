//! Reading a room's past, page by page, without joining. [`Pager`] decides (pure), [`read`] asks.
//!
//! Memory stays at one page, however much is asked for: more than a page of the newest messages is found by walking
//! back for its beginning and then read forwards.

mod pager;

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::error::TermError;
use super::login::enter;
use super::message::Message;
use crate::edge::wire::gc2::request;
use crate::edge::wire::gc2::server_line::ServerLine;

pub use pager::{Ask, Page, Pager, Wanted};

/// Longest wait for the next line of an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const PAGE_TAG: &str = "page";

/// Reads what is `wanted` of `room` and hands each message to `each`, in rising order, until `each` breaks off.
pub async fn read<B>(
    endpoint: &Endpoint,
    room: &str,
    wanted: Wanted,
    mut each: impl FnMut(Message) -> ControlFlow<B>,
) -> Result<Option<B>, TermError> {
    let mut connection = endpoint.server.open().await?;
    enter::log_in(&mut connection, &endpoint.who).await?;
    let mut pager = Pager::new(wanted);
    let mut out = Vec::new();
    while let Some(ask) = pager.ask() {
        request::history(&mut out, PAGE_TAG, room, ask.range, Some(ask.limit));
        connection.queue(&out);
        out.clear();
        let mut page = Page::default();
        loop {
            let received = timeout(ANSWER_TIMEOUT, connection.next())
                .await
                .map_err(|_| TermError::Silent {
                    server: connection.server().to_owned(),
                    after: ANSWER_TIMEOUT,
                })??;
            match received.line() {
                ServerLine::Hist { message, .. } => {
                    page.count += 1;
                    page.last = message.id;
                    if page.first == 0 {
                        page.first = message.id;
                    }
                    if ask.show
                        && message.id <= ask.end
                        && let ControlFlow::Break(value) = each(message.into())
                    {
                        return Ok(Some(value));
                    }
                }
                ServerLine::Ok { tag: PAGE_TAG, .. } => break,
                ServerLine::Err { code, text, .. } => {
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
        pager.answered(page);
    }
    enter::leave(connection).await;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::fake::FakeServer;

    async fn ids(endpoint: Endpoint, wanted: Wanted) -> Result<Vec<u64>, TermError> {
        let mut ids = Vec::new();
        read(&endpoint, "lobby", wanted, |message| {
            ids.push(message.id);
            ControlFlow::<()>::Continue(())
        })
        .await?;
        Ok(ids)
    }

    #[tokio::test]
    async fn more_than_a_page_is_walked_back_for_and_read_forwards() {
        let server = FakeServer::bind().await;
        let reader = tokio::spawn(ids(server.endpoint(), Wanted::Last(1001)));
        let mut peer = server.accept().await;
        peer.expect("AUTH;auth;GUEST;ann").await;
        peer.say("OK;auth;ann;").await;
        peer.expect("HISTORY;page;lobby;;1000").await;
        for (asked, first, count) in [
            (None, 11, 1000),
            (Some("HISTORY;page;lobby;before=11;1"), 10, 1),
            (Some("HISTORY;page;lobby;after=9;1000"), 10, 1000),
            (Some("HISTORY;page;lobby;after=1009;1000"), 1010, 3),
        ] {
            if let Some(asked) = asked {
                peer.expect(asked).await;
            }
            for id in first..first + count {
                peer.say(&format!("HIST;page;lobby;{id};1.000;bob;x")).await;
            }
            peer.say(&format!("OK;page;{count}")).await;
        }
        // What arrived meanwhile (1011 and 1012) is not among the newest of the beginning.
        let expected: Vec<u64> = (10..=1010).collect();
        assert_eq!(reader.await.unwrap().unwrap(), expected);
        peer.expect("BYE;").await;
    }

    #[tokio::test]
    async fn the_server_may_refuse() {
        let server = FakeServer::bind().await;
        let reader = tokio::spawn(ids(server.endpoint(), Wanted::Last(5)));
        let mut peer = server.accept().await;
        peer.expect("AUTH;").await;
        peer.say("ERR;auth;forbidden;guests are not taken here")
            .await;
        let text = reader.await.unwrap().unwrap_err().to_string();
        assert_eq!(text, "forbidden: guests are not taken here");
    }
}
