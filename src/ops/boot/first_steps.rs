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
    let is_public = !config.listen.main.ip().to_canonical().is_loopback();
    let admins = if is_public { accounts.admins()? } else { 1 };
    let closed =
        config.auth.guests == Guests::Never && config.auth.registration == Registration::Closed;
    let nobody = closed && accounts.list(None, 1)?.is_empty();
    // The short form finds the folder if that is where it is looked for by itself.
    let command = match config.server.data_dir == Config::built_in().server.data_dir {
        true => "gencomm user add NAME --role admin".to_owned(),
        false => format!(
            "gencomm user add NAME --role admin --data {}",
            folder.display()
        ),
    };
    if nobody {
        warn!(
            log,
            "nobody can log in: there is no account, no guest is let in and registration is closed; \
            make the first account with: {}",
            command
        );
    } else if admins == 0 {
        warn!(log, "there is no admin account, and the server is open to the network; \
            make the first one with: {}", command; "listen_main" => %config.listen.main);
    }
    Ok(())
}
