//! The accounts: private, readable, and with somebody who can run the server. Only looks: makes and changes no file.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::Finding;
use crate::ops::config::{Config, Guests};
use crate::store::accounts::embedded::{Census, EmbeddedOptions, census};

const NAME: &str = "accounts";
/// Only its owner may read the file.
const OTHERS: u32 = 0o077;
const ADD: &str = "gencomm user add NAME --role admin";

pub(super) fn check(config: &Config) -> Finding {
    let folder = &config.server.data_dir;
    let file = EmbeddedOptions::new(folder).file();
    let shown = file.display();
    if let Ok(data) = fs::metadata(&file) {
        let mode = data.permissions().mode() & 0o777;
        if mode & OTHERS != 0 {
            let found = format!(
                "{shown} has mode {mode:04o}: others of this machine can read what passwords are checked against"
            );
            return Finding::warn(NAME, found, format!("chmod 600 {shown}"));
        }
    }
    match census(folder) {
        Ok(census) => rate(config, census),
        Err(error) => Finding::fail(
            NAME,
            error.to_string(),
            format!(
                "the server's user has to be able to read {shown}; or copy it back from a backup"
            ),
        ),
    }
}

/// `None`: no file.
pub(super) fn rate(config: &Config, census: Option<Census>) -> Finding {
    let is_public = !config.listen.main.ip().to_canonical().is_loopback();
    let Census { accounts, admins } = census.unwrap_or(Census {
        accounts: 0,
        admins: 0,
    });
    if accounts == 0 && config.auth.guests == Guests::Never {
        let found = "none, and auth.guests lets no guest in: nobody can log in";
        return Finding::warn(NAME, found, ADD);
    }
    if admins == 0 && is_public {
        let found = format!(
            "no active admin among {accounts} accounts, and {} is open to the network",
            config.listen.main
        );
        return Finding::warn(NAME, found, ADD);
    }
    if accounts == 0 {
        return Finding::ok(NAME, format!("none; `{ADD}` makes the first"));
    }
    Finding::ok(NAME, format!("{accounts}, of which {admins} active admins"))
}
