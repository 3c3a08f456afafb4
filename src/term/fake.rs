//! A server for tests that says exactly what a test writes down.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use super::dialer::Dialer;
use super::endpoint::Endpoint;
use super::login::Credentials;
use crate::edge::wire::names::UserName;

/// A listener on a free port of loopback.
pub(crate) struct FakeServer {
    listener: TcpListener,
}

impl FakeServer {
    pub(crate) async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint {
            server: Dialer::plaintext(self.listener.local_addr().unwrap().to_string()),
            who: Credentials::guest(UserName::parse("ann").unwrap()),
        }
    }

    /// The next client.
    pub(crate) async fn accept(&self) -> Peer {
        Peer::new(self.listener.accept().await.unwrap().0)
    }

    /// The next client, logged in and in the room; also returns the `from` of its JOIN.
    pub(crate) async fn entered(&self, newest: u64) -> (Peer, String) {
        let mut peer = self.accept().await;
        peer.expect("AUTH;auth;GUEST;ann").await;
        let join = peer.expect("JOIN;join;lobby").await;
        peer.say("OK;auth;ann;").await;
        peer.say(&format!("OK;join;lobby;{newest}")).await;
        (peer, join["JOIN;join;lobby;".len()..].to_owned())
    }
}

/// One client of it.
pub(crate) struct Peer {
    lines: Lines<BufReader<Box<dyn AsyncRead + Send + Unpin>>>,
    out: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Peer {
    pub(crate) fn new(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        let (read, out) = tokio::io::split(stream);
        let read: Box<dyn AsyncRead + Send + Unpin> = Box::new(read);
        Self {
            lines: BufReader::new(read).lines(),
            out: Box::new(out),
        }
    }

    pub(crate) async fn line(&mut self) -> Option<String> {
        self.lines.next_line().await.ok().flatten()
    }

    /// The next line, which has to begin like this.
    pub(crate) async fn expect(&mut self, beginning: &str) -> String {
        let line = self.line().await.unwrap_or_default();
        assert!(
            line.starts_with(beginning),
            "{line:?} instead of {beginning:?}"
        );
        line
    }

    /// The tag and the body of the next line, a SEND to the lobby.
    pub(crate) async fn expect_send(&mut self) -> (String, String) {
        let line = self.expect("SEND;").await;
        let fields: Vec<&str> = line.splitn(4, ';').collect();
        assert_eq!(fields[2], "lobby");
        (fields[1].to_owned(), fields[3].to_owned())
    }

    pub(crate) async fn say(&mut self, line: &str) {
        self.out
            .write_all(format!("{line}\n").as_bytes())
            .await
            .unwrap();
        self.out.flush().await.unwrap();
    }
}
