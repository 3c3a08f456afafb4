//! `gencomm user suspend NAME` and `gencomm user restore NAME`.

use super::super::output::Failure;
use super::{Place, Shown, act, existing, failed, mind_admins};
use crate::edge::wire::names::UserName;
use crate::store::accounts::{Accounts, State};

/// Lets nobody use it.
pub(super) fn suspend(place: &Place, name: &UserName) -> Result<(), Failure> {
    set(place, name, State::Suspended, "user.suspend")
}

/// Lets its owner use it again.
pub(super) fn restore(place: &Place, name: &UserName) -> Result<(), Failure> {
    set(place, name, State::Active, "user.restore")
}

fn set(place: &Place, name: &UserName, state: State, action: &'static str) -> Result<(), Failure> {
    let mut accounts = place.open_existing()?;
    let before = existing(&mut accounts, name)?;
    let audit = act(action, Some(&before.name), "");
    let now = accounts
        .set_state(&before.account, state, &audit)
        .map_err(failed)?;
    let words = match before.state == state {
        true => format!("{} is {state} already", now.name),
        false => format!("{} is {state} now", now.name),
    };
    place.tell(&words, &Shown::from(&now))?;
    mind_admins(&mut accounts)
}
