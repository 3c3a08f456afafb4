//! `gencomm user role NAME ROLE`: what an account is for.

use super::super::output::Failure;
use super::args::RoleArgs;
use super::{Place, Shown, act, existing, failed, mind_admins};
use crate::store::accounts::Accounts;

/// Runs it.
pub(super) fn run(place: &Place, args: &RoleArgs) -> Result<(), Failure> {
    let mut accounts = place.open_existing()?;
    let before = existing(&mut accounts, &args.name)?;
    let detail = format!("{} to {}", before.role, args.role);
    let audit = act("user.role", Some(&before.name), detail);
    let now = accounts
        .set_role(&before.account, args.role, &audit)
        .map_err(failed)?;
    let words = match before.role == args.role {
        true => format!("{} is {} already", now.name, now.role),
        false => format!("{} is {} now", now.name, now.role),
    };
    place.tell(&words, &Shown::from(&now))?;
    mind_admins(&mut accounts)
}
