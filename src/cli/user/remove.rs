//! `gencomm user remove NAME`: no account any more.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::super::output::Failure;
use super::args::RemoveArgs;
use super::{Place, act, existing, failed, mind_admins};
use crate::store::accounts::{Account, Accounts};

#[derive(Serialize)]
struct Removed<'a> {
    removed: &'a str,
}

/// Runs it.
pub(super) fn run(place: &Place, args: &RemoveArgs) -> Result<(), Failure> {
    let mut accounts = place.open_existing()?;
    let account = existing(&mut accounts, &args.name)?;
    if !args.yes {
        confirm(&account)?;
    }
    let audit = act(
        "user.remove",
        Some(&account.name),
        format!("role {}", account.role),
    );
    accounts.remove(&account.account, &audit).map_err(failed)?;
    let words = format!("removed {}; its messages stay", account.name);
    let removed = account.name.as_str();
    place.tell(&words, &Removed { removed })?;
    mind_admins(&mut accounts)
}

fn confirm(account: &Account) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "there is no terminal to ask on; say --yes to remove the account without being asked"
                .to_owned(),
        ));
    }
    let mut prompt = io::stderr();
    // Who cannot read the question can still answer it.
    let _ = write!(
        prompt,
        "Remove {} {} with its tokens and its roles in rooms? [y/N] ",
        account.role, account.name
    );
    let _ = prompt.flush();
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.map_err(|error| Failure::Failed(format!("the answer cannot be read: {error}")))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::Failed("nothing was removed".to_owned())),
    }
}
