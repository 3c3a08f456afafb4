//! `gencomm user add NAME`: a new account. It may be the first; then the file is made.

use super::super::output::{Failure, say};
use super::args::AddArgs;
use super::{Place, Shown, act, failed, mind_admins, secret};
use crate::store::accounts::embedded;
use crate::store::accounts::skeleton::skeleton;
use crate::store::accounts::{Accounts, AccountsError, NewAccount, Role, Secrets};

/// Runs it.
pub(super) fn run(place: &Place, args: &AddArgs) -> Result<(), Failure> {
    let is_first = !embedded::exists(&place.folder);
    let mut accounts = place.open()?;
    if is_first {
        // Whoever is in the wrong folder should see it.
        say(&format!("gencomm: made {}", accounts.file().display()));
    }
    // Before anybody is asked for a password in vain; it is asked again when the account is made.
    if let Some(known) = accounts.account(&args.name.account()).map_err(failed)? {
        return Err(failed(AccountsError::NameTaken(known.name)));
    }
    let like = accounts
        .like(&skeleton(args.name.as_str()))
        .map_err(failed)?;
    if let Some(known) = like.filter(|_| !args.allow_lookalike) {
        return Err(looks_like(AccountsError::LooksLike(known)));
    }
    let secrets = match args.role == Role::Bot && !args.password_stdin {
        true => Secrets::default(),
        false => secret::new_password(&place.config, &args.name, args.password_stdin)?,
    };
    let new = NewAccount {
        name: args.name.clone(),
        role: args.role,
        secrets,
        invite: None,
        allow_lookalike: args.allow_lookalike,
    };
    let audit = act("user.add", Some(&args.name), format!("role {}", args.role));
    let made = accounts.add(&new, &audit).map_err(looks_like)?;
    let words = match made.has_password {
        true => format!("added {} {}", made.role, made.name),
        false => format!(
            "added {} {}; it logs in with a token: gencomm user token {1} add TOKENNAME",
            made.role, made.name
        ),
    };
    place.tell(&words, &Shown::from(&made))?;
    mind_admins(&mut accounts)
}

fn looks_like(error: AccountsError) -> Failure {
    match error {
        AccountsError::LooksLike(_) => {
            Failure::Failed(format!("{error}, or say --allow-lookalike"))
        }
        error => failed(error),
    }
}
