//! `gencomm user list`: everybody.

use std::io::Write;

use super::super::output::{Failure, stdout};
use super::{Place, Shown, failed, shown_time};
use crate::store::accounts::{Accounts, PAGE_MAX};

/// Runs it.
pub(super) fn run(place: &Place) -> Result<(), Failure> {
    let mut accounts = place.open_existing()?;
    let mut out = stdout();
    let mut after = None;
    let mut count: u64 = 0;
    loop {
        let page = accounts.list(after.as_deref(), PAGE_MAX).map_err(failed)?;
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.account.clone());
        for account in &page {
            count += 1;
            if place.json {
                place.print_json(&mut out, &Shown::from(account))?;
                continue;
            }
            if count == 1 {
                writeln!(
                    out,
                    "{:<32}  {:<6}  {:<9}  {:<8}  MADE",
                    "NAME", "ROLE", "STATE", "PASSWORD"
                )?;
            }
            writeln!(
                out,
                "{:<32}  {:<6}  {:<9}  {:<8}  {}",
                account.name.as_str(),
                account.role,
                account.state,
                if account.has_password { "yes" } else { "none" },
                shown_time(account.created),
            )?;
        }
    }
    if count == 0 && !place.json {
        writeln!(
            out,
            "no accounts; gencomm user add NAME --role admin makes the first"
        )?;
    }
    Ok(out.flush()?)
}
