//! What others changed. In: looks, many of them. Out: accounts that are not what they were. Owns how far this connection has seen.

use rusqlite::{Connection, Transaction};

use super::super::{Changed, What};
use super::fault::Fault;
use super::people;

/// Removals that are remembered, so that a running server hears of each: far more than anybody makes between two looks.
const REMOVED_MAX: i64 = 10_000;

/// See the module.
pub(super) struct Watch {
    /// The newest change that was told.
    seen: i64,
    /// SQLite's count of others' commits at the last look.
    version: i64,
    /// Whether this connection has written since.
    has_written: bool,
}

impl Watch {
    /// From now on.
    pub(super) fn new(db: &Connection) -> Result<Self, Fault> {
        let version = data_version(db)?;
        Ok(Self {
            seen: db.query_row("SELECT changes FROM meta", [], |row| row.get(0))?,
            version,
            has_written: false,
        })
    }

    /// This connection wrote, which SQLite's count leaves out.
    pub(super) fn wrote(&mut self) {
        self.has_written = true;
    }

    /// What changed since the last look.
    pub(super) fn look(&mut self, db: &mut Connection) -> Result<Vec<Changed>, Fault> {
        // Asked first: what is committed in between is looked at twice rather than never.
        let version = data_version(db)?;
        if version == self.version && !self.has_written {
            return Ok(Vec::new());
        }
        let tx = db.transaction()?;
        let newest: i64 = tx.query_row("SELECT changes FROM meta", [], |row| row.get(0))?;
        let changes = match newest == self.seen {
            true => Vec::new(),
            false => behind(&tx, self.seen)?,
        };
        tx.commit()?;
        self.seen = newest;
        self.version = version;
        self.has_written = false;
        Ok(changes)
    }
}

fn data_version(db: &Connection) -> Result<i64, Fault> {
    let mut ask = db.prepare_cached("PRAGMA data_version")?;
    Ok(ask.query_row([], |row| row.get(0))?)
}

fn behind(tx: &Transaction<'_>, seen: i64) -> Result<Vec<Changed>, Fault> {
    let mut changes = people::changed_behind(tx, seen)?;
    let mut removed =
        tx.prepare_cached("SELECT account FROM removed WHERE changed > ? ORDER BY changed")?;
    let removed = removed.query_map([seen], |row| {
        Ok(Changed {
            account: row.get(0)?,
            what: What::Removed,
            token_revoked: true,
        })
    })?;
    for one in removed {
        changes.push(one?);
    }
    Ok(changes)
}

/// Remembers for those who look that `account` went with this change.
pub(super) fn note_removed(tx: &Transaction<'_>, account: &str, change: i64) -> Result<(), Fault> {
    tx.execute(
        "INSERT OR REPLACE INTO removed (account, changed) VALUES (?, ?)",
        (account, change),
    )?;
    tx.execute(
        "DELETE FROM removed WHERE changed <=
            (SELECT changed FROM removed ORDER BY changed DESC LIMIT 1 OFFSET ?)",
        [REMOVED_MAX],
    )?;
    Ok(())
}
