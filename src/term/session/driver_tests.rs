use super::*;
use crate::edge::wire::gc2::range::JoinFrom;
use crate::edge::wire::names::UserName;
use crate::term::dialer::Dialer;
use crate::term::fake::FakeServer;
use crate::term::login::{Credentials, Mechanism, Secret};
use crate::term::tls::fake::{Identity, TlsServer};
use tokio::time::timeout;
use zeroize::Zeroizing;

const LONG: Duration = Duration::from_secs(10);

fn live(server: &FakeServer, from: JoinFrom) -> Live {
    let at = server.endpoint();
    start(at.server, Session::new(at.who, "lobby".to_owned(), from))
}

async fn next(live: &mut Live) -> Event {
    timeout(LONG, live.events.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_lost_connection_costs_nothing() {
    let server = FakeServer::bind().await;
    let mut live = live(&server, JoinFrom::Last(2));
    let (mut peer, from) = server.entered(7).await;
    assert_eq!(from, "last=2");
    peer.say("MSG;lobby;7;1.000;bob;seven").await;
    peer.say("PING;;42").await;
    peer.expect("PONG;;42").await;
    live.requests
        .send(Request::Send("hello".into()))
        .await
        .unwrap();
    let (tag, _) = peer.expect_send().await;
    drop(peer);

    let (mut peer, from) = server.entered(9).await;
    assert_eq!(from, "after=7");
    for id in [7, 8, 9] {
        peer.say(&format!("MSG;lobby;{id};1.000;bob;x")).await;
    }
    assert_eq!(peer.expect_send().await, (tag.clone(), "hello".to_owned()));
    peer.say(&format!("OK;{tag};8;1.000")).await;

    assert!(matches!(
        next(&mut live).await,
        Event::Entered { again: false, .. }
    ));
    assert!(matches!(next(&mut live).await, Event::Message(m) if m.id == 7));
    assert!(matches!(next(&mut live).await, Event::Lost { .. }));
    assert!(matches!(
        next(&mut live).await,
        Event::Entered { again: true, .. }
    ));
    for id in [8, 9] {
        assert!(matches!(next(&mut live).await, Event::Message(m) if m.id == id));
    }
    assert!(matches!(
        next(&mut live).await,
        Event::Sent {
            number: 0,
            id: 8,
            ..
        }
    ));
    live.requests.send(Request::Leave).await.unwrap();
    peer.expect("BYE;").await;
    live.end().await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_told_at_once() {
    let server = FakeServer::bind().await;
    let at = server.endpoint();
    drop(server);
    let live = start(
        at.server.clone(),
        Session::new(at.who, "lobby".to_owned(), JoinFrom::Now),
    );
    let error = live.requests.clone();
    error.closed().await;
    let text = live.end().await.unwrap_err().to_string();
    assert_eq!(
        text,
        format!(
            "cannot reach {}: connection refused; is the server running? start it with: gencomm serve",
            at.server.server()
        )
    );
}

#[tokio::test]
async fn a_stranger_is_recognised() {
    let server = FakeServer::bind().await;
    let mut live = live(&server, JoinFrom::Now);
    let mut peer = server.accept().await;
    peer.say("HTTP/1.1 400 Bad\x1b Request").await;
    assert_eq!(timeout(LONG, live.events.recv()).await.unwrap(), None);
    let text = live.end().await.unwrap_err().to_string();
    assert!(
        text.contains("does not speak this protocol") && text.contains("HTTP/1.1"),
        "{text}"
    );
    assert!(!text.contains('\x1b'));
}

#[tokio::test]
async fn no_more_than_a_window_is_under_way() {
    let server = FakeServer::bind().await;
    let live = live(&server, JoinFrom::Now);
    let requests = live.requests.clone();
    let giver = tokio::spawn(async move {
        for n in 0..3 * WINDOW {
            requests.send(Request::Send(n.to_string())).await.unwrap();
        }
    });
    let (mut peer, _) = server.entered(0).await;
    let mut tags = Vec::new();
    for _ in 0..WINDOW {
        tags.push(peer.expect_send().await.0);
    }
    let early = timeout(Duration::from_millis(100), peer.line()).await;
    assert!(early.is_err(), "{early:?}");
    peer.say(&format!("OK;{};1;1.000", tags[0])).await;
    assert_eq!(peer.expect_send().await.1, WINDOW.to_string());
    giver.abort();
}

#[tokio::test]
async fn a_session_over_tls_returns_by_its_token_and_ends_when_the_certificate_changes() {
    let identity = Identity::own(&["x"], |_| {});
    let mut server = TlsServer::bind(&identity).await;
    let mut trust = server.stranger();
    trust.pin = Some(identity.print());
    let who = Credentials {
        user: UserName::parse("ann").unwrap(),
        secret: Secret::Password {
            password: Zeroizing::new("s3cret".to_owned()),
            mechanism: Mechanism::Plain,
        },
    };
    let session = Session::new(who, "lobby".to_owned(), JoinFrom::Now);
    let mut live = start(Dialer::tls(trust).unwrap(), session);
    let mut peer = server.peer().await;
    peer.expect("AUTH;auth;PLAIN;").await;
    peer.expect("JOIN;").await;
    // More than the socket takes at once, in both directions.
    let long = "x".repeat(300_000);
    peer.say("OK;auth;ann;tok\nOK;join;lobby;0").await;
    for _ in 0..20 {
        live.requests
            .send(Request::Send(long.clone()))
            .await
            .unwrap();
    }
    for id in 1..=20 {
        let (tag, body) = peer.expect_send().await;
        assert_eq!(body.len(), long.len());
        peer.say(&format!(
            "MSG;lobby;{id};1.000;ann;{body}\nOK;{tag};{id};1.000"
        ))
        .await;
    }
    let mut sent = 0;
    while sent < 20 {
        sent += u64::from(matches!(next(&mut live).await, Event::Sent { .. }));
    }
    drop(peer);
    let mut peer = server.peer().await;
    peer.expect("AUTH;auth;TOKEN;dG9r").await;
    peer.say("OK;auth;ann;tok2").await;
    peer.expect("JOIN;join;lobby;after=20").await;
    server.renew(&Identity::own(&["x"], |_| {}));
    drop(peer);
    let told = async { while live.events.recv().await.is_some() {} };
    let accepted = async { while server.accept().await.is_none() {} };
    tokio::select! {
        () = told => {}
        () = accepted => panic!("the changed certificate was accepted"),
    }
    let error = live.end().await.unwrap_err();
    assert!(error.to_string().contains("HAS CHANGED"), "{error}");
}
