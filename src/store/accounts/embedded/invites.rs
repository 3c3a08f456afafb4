//! Invitations as rows. Only the hashes of their codes are kept.

use rusqlite::{Transaction, params};

use super::super::secret::token;
use super::super::{AccountsError, INVITES_MAX, InviteInfo};
use super::fault::{Fault, stored, stored_time, time, time_if};
use crate::edge::wire::timestamp::Timestamp;

pub(super) fn add(
    tx: &Transaction<'_>,
    uses: u32,
    expires: Option<Timestamp>,
    by: &str,
    now: Timestamp,
) -> Result<String, Fault> {
    if uses == 0 {
        return Err(AccountsError::Malformed("an invitation is for at least one account").into());
    }
    tx.execute(
        "DELETE FROM invites WHERE uses_left = 0 OR expires <= ?",
        [stored_time(now)],
    )?;
    let held: i64 = tx.query_row("SELECT count(*) FROM invites", [], |row| row.get(0))?;
    if held >= stored(INVITES_MAX) {
        return Err(AccountsError::Full {
            what: "invitations",
            limit: INVITES_MAX,
        }
        .into());
    }
    let code = token::invitation()?;
    tx.execute(
        "INSERT INTO invites (hash, made_by, created, expires, uses, uses_left) VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
        params![
            token::hash(&code),
            by,
            stored_time(now),
            expires.map(stored_time),
            uses
        ],
    )?;
    Ok(code)
}

/// Uses an invitation up by one.
pub(super) fn redeem(tx: &Transaction<'_>, code: &str, now: Timestamp) -> Result<(), Fault> {
    let redeemed = tx.execute(
        "UPDATE invites SET uses_left = uses_left - 1
            WHERE hash = ? AND uses_left > 0 AND (expires IS NULL OR expires > ?)",
        (token::hash(code), stored_time(now)),
    )?;
    if redeemed == 1 {
        Ok(())
    } else {
        Err(AccountsError::BadInvite.into())
    }
}

pub(super) fn list(tx: &Transaction<'_>) -> Result<Vec<InviteInfo>, Fault> {
    let mut find = tx.prepare_cached(
        "SELECT id, made_by, created, expires, uses, uses_left FROM invites ORDER BY id",
    )?;
    let rows = find.query_map([], |row| {
        Ok(InviteInfo {
            id: row.get(0)?,
            by: row.get(1)?,
            created: time(row, 2)?,
            expires: time_if(row, 3)?,
            uses: row.get(4)?,
            uses_left: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn revoke(tx: &Transaction<'_>, id: u64) -> Result<(), Fault> {
    match tx.execute("DELETE FROM invites WHERE id = ?", [stored(id)])? {
        0 => Err(AccountsError::NoSuchInvite(id).into()),
        _ => Ok(()),
    }
}
