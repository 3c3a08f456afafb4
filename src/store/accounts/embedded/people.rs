//! Accounts as rows.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::super::skeleton::skeleton;
use super::super::{
    ACCOUNTS_MAX, Account, AccountsError, Changed, NewAccount, Role, ScramVerifier, Secrets, State,
    What,
};
use super::fault::{Fault, page_rows, parsed, stored, stored_time, time, user};
use super::{changes, invites, schema};
use crate::edge::wire::names::UserName;
use crate::edge::wire::timestamp::Timestamp;

/// Columns that [`read`] takes, the first of every query for accounts.
pub(super) const COLUMNS: &str = "accounts.account, accounts.name, accounts.role, accounts.state, \
     accounts.epoch, accounts.created, accounts.password IS NOT NULL";
/// How many they are.
pub(super) const COLUMN_COUNT: usize = 7;

/// An account from [`COLUMNS`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        account: row.get(0)?,
        name: user(row, 1)?,
        role: parsed(row, 2, str::parse::<Role>)?,
        state: parsed(row, 3, str::parse::<State>)?,
        epoch: row.get(4)?,
        created: time(row, 5)?,
        has_password: row.get(6)?,
    })
}

pub(super) fn find(tx: &Transaction<'_>, account: &str) -> Result<Option<Account>, Fault> {
    let text = format!("SELECT {COLUMNS} FROM accounts WHERE account = ?");
    Ok(tx
        .prepare_cached(&text)?
        .query_row([account], read)
        .optional()?)
}

/// The account, which has to be there.
pub(super) fn existing(tx: &Transaction<'_>, account: &str) -> Result<Account, Fault> {
    let found = find(tx, account)?;
    found.ok_or_else(|| AccountsError::NoSuchAccount(account.to_owned()).into())
}

pub(super) fn secrets(
    tx: &Transaction<'_>,
    account: &str,
) -> Result<Option<(Account, Secrets)>, Fault> {
    let text = format!(
        "SELECT {COLUMNS}, password, scram_salt, scram_iterations, scram_stored_key, scram_server_key
            FROM accounts WHERE account = ?"
    );
    let mut find = tx.prepare_cached(&text)?;
    let found = find.query_row([account], |row| {
        let salt: Option<Vec<u8>> = row.get(COLUMN_COUNT + 1)?;
        let scram = match salt {
            None => None,
            Some(salt) => Some(ScramVerifier {
                salt,
                iterations: row.get(COLUMN_COUNT + 2)?,
                stored_key: row.get(COLUMN_COUNT + 3)?,
                server_key: row.get(COLUMN_COUNT + 4)?,
            }),
        };
        let password = row.get(COLUMN_COUNT)?;
        Ok((read(row)?, Secrets { password, scram }))
    });
    Ok(found.optional()?)
}

