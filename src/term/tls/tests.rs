//! Real handshakes with real certificates on loopback.

use rustls::version::{TLS12, TLS13};

use super::distrust::Why;
use super::fake::{Authority, Identity, TlsServer, expired};
use super::*;
use crate::edge::wire::sasl::scram::EXPORTER_LABEL;
use crate::term::dialer::Dialer;
use crate::term::error::TermError;

const HERE: &[&str] = &["127.0.0.1", "localhost"];

/// What a client that decides by `trust` says to `server`.
async fn call(server: &TlsServer, trust: Trust) -> Result<(), Why> {
    let dialer = Dialer::tls(trust).unwrap();
    match tokio::join!(dialer.open(), server.accept()).0 {
        Ok(_) => Ok(()),
        Err(TermError::Distrusted(distrust)) => Err(distrust.why),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_certificate_is_believed_from_the_moment_it_was_accepted() {
    let identity = Identity::own(HERE, |_| {});
    let mut server = TlsServer::bind(&identity).await;
    let mut trust = server.stranger();
    assert_eq!(call(&server, trust.clone()).await, Err(Why::FirstMeeting));
    trust.pin = Some(identity.print());
    assert_eq!(call(&server, trust.clone()).await, Ok(()));
    let other = Identity::own(HERE, |_| {});
    server.renew(&other);
    let before = identity.print();
    let changed = Why::Changed { before, file: None };
    assert_eq!(call(&server, trust.clone()).await, Err(changed));
    trust.named = Some(other.print());
    assert_eq!(call(&server, trust.clone()).await, Ok(()));
    trust.named = Some(before);
    let not_named = Why::NotNamed { named: before };
    assert_eq!(call(&server, trust).await, Err(not_named));
}

#[tokio::test]
async fn what_openssl_makes_is_met_like_any_other() {
    // `openssl req -x509` marks its certificates as those of an authority.
    let identity = Identity::own(&["elsewhere.example"], |params| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    let server = TlsServer::bind(&identity).await;
    let mut trust = server.stranger();
    trust.authorities = Authority::new().trusted();
    assert_eq!(call(&server, trust.clone()).await, Err(Why::FirstMeeting));
    trust.pin = Some(identity.print());
    assert_eq!(call(&server, trust).await, Ok(()));
}

#[tokio::test]
async fn an_authority_vouches_for_names_and_times() {
    let authority = Authority::new();
    let expired_before = |why: Result<(), Why>| matches!(why, Err(Why::Expired { since, .. }) if since == 1_609_459_200);
    let good = authority.signed(HERE, |_| {});
    let mut server = TlsServer::bind(&good).await;
    let mut trust = server.stranger();
    trust.authorities = authority.trusted();
    assert_eq!(call(&server, trust.clone()).await, Ok(()));
    server.renew(&authority.signed(&["other.example"], |_| {}));
    assert_eq!(call(&server, trust.clone()).await, Err(Why::OtherName));
    let old = authority.signed(HERE, expired);
    server.renew(&old);
    assert!(expired_before(call(&server, trust.clone()).await));
    trust.pin = Some(old.print());
    assert!(expired_before(call(&server, trust.clone()).await));
    trust.named = Some(old.print());
    assert_eq!(call(&server, trust.clone()).await, Ok(()));
    // Another authority of the same name is another one.
    let mut trust = server.stranger();
    trust.authorities = Authority::new().trusted();
    server.renew(&good);
    assert_eq!(call(&server, trust.clone()).await, Err(Why::FirstMeeting));
    trust.authorities_only = true;
    assert_eq!(call(&server, trust).await, Err(Why::NotByAuthority));
}

#[tokio::test]
async fn an_expired_stranger_is_not_asked_about() {
    let server = TlsServer::bind(&Identity::own(HERE, expired)).await;
    let why = call(&server, server.stranger()).await;
    assert!(matches!(why, Err(Why::Expired { .. })), "{why:?}");
}

#[tokio::test]
async fn a_stolen_certificate_without_its_key_is_of_no_use() {
    let (pinned, other) = (Identity::own(HERE, |_| {}), Identity::own(HERE, |_| {}));
    let thief = other.with_certificate(&pinned);
    for version in [&TLS12, &TLS13] {
        let server = TlsServer::bind_unchecked(&thief, &[version]).await;
        let mut trust = server.stranger();
        trust.pin = Some(pinned.print());
        let dialer = Dialer::tls(trust).unwrap();
        let error = tokio::join!(dialer.open(), server.accept()).0.unwrap_err();
        assert!(matches!(error, TermError::NoTls { .. }), "{error}");
    }
}

#[tokio::test]
async fn both_versions_bind_the_log_in_to_the_connection() {
    let identity = Identity::own(HERE, |_| {});
    for version in [&TLS12, &TLS13] {
        let server = TlsServer::bind_with(&identity, &[version]).await;
        let mut trust = server.stranger();
        trust.pin = Some(identity.print());
        let dialer = Dialer::tls(trust).unwrap();
        let (client, there) = tokio::join!(dialer.open(), server.accept());
        let there = there.unwrap();
        let session = there.get_ref().1;
        assert_eq!(session.alpn_protocol(), Some(ALPN));
        assert_eq!(session.protocol_version(), Some(version.version));
        let expected = session
            .export_keying_material([0; 32], EXPORTER_LABEL, Some(&[]))
            .unwrap();
        let link = client.unwrap().link();
        assert!(link.private);
        assert_eq!(link.binding, Some(expected));
    }
}

#[tokio::test]
async fn who_speaks_no_tls_is_told_apart() {
    let server = crate::term::fake::FakeServer::bind().await;
    let identity = Identity::own(HERE, |_| {});
    let mut trust = TlsServer::bind(&identity).await.stranger();
    trust.server = server.endpoint().server.server().to_owned();
    for answer in [Some("ERR;;bad-request;what is that?"), None] {
        let dialer = Dialer::tls(trust.clone()).unwrap();
        let call = tokio::spawn(async move { dialer.open().await });
        let mut peer = server.accept().await;
        if let Some(answer) = answer {
            peer.say(answer).await;
        }
        drop(peer);
        let text = call.await.unwrap().unwrap_err().to_string();
        assert!(
            text.starts_with("no TLS with") && text.contains("--plaintext"),
            "{text}"
        );
    }
}

#[test]
fn a_file_of_authorities_is_read_or_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    assert!(Authorities::of_file(&file).is_err());
    let authority = Authority::new().pem();
    for (text, fits) in [
        (format!("A remark.\n{authority}{authority}"), true),
        (String::new(), false),
        ("no certificate".to_owned(), false),
        (authority[..60].to_owned(), false),
        (authority.replace('A', "!"), false),
    ] {
        std::fs::write(&file, text).unwrap();
        assert_eq!(Authorities::of_file(&file).is_ok(), fits);
    }
}

#[tokio::test]
async fn a_certificate_that_is_named_in_a_file_is_believed_itself() {
    // Also one that openssl marked as that of an authority, which could not be its own otherwise.
    let identity = Identity::own(&["elsewhere.example"], |params| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    let server = TlsServer::bind(&identity).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.pem");
    std::fs::write(&file, identity.pem()).unwrap();
    let mut trust = server.stranger();
    trust.authorities = Authorities::of_file(&file).unwrap();
    trust.authorities_only = true;
    assert_eq!(call(&server, trust).await, Ok(()));
}

#[test]
fn hosts_are_names_or_addresses() {
    assert_eq!(host("chat.example:1"), "chat.example");
    assert_eq!(host("[::1]:7"), "::1");
    for good in ["chat.example:1", "127.0.0.1:1", "[::1]:1"] {
        assert!(server_name(good).is_ok(), "{good}");
    }
    assert!(server_name("a b:1").is_err());
}
