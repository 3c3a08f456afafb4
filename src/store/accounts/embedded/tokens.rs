//! Tokens as rows. Only their hashes are kept.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::super::secret::token;
use super::super::{
    Account, AccountsError, TOKEN_NAME_BYTES_MAX, TOKENS_PER_ACCOUNT_MAX, TokenInfo,
};
use super::fault::{Fault, stored, stored_time, time, time_if};
use super::{people, schema};
use crate::edge::wire::timestamp::Timestamp;

/// Time that has to pass before a use is noted again: each note is a write to the disk.
const TOUCH_MICROS: u64 = 60 * 1_000_000;

/// Columns that [`read`] takes.
const COLUMNS: &str = "tokens.id, tokens.name, tokens.created, tokens.expires, tokens.last_used";

/// A token from [`COLUMNS`], behind `first` others.
fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<TokenInfo> {
    Ok(TokenInfo {
        id: row.get(first)?,
        name: row.get(first + 1)?,
        created: time(row, first + 2)?,
        expires: time_if(row, first + 3)?,
        last_used: time_if(row, first + 4)?,
    })
}

pub(super) fn add(
    tx: &Transaction<'_>,
    account: &str,
    name: &str,
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Result<String, Fault> {
    if !is_name(name) {
        return Err(
            AccountsError::Malformed("a token's name is 1 to 64 of A-Z a-z 0-9 _ . : -").into(),
        );
    }
    let holder = people::existing(tx, account)?;
    tx.execute(
        "DELETE FROM tokens WHERE account = ? AND expires <= ?",
        (account, stored_time(now)),
    )?;
    let is_taken: bool = tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM tokens WHERE account = ? AND name = ?)",
        [account, name],
        |row| row.get(0),
    )?;
    if is_taken {
        return Err(AccountsError::TokenNameTaken {
            account: holder.name.as_str().to_owned(),
            name: name.to_owned(),
        }
        .into());
    }
    let held: i64 = tx.query_row(
        "SELECT count(*) FROM tokens WHERE account = ?",
        [account],
        |row| row.get(0),
    )?;
    if held >= stored(TOKENS_PER_ACCOUNT_MAX) {
        return Err(AccountsError::Full {
            what: "tokens of this account",
            limit: TOKENS_PER_ACCOUNT_MAX,
        }
        .into());
    }
    let text = token::bot_token()?;
    tx.execute(
        "INSERT INTO tokens (account, name, hash, created, expires) VALUES (?, ?, ?, ?, ?)",
        params![
            account,
            name,
            token::hash(&text),
            stored_time(now),
            expires.map(stored_time)
        ],
    )?;
    Ok(text)
}

fn is_name(name: &str) -> bool {
    let is_char = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
    (1..=TOKEN_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_char)
}

pub(super) fn list(tx: &Transaction<'_>, account: &str) -> Result<Vec<TokenInfo>, Fault> {
    people::existing(tx, account)?;
    let text = format!("SELECT {COLUMNS} FROM tokens WHERE account = ? ORDER BY name");
    let mut find = tx.prepare_cached(&text)?;
    let rows = find.query_map([account], |row| read(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn revoke(tx: &Transaction<'_>, account: &str, name: &str) -> Result<(), Fault> {
    let holder = people::existing(tx, account)?;
    let gone = tx.execute(
        "DELETE FROM tokens WHERE account = ? AND name = ?",
        [account, name],
    )?;
    if gone == 0 {
        return Err(AccountsError::NoSuchToken {
            account: holder.name.as_str().to_owned(),
            name: name.to_owned(),
        }
        .into());
    }
    let change = schema::next_change(tx)?;
    tx.execute(
        "UPDATE accounts SET changed = ?2, token_revoked = ?2 WHERE account = ?1",
        (account, change),
    )?;
    Ok(())
}

pub(super) fn find(
    tx: &Transaction<'_>,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<(Account, TokenInfo)>, Fault> {
    let text = format!(
        "SELECT {}, {COLUMNS} FROM tokens JOIN accounts USING (account)
            WHERE tokens.hash = ? AND (tokens.expires IS NULL OR tokens.expires > ?)",
        people::COLUMNS
    );
    let mut find = tx.prepare_cached(&text)?;
    let found = find.query_row((hash, stored_time(now)), |row| {
        Ok((people::read(row)?, read(row, people::COLUMN_COUNT)?))
    });
    Ok(found.optional()?)
}

/// Whether a use at `now` is worth a note. A clock that was set back makes every use worth one.
pub(super) fn is_due(last_used: Option<Timestamp>, now: Timestamp) -> bool {
    last_used.is_none_or(|last| last.as_micros().abs_diff(now.as_micros()) >= TOUCH_MICROS)
}

pub(super) fn touch(tx: &Transaction<'_>, id: u64, now: Timestamp) -> Result<(), Fault> {
    tx.execute(
        "UPDATE tokens SET last_used = ? WHERE id = ?",
        (stored_time(now), stored(id)),
    )?;
    Ok(())
}
