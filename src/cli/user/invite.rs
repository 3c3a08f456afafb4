//! `gencomm user invite`, `... list`, `... revoke NUMBER`: codes with which others open accounts. Standard output gets the code alone.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;

use super::super::output::{Failure, say, stdout};
use super::args::{Expiry, InviteAction, InviteArgs};
use super::{Place, act, end_of, failed, seconds, shown_time, shown_time_if};
use crate::edge::wire::timestamp::Timestamp;
use crate::ops::config::Registration;
use crate::store::accounts::{Accounts, InviteInfo};

/// Life of an invitation if nothing is said.
const LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

#[derive(Serialize)]
struct Made<'a> {
    code: &'a str,
    uses: u32,
    expires: Option<f64>,
}

#[derive(Serialize)]
struct Listed<'a> {
    number: u64,
    by: &'a str,
    created: f64,
    expires: Option<f64>,
    uses: u32,
    uses_left: u32,
    is_valid: bool,
}

#[derive(Serialize)]
struct Revoked {
    revoked: u64,
}

/// Runs it.
pub(super) fn run(place: &Place, args: &InviteArgs) -> Result<(), Failure> {
    let Some(action) = &args.action else {
        return make(place, args);
    };
    if args.uses.is_some() || args.expires.is_some() {
        return Err(Failure::Usage(
            "--uses and --expires are for making an invitation".to_owned(),
        ));
    }
    match action {
        InviteAction::List => list(place),
        InviteAction::Revoke { id } => revoke(place, *id),
    }
}

fn make(place: &Place, args: &InviteArgs) -> Result<(), Failure> {
    let mut accounts = place.open_existing()?;
    let uses = args.uses.unwrap_or(1);
    let mut audit = act("invite.add", None, "");
    let expires = end_of(args.expires.unwrap_or(Expiry::After(LIFE)), audit.time);
    let accounts_text = match uses {
        1 => "one account".to_owned(),
        uses => format!("{uses} accounts"),
    };
    let good = match expires {
        Some(time) => format!("for {accounts_text}, until {}", shown_time(time)),
        None => format!("for {accounts_text}, without end"),
    };
    audit.detail.clone_from(&good);
    let code = accounts
        .add_invite(uses, expires, &audit.actor, &audit)
        .map_err(failed)?;
    let made = Made {
        code: &code,
        uses,
        expires: expires.map(seconds),
    };
    place.tell(&code, &made)?;
    say(&format!("gencomm: good {good}; it is not shown again"));
    if place.config.auth.registration == Registration::Closed {
        say("gencomm: auth.registration is \"closed\": the code can be used once it is \"invite\"");
    }
    Ok(())
}

fn list(place: &Place) -> Result<(), Failure> {
    let mut accounts = place.open_existing()?;
    let invites = accounts.invites().map_err(failed)?;
    let now = Timestamp::now();
    let state = |invite: &InviteInfo| {
        if invite.expires.is_some_and(|end| end <= now) {
            " (expired)"
        } else if invite.uses_left == 0 {
            " (used up)"
        } else {
            ""
        }
    };
    let mut out = stdout();
    if !place.json {
        match invites.is_empty() {
            true => writeln!(out, "no invitations")?,
            false => writeln!(
                out,
                "{:>6}  {:<24}  {:<19}  {:<11}  EXPIRES",
                "NUMBER", "BY", "MADE", "LEFT"
            )?,
        }
    }
    for invite in &invites {
        if place.json {
            let listed = Listed {
                number: invite.id,
                by: &invite.by,
                created: seconds(invite.created),
                expires: invite.expires.map(seconds),
                uses: invite.uses,
                uses_left: invite.uses_left,
                is_valid: state(invite).is_empty(),
            };
            place.print_json(&mut out, &listed)?;
            continue;
        }
        writeln!(
            out,
            "{:>6}  {:<24}  {:<19}  {:<11}  {}{}",
            invite.id,
            invite.by,
            shown_time(invite.created),
            format!("{} of {}", invite.uses_left, invite.uses),
            shown_time_if(invite.expires),
            state(invite),
        )?;
    }
    Ok(out.flush()?)
}

fn revoke(place: &Place, id: u64) -> Result<(), Failure> {
    let mut accounts = place.open_existing()?;
    let audit = act("invite.revoke", None, format!("number {id}"));
    accounts.revoke_invite(id, &audit).map_err(failed)?;
    place.tell(
        &format!("revoked invitation {id}"),
        &Revoked { revoked: id },
    )
}
