//! What everything that calls a server shares: whom to call, as whom, and a runtime to do it on.

use std::io;
use std::path::{Path, PathBuf};

use super::args::{Cli, ClientArgs, ServerArgs};
use super::output::Failure;
use super::{secrets, trust};
use crate::edge::wire::names::UserName;
use crate::ops::config::Config;
use crate::term::dialer::Dialer;
use crate::term::endpoint::{Endpoint, default_user, reachable};
use crate::term::tls::Pins;

/// Runs a client against the server and under the name that the options, the environment and the configuration give.
pub fn with_endpoint(
    cli: &Cli,
    args: &ClientArgs,
    run: impl AsyncFnOnce(Endpoint) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let server = server(cli, &args.server)?;
    let user = user(args.user.as_ref());
    let variable = |name: &str| std::env::var(name).ok();
    // Before the call: a server does not wait until somebody has typed a password.
    let who = secrets::credentials(&args.secret, user, &server, variable)?;
    with_server(&args.server, server, async |server| {
        run(Endpoint { server, who }).await
    })
}

/// Meets `server` and runs what needs it.
pub fn with_server(
    args: &ServerArgs,
    server: String,
    run: impl AsyncFnOnce(Dialer) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let pins = Pins::of_this_user(|name| std::env::var_os(name).map(PathBuf::from));
    let dialer = trust::dialer(args, server, pins.as_ref())?;
    runtime()?.block_on(async {
        let dialer = trust::meet(dialer, args, pins.as_ref(), trust::ask_on_terminal).await?;
        run(dialer).await
    })
}

/// `host:port` of the server that is meant.
pub fn server(cli: &Cli, args: &ServerArgs) -> Result<String, Failure> {
    match &args.server {
        Some(server) => Ok(server.clone()),
        None => configured_server(cli.config_dir(), cli.config.is_some()),
    }
}

/// The name that is meant.
pub fn user(named: Option<&UserName>) -> UserName {
    named
        .cloned()
        .unwrap_or_else(|| default_user(login_name().as_deref()))
}

/// The server of the configuration in `dir`. A client needs none: what is missing or wrong there counts only if the
/// folder was `named` on the command line.
fn configured_server(dir: &Path, named: bool) -> Result<String, Failure> {
    let config = match Config::load(dir) {
        Ok(config) => config,
        Err(error) if named => return Err(Failure::Usage(error.to_string())),
        Err(_) => Config::built_in(),
    };
    reachable(config.listen.main).ok_or_else(|| {
        Failure::Usage(
            "listen.main has port 0, so the server's port is known only to its READY line; name it with --server HOST:PORT"
                .to_owned(),
        )
    })
}

/// The name that the system knows whoever runs this by, if it tells.
pub(super) fn login_name() -> Option<String> {
    ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|name| !name.is_empty())
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error: io::Error| Failure::Failed(format!("cannot start: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_was_named_has_to_be_right() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        assert!(matches!(
            configured_server(&missing, true),
            Err(Failure::Usage(_))
        ));
        let write = |text: &str| std::fs::write(dir.path().join("local.toml"), text).unwrap();
        write("[listen]\nmain = \"0.0.0.0:4711\"\n");
        assert_eq!(
            configured_server(dir.path(), true).unwrap(),
            "127.0.0.1:4711"
        );
        write("[listen]\nmain = \"127.0.0.1:0\"\n");
        assert!(matches!(
            configured_server(dir.path(), false),
            Err(Failure::Usage(text)) if text.contains("--server")
        ));
    }
}
