//! `gencomm user passwd NAME`: another password, or a first one.

use super::super::output::Failure;
use super::args::PasswdArgs;
use super::{Place, Shown, act, existing, failed, secret};
use crate::store::accounts::{Accounts, AccountsError, SecretsChange};

/// Runs it.
pub(super) fn run(place: &Place, args: &PasswdArgs) -> Result<(), Failure> {
    let mut accounts = place.open_existing()?;
    let account = existing(&mut accounts, &args.name)?;
    let secrets = secret::new_password(&place.config, &account.name, args.password_stdin)?;
    let audit = act("user.passwd", Some(&account.name), "");
    let changed = accounts
        .set_secrets(&account.account, &secrets, SecretsChange::New(&audit))
        .map_err(failed)?;
    let now = changed.ok_or_else(|| {
        // Removed while its owner was typing.
        failed(AccountsError::NoSuchAccount(account.name.to_string()))
    })?;
    let words = format!(
        "{} has a new password; whoever was logged in has to log in with it",
        now.name
    );
    place.tell(&words, &Shown::from(&now))
}
