//! What `chat`, `send` and `tail` share: whom to call, and a runtime to do it on.

use std::io;
use std::path::Path;

use super::args::{Cli, ClientArgs};
use super::output::Failure;
use crate::ops::config::Config;
use crate::term::endpoint::{Endpoint, default_user, reachable};

/// Runs a client against the server and under the name that the options and the configuration give.
pub fn with_endpoint(
    cli: &Cli,
    args: &ClientArgs,
    run: impl AsyncFnOnce(Endpoint) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let server = match &args.server {
        Some(server) => server.clone(),
        None => configured_server(cli.config_dir(), cli.config.is_some())?,
    };
    let user = args
        .user
        .clone()
        .unwrap_or_else(|| default_user(login_name().as_deref()));
    let endpoint = Endpoint { server, user };
    runtime()?.block_on(run(endpoint))
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
