//! What somebody who sets up a server still has to do, told at its start. In: the configuration and the accounts. Out: log lines. Changes
//! nothing.

use std::path::Path;

use slog::{Logger, warn};

use crate::ops::config::{Config, Guests, Registration};
use crate::store::accounts::{Accounts, AccountsError};

/// Says how to make the first admin in the data folder `folder`, if one is missed.
pub(super) fn tell(
    log: &Logger,
    config: &Config,
    folder: &Path,
    accounts: &mut dyn Accounts,
) -> Result<(), AccountsError> {
    let has_admin = accounts.admins()? > 0;
    let has_account = has_admin || !accounts.list(None, 1)?.is_empty();
    if let Some(what) = missing(config, has_account, has_admin) {
        warn!(
            log,
            "{}; make the first one with: {}",
            what,
            command(config, folder)
        );
    }
    Ok(())
}

/// What is wrong with who there is.
fn missing(config: &Config, has_account: bool, has_admin: bool) -> Option<&'static str> {
    let auth = &config.auth;
    let is_closed = auth.guests == Guests::Never && auth.registration == Registration::Closed;
    let is_public = !config.listen.main.ip().to_canonical().is_loopback();
    if is_closed && !has_account {
        return Some(
            "nobody can log in: there is no account, auth.guests is \"never\" and auth.registration \"closed\"",
        );
    }
    (is_public && !has_admin)
        .then_some("there is no admin account, and the network reaches this server")
}

/// What makes an admin of this server, wherever its data is.
fn command(config: &Config, folder: &Path) -> String {
    const SHORT: &str = "gencomm user add NAME --role admin";
    match config.server.data_dir == Config::built_in().server.data_dir {
        true => SHORT.to_owned(),
        false => format!("{SHORT} --data {}", folder.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_is_missed_where_strangers_come_or_nobody_can() {
        let mut config = Config::built_in();
        let says = |config: &Config, accounts, admins, what: Option<&str>| {
            let said = missing(config, accounts, admins);
            assert_eq!(said.is_some(), what.is_some(), "{said:?}");
            assert!(said.unwrap_or_default().contains(what.unwrap_or_default()));
        };
        says(&config, false, false, None);
        config.listen.main = "[::]:10740".parse().unwrap();
        says(&config, false, false, Some("no admin"));
        says(&config, true, false, Some("no admin"));
        says(&config, true, true, None);
        config.auth.guests = Guests::Never;
        says(&config, false, false, Some("nobody can log in"));
        config.listen.main = "127.0.0.1:10740".parse().unwrap();
        says(&config, false, false, Some("nobody can log in"));
        says(&config, true, false, None);
        config.auth.registration = Registration::Open;
        says(&config, false, false, None);
    }

    #[test]
    fn the_command_finds_the_data() {
        let mut config = Config::built_in();
        let folder = Path::new("/srv/chat");
        assert_eq!(
            command(&config, folder),
            "gencomm user add NAME --role admin"
        );
        config.server.data_dir = "chat".into();
        let told = "gencomm user add NAME --role admin --data /srv/chat";
        assert_eq!(command(&config, folder), told);
    }
}
