use super::*;
use crate::edge::wire::gc2::server_line::{ServerLine, parse};
use crate::edge::wire::sasl::scram::{Exchange, MECHANISM, MECHANISM_PLUS, ServerFirst, Verifier};
use crate::edge::wire::sasl::{decode, encode};
use crate::term::connection::Link;
use crate::term::error::TermError;
use crate::term::fake::FakeServer;

const HERE: Link = Link {
    private: true,
    binding: None,
};
const OPEN: Link = Link {
    private: false,
    binding: None,
};
const TLS: Link = Link {
    private: true,
    binding: Some([7; 32]),
};

fn who(secret: Secret) -> Credentials {
    Credentials {
        user: UserName::parse("ann").unwrap(),
        secret,
    }
}

fn password(mechanism: Mechanism) -> Credentials {
    who(Secret::Password {
        password: Zeroizing::new("s3cret".to_owned()),
        mechanism,
    })
}

fn token() -> Credentials {
    who(Secret::Token(Zeroizing::new("gct_s3cret".to_owned())))
}

fn begun(who: &Credentials, link: Link) -> Result<(LogIn, String), TermError> {
    let mut out = Vec::new();
    let log_in = LogIn::begin(who, link, &mut out)?;
    Ok((log_in, String::from_utf8(out).unwrap()))
}

/// Mechanism and decoded data of an AUTH line.
fn data(line: &str) -> (String, String) {
    match parse(line.trim_end().as_bytes()).unwrap() {
        ServerLine::Auth {
            mechanism, data, ..
        } => {
            let data = decode(data).unwrap().to_vec();
            (mechanism.to_owned(), String::from_utf8(data).unwrap())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_line_is_enough_where_the_server_asks_nothing() {
    for (who, line) in [
        (
            Credentials::guest(UserName::parse("ann").unwrap()),
            "AUTH;auth;GUEST;ann\n",
        ),
        (
            password(Mechanism::Plain),
            "AUTH;auth;PLAIN;AGFubgBzM2NyZXQ=\n",
        ),
        (token(), "AUTH;auth;TOKEN;Z2N0X3MzY3JldA==\n"),
    ] {
        let (mut log_in, text) = begun(&who, HERE).unwrap();
        assert_eq!(text, line);
        assert!(log_in.is_one_step() && log_in.agreed().is_ok());
        assert!(log_in.step("", &mut Vec::new()).is_err(), "{text}");
    }
}

#[test]
fn nothing_that_could_be_used_travels_readably() {
    for who in [password(Mechanism::Plain), token()] {
        let mut out = Vec::new();
        let error = LogIn::begin(&who, OPEN, &mut out).unwrap_err();
        assert!(matches!(error, TermError::Exposed) && out.is_empty());
    }
    assert!(begun(&password(Mechanism::Scram), OPEN).is_ok());
}

/// The server's end of SCRAM up to its first answer, for an account with `password`.
fn answered(line: &str, link: Link, password: &str) -> ServerFirst {
    let (mechanism, text) = data(line);
    let plus = link.binding.is_some();
    assert_eq!(mechanism, if plus { MECHANISM_PLUS } else { MECHANISM });
    let verifier = Verifier::derive(password, *b"salt", 4096).unwrap();
    let begun = Exchange::start(&text, plus, link.binding, plus).unwrap();
    begun.first(verifier, "theirs").unwrap()
}

#[test]
fn scram_ends_when_both_have_proved_themselves() {
    for link in [OPEN, TLS] {
        let (mut log_in, text) = begun(&password(Mechanism::Scram), link).unwrap();
        assert!(!log_in.is_one_step() && log_in.agreed().is_err());
        let first = answered(&text, link, "s3cret");
        let mut out = Vec::new();
        log_in
            .step(&encode(first.text.as_bytes()), &mut out)
            .unwrap();
        let (_, proof) = data(std::str::from_utf8(&out).unwrap());
        let last = first.exchange.finish(&proof).unwrap();
        // The server's OK alone would prove nothing.
        assert!(log_in.agreed().is_err());
        out.clear();
        log_in.step(&encode(last.as_bytes()), &mut out).unwrap();
        assert!(out.is_empty() && log_in.agreed().is_ok());
        assert!(log_in.step("", &mut out).is_err());
    }
}

#[test]
fn a_server_that_does_not_know_the_password_is_left() {
    let (mut log_in, text) = begun(&password(Mechanism::Scram), OPEN).unwrap();
    let first = answered(&text, OPEN, "another");
    let mut out = Vec::new();
    log_in
        .step(&encode(first.text.as_bytes()), &mut out)
        .unwrap();
    let forged = encode(format!("v={}", encode(&[0; 32])).as_bytes());
    let text = log_in.step(&forged, &mut out).unwrap_err().to_string();
    assert!(text.contains("do not trust it"), "{text}");
    assert!(log_in.agreed().is_err());
}

#[test]
fn garbage_from_the_server_ends_the_log_in() {
    for garbage in [
        "",
        "!",
        "AAA",
        &encode(b"\xff"),
        &encode(b"x"),
        &"A".repeat(1 << 20),
    ] {
        let (mut log_in, _) = begun(&password(Mechanism::Scram), HERE).unwrap();
        let error = log_in.step(garbage, &mut Vec::new()).unwrap_err();
        assert!(!error.is_passing() && error.to_string().starts_with("cannot log in"));
    }
}

#[test]
fn no_secret_is_shown() {
    let (log_in, _) = begun(&password(Mechanism::Scram), HERE).unwrap();
    let shown = format!("{:?} {:?} {log_in:?}", password(Mechanism::Plain), token());
    assert!(!shown.contains("s3cret"), "{shown}");
    let who = who(Secret::Password {
        password: Zeroizing::new("s3c\u{7}ret".to_owned()),
        mechanism: Mechanism::Scram,
    });
    let text = begun(&who, HERE).unwrap_err().to_string();
    assert!(text.contains("password") && !text.contains("s3c"), "{text}");
}

#[tokio::test]
async fn a_program_without_a_session_logs_in_by_scram() {
    let server = FakeServer::bind().await;
    let dialer = server.endpoint().server;
    let client = tokio::spawn(async move {
        let mut connection = dialer.open().await?;
        enter::log_in(&mut connection, &password(Mechanism::Scram)).await
    });
    let mut peer = server.accept().await;
    let first = answered(&peer.expect("AUTH;auth;").await, HERE, "s3cret");
    let say = |text: &str| format!("AUTH;auth;{MECHANISM};{}", encode(text.as_bytes()));
    peer.say(&say(&first.text)).await;
    let (_, proof) = data(&peer.expect("AUTH;auth;").await);
    peer.say(&say(&first.exchange.finish(&proof).unwrap()))
        .await;
    peer.say("OK;auth;Ann;token").await;
    assert_eq!(client.await.unwrap().unwrap(), "Ann");
}

#[tokio::test]
async fn an_ok_without_the_proof_is_not_believed() {
    let server = FakeServer::bind().await;
    let dialer = server.endpoint().server;
    let client = tokio::spawn(async move {
        let mut connection = dialer.open().await?;
        enter::log_in(&mut connection, &password(Mechanism::Scram)).await
    });
    let mut peer = server.accept().await;
    peer.expect("AUTH;auth;").await;
    peer.say("OK;auth;ann;").await;
    assert!(matches!(client.await.unwrap(), Err(TermError::LogIn(_))));
}
