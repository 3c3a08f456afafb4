//! `gencomm passwd`: changes one's own password.

use super::args::{Cli, PasswdArgs};
use super::client;
use super::output::{Failure, say};
use super::secrets::{self, Text};
use crate::edge::wire::gc2::request;
use crate::edge::wire::sasl::encode;
use crate::term::endpoint::Endpoint;
use crate::term::error::TermError;
use crate::term::login::{Credentials, Secret, enter};

const TAG: &str = "passwd";

/// Runs it.
pub fn run(cli: &Cli, args: &PasswdArgs) -> Result<(), Failure> {
    let server = client::server(cli, &args.server)?;
    let user = client::user(args.user.as_ref());
    let (old, new) = if args.password_stdin {
        (
            secrets::piped("old password")?,
            secrets::piped("new password")?,
        )
    } else {
        let old = secrets::asked(&format!("Old password of {user} at {server}: "))?;
        (old, secrets::asked_twice("New password: ")?)
    };
    let secret = Secret::Password {
        password: old.clone(),
        mechanism: args.mechanism,
    };
    client::with_server(&args.server, server, async |server| {
        let who = Credentials { user, secret };
        change(Endpoint { server, who }, &old, &new).await?;
        say(
            "gencomm: the password is changed; other programs of this account have to log in with it again",
        );
        Ok(())
    })
}

async fn change(endpoint: Endpoint, old: &Text, new: &Text) -> Result<(), TermError> {
    let mut connection = endpoint.server.open().await?;
    // The command itself carries both, however the log-in went.
    if !connection.link().private {
        return Err(TermError::Exposed);
    }
    enter::log_in(&mut connection, &endpoint.who).await?;
    let mut out = Vec::new();
    let (old, new) = (encode(old.as_bytes()), encode(new.as_bytes()));
    request::passwd(&mut out, TAG, &old, &new);
    enter::ask(&mut connection, TAG, &out).await?;
    enter::leave(connection).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::fake::FakeServer;
    use crate::term::login::Mechanism;

    async fn answer(answers: [&str; 2]) -> Result<(), TermError> {
        let server = FakeServer::bind().await;
        let (old, new) = (
            Text::new("old one".to_owned()),
            Text::new("new one".to_owned()),
        );
        let mut endpoint = server.endpoint();
        endpoint.who.secret = Secret::Password {
            password: old.clone(),
            mechanism: Mechanism::Plain,
        };
        let client = tokio::spawn(async move { change(endpoint, &old, &new).await });
        let mut peer = server.accept().await;
        peer.expect("AUTH;auth;PLAIN;AGFubgBvbGQgb25l").await;
        peer.say(answers[0]).await;
        if answers[0].starts_with("OK") {
            peer.expect("PASSWD;passwd;b2xkIG9uZQ==;bmV3IG9uZQ==").await;
            peer.say(answers[1]).await;
        }
        client.await.unwrap()
    }

    #[tokio::test]
    async fn a_password_is_changed_or_the_reason_is_told() {
        // The good-bye to everybody who uses the old one is no failure of this one.
        answer(["OK;auth;ann;t", "OK;passwd\nBYE;password;0"])
            .await
            .unwrap();
        for (answers, text) in [
            (["ERR;auth;forbidden;wrong", ""], "forbidden: wrong"),
            (
                ["OK;auth;ann;t", "ERR;passwd;bad-request;too short"],
                "bad-request: too short",
            ),
            (
                ["OK;auth;ann;t", "BYE;suspended;0"],
                "the server closed the connection: suspended (this account is suspended; ask whoever runs the server)",
            ),
        ] {
            assert_eq!(answer(answers).await.unwrap_err().to_string(), text);
        }
    }
}
