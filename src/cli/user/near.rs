//! Names that somebody may have meant.

use super::super::output::Failure;
use super::failed;
use crate::edge::wire::names::UserName;
use crate::store::accounts::{Accounts, PAGE_MAX};

/// Pages of accounts that are looked through.
const PAGES_MAX: usize = 100;
/// Names that are suggested.
const SHOWN_MAX: usize = 3;
/// Letters that may be wrong, missing, too many or swapped.
const MISTAKES_MAX: usize = 2;

/// The names nearest to one that there is not, the nearest first.
pub(super) fn names(accounts: &mut dyn Accounts, name: &UserName) -> Result<Vec<String>, Failure> {
    let wanted = name.account();
    // In a name of two letters, two mistakes would fit everybody.
    let mistakes_max = MISTAKES_MAX.min(wanted.len() / 2);
    let mut near: Vec<(usize, String)> = Vec::new();
    let mut after = None;
    for _ in 0..PAGES_MAX {
        let page = accounts.list(after.as_deref(), PAGE_MAX).map_err(failed)?;
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.account.clone());
        for account in &page {
            let mistakes = strsim::damerau_levenshtein(&wanted, &account.account);
            if mistakes <= mistakes_max {
                near.push((mistakes, account.name.to_string()));
            }
        }
        near.sort_unstable();
        near.truncate(SHOWN_MAX);
    }
    Ok(near.into_iter().map(|(_, name)| name).collect())
}
