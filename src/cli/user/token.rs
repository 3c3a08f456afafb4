//! `gencomm user token NAME add|list|revoke`: what a program logs in with. Standard output gets the token alone, so that a script can
//! put it where it belongs.

use std::io::Write;

use serde::Serialize;

use super::super::output::{Failure, say, stdout};
use super::args::{Expiry, TokenAction, TokenArgs};
use super::{Place, act, end_of, existing, failed, seconds, shown_time, shown_time_if};
use crate::edge::wire::timestamp::Timestamp;
use crate::store::accounts::{Account, Accounts, TokenInfo};

#[derive(Serialize)]
struct Made<'a> {
    account: &'a str,
    name: &'a str,
    token: &'a str,
    expires: Option<f64>,
}

#[derive(Serialize)]
struct Listed<'a> {
    account: &'a str,
    name: &'a str,
    created: f64,
    expires: Option<f64>,
    last_used: Option<f64>,
    is_expired: bool,
}

#[derive(Serialize)]
struct Revoked<'a> {
    account: &'a str,
    revoked: &'a str,
}

/// Runs it.
pub(super) fn run(place: &Place, args: &TokenArgs) -> Result<(), Failure> {
    let mut accounts = place.open_existing()?;
    let account = existing(&mut accounts, &args.name)?;
    match &args.action {
        TokenAction::Add { token, expires } => add(place, &mut accounts, &account, token, *expires),
        TokenAction::List => list(place, &mut accounts, &account),
        TokenAction::Revoke { token } => revoke(place, &mut accounts, &account, token),
    }
}

fn add(
    place: &Place,
    accounts: &mut dyn Accounts,
    account: &Account,
    name: &str,
    expires: Expiry,
) -> Result<(), Failure> {
    let mut audit = act("token.add", Some(&account.name), "");
    let expires = end_of(expires, audit.time);
    let until = match expires {
        Some(time) => format!("until {}", shown_time(time)),
        None => "without end".to_owned(),
    };
    audit.detail = format!("{name}, {until}");
    let token = accounts
        .add_token(&account.account, name, expires, &audit)
        .map_err(failed)?;
    let made = Made {
        account: account.name.as_str(),
        name,
        token: &token,
        expires: expires.map(seconds),
    };
    place.tell(&token, &made)?;
    say(&format!(
        "gencomm: token {name} of {}, good {until}; it is not shown again",
        account.name
    ));
    Ok(())
}

fn list(place: &Place, accounts: &mut dyn Accounts, account: &Account) -> Result<(), Failure> {
    let tokens = accounts.tokens(&account.account).map_err(failed)?;
    let now = Timestamp::now();
    let is_expired = |token: &TokenInfo| token.expires.is_some_and(|end| end <= now);
    let mut out = stdout();
    if !place.json {
        match tokens.is_empty() {
            true => writeln!(out, "{} has no tokens", account.name)?,
            false => writeln!(
                out,
                "{:<24}  {:<19}  {:<19}  EXPIRES",
                "NAME", "MADE", "LAST USED"
            )?,
        }
    }
    for token in &tokens {
        if place.json {
            let listed = Listed {
                account: account.name.as_str(),
                name: &token.name,
                created: seconds(token.created),
                expires: token.expires.map(seconds),
                last_used: token.last_used.map(seconds),
                is_expired: is_expired(token),
            };
            place.print_json(&mut out, &listed)?;
            continue;
        }
        writeln!(
            out,
            "{:<24}  {:<19}  {:<19}  {}{}",
            token.name,
            shown_time(token.created),
            shown_time_if(token.last_used),
            shown_time_if(token.expires),
            if is_expired(token) { " (expired)" } else { "" },
        )?;
    }
    Ok(out.flush()?)
}

fn revoke(
    place: &Place,
    accounts: &mut dyn Accounts,
    account: &Account,
    name: &str,
) -> Result<(), Failure> {
    let audit = act("token.revoke", Some(&account.name), name);
    accounts
        .revoke_token(&account.account, name, &audit)
        .map_err(failed)?;
    let revoked = Revoked {
        account: account.name.as_str(),
        revoked: name,
    };
    place.tell(&format!("revoked {name} of {}", account.name), &revoked)
}
