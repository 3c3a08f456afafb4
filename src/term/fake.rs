//! A server for tests that says exactly what a test writes down.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::endpoint::Endpoint;
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
            server: self.listener.local_addr().unwrap().to_string(),
            user: UserName::parse("ann").unwrap(),
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
    lines: Lines<BufReader<OwnedReadHalf>>,
    out: OwnedWriteHalf,
}

impl Peer {
    fn new(stream: TcpStream) -> Self {
        let (read, out) = stream.into_split();
        Self {
            lines: BufReader::new(read).lines(),
            out,
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
    }
}
