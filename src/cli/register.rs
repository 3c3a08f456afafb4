//! `gencomm register`: opens an account.

use super::args::{Cli, RegisterArgs};
use super::client;
use super::output::{Failure, say};
use super::secrets::{self, Text};
use crate::edge::wire::gc2::request;
use crate::edge::wire::sasl::encode;
use crate::term::dialer::Dialer;
use crate::term::error::TermError;
use crate::term::login::enter;
use crate::term::render::sanitized;

const TAG: &str = "register";

/// Runs it.
pub fn run(cli: &Cli, args: &RegisterArgs) -> Result<(), Failure> {
    let server = client::server(cli, &args.server)?;
    let password = if args.password_stdin {
        secrets::piped("password")?
    } else {
        secrets::asked_twice(&format!("New password of {} at {server}: ", args.user))?
    };
    let invite = secrets::invitation(args.invite_file.as_deref(), |name| std::env::var(name).ok())?;
    client::with_server(&args.server, server, async |dialer| {
        let at = dialer.server().to_owned();
        let name = register(dialer, args, &password, invite.as_ref()).await?;
        say(&format!(
            "gencomm: the account {} is open; log in with: gencomm chat --server {at} --user {0} -p",
            sanitized(&name)
        ));
        Ok(())
    })
}

/// Returns the name as the server has it.
async fn register(
    dialer: Dialer,
    args: &RegisterArgs,
    password: &Text,
    invite: Option<&Text>,
) -> Result<String, TermError> {
    let mut connection = dialer.open().await?;
    if !connection.link().private {
        return Err(TermError::Exposed);
    }
    let mut out = Vec::new();
    let invite = invite.map_or("", |code| code.as_str());
    let (user, password) = (args.user.as_str(), encode(password.as_bytes()));
    request::register(&mut out, TAG, user, &password, invite);
    let fields = enter::ask(&mut connection, TAG, &out).await?;
    enter::leave(connection).await;
    Ok(fields
        .into_iter()
        .next()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| args.user.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Command;
    use crate::term::fake::FakeServer;
    use clap::Parser;

    fn args() -> RegisterArgs {
        let line = "gencomm register --user ann";
        match Cli::try_parse_from(line.split_whitespace())
            .unwrap()
            .command
        {
            Command::Register(args) => args,
            other => panic!("{other:?}"),
        }
    }

    async fn answer(invite: &str, line: &str, answer: &str) -> Result<String, TermError> {
        let server = FakeServer::bind().await;
        let (dialer, args) = (server.endpoint().server, args());
        let invite = (!invite.is_empty()).then(|| Text::new(invite.to_owned()));
        let password = Text::new("s3cret pass".to_owned());
        let client =
            tokio::spawn(async move { register(dialer, &args, &password, invite.as_ref()).await });
        let mut peer = server.accept().await;
        assert_eq!(peer.line().await.as_deref(), Some(line));
        peer.say(answer).await;
        client.await.unwrap()
    }

    #[tokio::test]
    async fn an_account_is_opened_or_the_reason_is_told() {
        let line = "REGISTER;register;ann;czNjcmV0IHBhc3M=;";
        let name = answer("", line, "OK;register;Ann").await;
        assert_eq!(name.unwrap(), "Ann");
        let line = format!("{line}code");
        let refusal = "ERR;register;forbidden;this invitation was used";
        let error = answer("code", &line, refusal).await.unwrap_err();
        assert_eq!(error.to_string(), "forbidden: this invitation was used");
    }
}
