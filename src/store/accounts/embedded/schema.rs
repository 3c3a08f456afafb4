//! What the file holds: the tables, and the two counters and the secret of the one row of `meta`.

use rusqlite::{OptionalExtension, Transaction};

use super::super::{AccountsError, secret};
use super::fault::Fault;

/// Says that the file is ours: "GCac".
pub(super) const APPLICATION_ID: i64 = 0x4743_6163;

/// How each version is made from the one before, beginning with an empty file. A step that was published is never changed.
///
/// `accounts.changed` is the value of `meta.changes` at the account's last change. Epochs are drawn from one counter for all
/// accounts, so a name that is taken again never sees an epoch of old.
pub(super) const STEPS: [&str; 1] = ["
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    changes INTEGER NOT NULL,
    epochs INTEGER NOT NULL,
    secret BLOB
) STRICT;
INSERT INTO meta VALUES (1, 0, 0, NULL);

CREATE TABLE accounts (
    account TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    skeleton TEXT NOT NULL,
    role TEXT NOT NULL,
    state TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    created INTEGER NOT NULL,
    password TEXT,
    scram_salt BLOB,
    scram_iterations INTEGER,
    scram_stored_key BLOB,
    scram_server_key BLOB,
    changed INTEGER NOT NULL,
    token_revoked INTEGER NOT NULL
) STRICT;
CREATE INDEX accounts_skeleton ON accounts (skeleton);
CREATE INDEX accounts_changed ON accounts (changed);

CREATE TABLE removed (
    account TEXT PRIMARY KEY,
    changed INTEGER NOT NULL
) STRICT;
CREATE INDEX removed_changed ON removed (changed);

CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    name TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    expires INTEGER,
    last_used INTEGER,
    UNIQUE (account, name)
) STRICT;

CREATE TABLE invites (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE,
    made_by TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    uses INTEGER NOT NULL,
    uses_left INTEGER NOT NULL CHECK (uses_left >= 0)
) STRICT;

CREATE TABLE rooms (
    room TEXT PRIMARY KEY,
    is_private INTEGER NOT NULL,
    topic TEXT,
    topic_by TEXT,
    topic_at INTEGER,
    retain_age_ms INTEGER NOT NULL,
    retain_messages INTEGER NOT NULL,
    created INTEGER NOT NULL,
    created_by TEXT
) STRICT;
CREATE INDEX rooms_created_by ON rooms (created_by);

CREATE TABLE room_people (
    room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
    account TEXT NOT NULL,
    role TEXT,
    is_banned INTEGER NOT NULL,
    is_muted INTEGER NOT NULL,
    PRIMARY KEY (room, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX room_people_account ON room_people (account);

CREATE TABLE room_bans (
    room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
    network TEXT NOT NULL,
    PRIMARY KEY (room, network)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    actor TEXT NOT NULL,
    address TEXT,
    action TEXT NOT NULL,
    room TEXT,
    subject TEXT,
    detail TEXT NOT NULL
) STRICT;
"];

/// The number of a change that is being made.
pub(super) fn next_change(tx: &Transaction<'_>) -> Result<i64, Fault> {
    let mut next =
        tx.prepare_cached("UPDATE meta SET changes = changes + 1 WHERE id = 1 RETURNING changes")?;
    Ok(next.query_row([], |row| row.get(0))?)
}

/// An epoch that no account ever had.
pub(super) fn next_epoch(tx: &Transaction<'_>) -> Result<u32, Fault> {
    let mut next =
        tx.prepare_cached("UPDATE meta SET epochs = epochs + 1 WHERE id = 1 RETURNING epochs")?;
    let epoch: i64 = next.query_row([], |row| row.get(0))?;
    u32::try_from(epoch).map_err(|_| {
        Fault::Refused(AccountsError::Full {
            what: "changes of accounts",
            limit: u32::MAX.into(),
        })
    })
}

/// The secret, if it was made.
pub(super) fn secret(tx: &Transaction<'_>) -> Result<Option<[u8; 32]>, Fault> {
    let mut find = tx.prepare_cached("SELECT secret FROM meta WHERE secret IS NOT NULL")?;
    Ok(find.query_row([], |row| row.get(0)).optional()?)
}

/// The secret; makes it unless somebody else just has.
pub(super) fn make_secret(tx: &Transaction<'_>) -> Result<[u8; 32], Fault> {
    if let Some(known) = secret(tx)? {
        return Ok(known);
    }
    let fresh: [u8; 32] = secret::random()?;
    tx.execute("UPDATE meta SET secret = ? WHERE id = 1", [&fresh])?;
    Ok(fresh)
}