pub(super) fn list(
    tx: &Transaction<'_>,
    after: Option<&str>,
    count: usize,
) -> Result<Vec<Account>, Fault> {
    let text = format!("SELECT {COLUMNS} FROM accounts WHERE account > ? ORDER BY account LIMIT ?");
    let mut find = tx.prepare_cached(&text)?;
    let rows = find.query_map((after.unwrap_or(""), page_rows(count)), read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn add(
    tx: &Transaction<'_>,
    new: &NewAccount<'_>,
    now: Timestamp,
) -> Result<Account, Fault> {
    // First: without an invitation nobody learns which names are taken.
    if let Some(code) = new.invite {
        invites::redeem(tx, code, now)?;
    }
    let account = new.name.account();
    if let Some(holder) = find(tx, &account)? {
        return Err(AccountsError::NameTaken(holder.name).into());
    }
    let skeleton = skeleton(new.name.as_str());
    if !new.allow_lookalike
        && let Some(known) = like(tx, &skeleton)?
    {
        return Err(AccountsError::LooksLike(known).into());
    }
    let held: i64 = tx.query_row("SELECT count(*) FROM accounts", [], |row| row.get(0))?;
    if held >= stored(ACCOUNTS_MAX) {
        return Err(AccountsError::Full {
            what: "accounts",
            limit: ACCOUNTS_MAX,
        }
        .into());
    }
    let (change, epoch) = (schema::next_change(tx)?, schema::next_epoch(tx)?);
    // Who logged in with a token of an account that had this name before has to go.
    let had_tokens = tx.execute("DELETE FROM removed WHERE account = ?", [&account])? > 0;
    tx.execute(
        "INSERT INTO accounts (account, name, skeleton, role, state, epoch, created, changed, token_revoked)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            account,
            new.name.as_str(),
            skeleton,
            new.role.as_str(),
            State::Active.as_str(),
            epoch,
            stored_time(now),
            change,
            if had_tokens { change } else { 0 },
        ],
    )?;
    write_secrets(tx, &account, &new.secrets)?;
    existing(tx, &account)
}

fn write_secrets(tx: &Transaction<'_>, account: &str, secrets: &Secrets) -> Result<(), Fault> {
    let scram = secrets.scram.as_ref();
    tx.execute(
        "UPDATE accounts SET password = ?2, scram_salt = ?3, scram_iterations = ?4, scram_stored_key = ?5,
            scram_server_key = ?6 WHERE account = ?1",
        params![
            account,
            secrets.password,
            scram.map(|scram| &scram.salt),
            scram.map(|scram| scram.iterations),
            scram.map(|scram| scram.stored_key),
            scram.map(|scram| scram.server_key),
        ],
    )?;
    Ok(())
}

/// Gives the account a new epoch and says that it changed.
fn raise(tx: &Transaction<'_>, account: &str) -> Result<(), Fault> {
    let (change, epoch) = (schema::next_change(tx)?, schema::next_epoch(tx)?);
    tx.execute(
        "UPDATE accounts SET epoch = ?2, changed = ?3 WHERE account = ?1",
        (account, epoch, change),
    )?;
    Ok(())
}

pub(super) fn set_secrets(
    tx: &Transaction<'_>,
    account: &str,
    secrets: &Secrets,
) -> Result<Account, Fault> {
    existing(tx, account)?;
    write_secrets(tx, account, secrets)?;
    raise(tx, account)?;
    existing(tx, account)
}

pub(super) fn upgrade_secrets(
    tx: &Transaction<'_>,
    account: &str,
    new: &Secrets,
    expected: &str,
) -> Result<Option<Account>, Fault> {
    let Some((now, held)) = secrets(tx, account)? else {
        return Ok(None);
    };
    if held.password.as_deref() != Some(expected) {
        return Ok(None);
    }
    write_secrets(tx, account, new)?;
    Ok(Some(now))
}

/// The account with that role, and whether it had another one before.
pub(super) fn set_role(
    tx: &Transaction<'_>,
    account: &str,
    role: Role,
) -> Result<(Account, bool), Fault> {
    let held = existing(tx, account)?;
    if held.role == role {
        return Ok((held, false));
    }
    tx.execute(
        "UPDATE accounts SET role = ? WHERE account = ?",
        (role.as_str(), account),
    )?;
    raise(tx, account)?;
    Ok((existing(tx, account)?, true))
}

/// The account in that state, and whether it was in another one before.
pub(super) fn set_state(
    tx: &Transaction<'_>,
    account: &str,
    state: State,
) -> Result<(Account, bool), Fault> {
    let held = existing(tx, account)?;
    if held.state == state {
        return Ok((held, false));
    }
    tx.execute(
        "UPDATE accounts SET state = ? WHERE account = ?",
        (state.as_str(), account),
    )?;
    raise(tx, account)?;
    Ok((existing(tx, account)?, true))
}

pub(super) fn remove(tx: &Transaction<'_>, account: &str) -> Result<(), Fault> {
    existing(tx, account)?;
    // Its tokens go with it.
    tx.execute("DELETE FROM accounts WHERE account = ?", [account])?;
    let change = schema::next_change(tx)?;
    changes::note_removed(tx, account, change)
}

pub(super) fn admins(tx: &Transaction<'_>) -> Result<u64, Fault> {
    Ok(tx.query_row(
        "SELECT count(*) FROM accounts WHERE role = ? AND state = ?",
        [Role::Admin.as_str(), State::Active.as_str()],
        |row| row.get(0),
    )?)
}

pub(super) fn like(tx: &Transaction<'_>, skeleton: &str) -> Result<Option<UserName>, Fault> {
    let text = "SELECT name FROM accounts WHERE skeleton = ? ORDER BY account LIMIT 1";
    let mut find = tx.prepare_cached(text)?;
    Ok(find.query_row([skeleton], |row| user(row, 0)).optional()?)
}

pub(super) fn skeletons(tx: &Transaction<'_>) -> Result<Vec<String>, Fault> {
    let mut all = tx.prepare_cached("SELECT skeleton FROM accounts ORDER BY skeleton")?;
    let rows = all.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn changed_behind(tx: &Transaction<'_>, seen: i64) -> Result<Vec<Changed>, Fault> {
    let text = format!(
        "SELECT {COLUMNS}, token_revoked > ?1 FROM accounts WHERE changed > ?1 ORDER BY changed"
    );
    let mut find = tx.prepare_cached(&text)?;
    let rows = find.query_map([seen], |row| {
        let account = read(row)?;
        Ok(Changed {
            account: account.account.clone(),
            what: What::Now(account),
            token_revoked: row.get(COLUMN_COUNT)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
