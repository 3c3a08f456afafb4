//! A copy of the accounts beside whoever uses them. In: a data folder. Out: one file, as of one moment, without what was deleted.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::super::AccountsError;
use super::fault::Fault;
use super::open::version;
use super::{BUSY_TIMEOUT, FILE};

/// Copies the accounts of the data folder `from` to the file `to`, which is not there; returns whether there are any.
pub fn copy(from: &Path, to: &Path) -> Result<bool, AccountsError> {
    let file = from.join(FILE);
    if !file.exists() {
        return Ok(false);
    }
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to);
    // SQLite takes an empty file, and leaves its mode as it is.
    made.map_err(|source| AccountsError::Io {
        action: "creating",
        file: to.display().to_string(),
        source,
    })?;
    let name = to.to_str().ok_or(AccountsError::Malformed(
        "the name of a copy of the accounts has to be valid UTF-8; choose another folder",
    ))?;
    let db = connect(&file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    version(&db, &file)?;
    let copied = db.execute("VACUUM INTO ?1", [name]);
    copied.map_err(|error| Fault::Sql(error).about(to))?;
    Ok(true)
}

/// Reads a file of accounts that nobody uses through, every page and every index.
pub fn check(file: &Path) -> Result<(), AccountsError> {
    let db = connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let damaged = |reason: String| AccountsError::Damaged {
        file: file.display().to_string(),
        reason,
    };
    if version(&db, file)? == 0 {
        return Err(damaged("it is empty".to_owned()));
    }
    let faulty = |error| Fault::Sql(error).about(file);
    let found: String = db
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(faulty)?;
    if found != "ok" {
        return Err(damaged(found));
    }
    let mut orphans = db.prepare("PRAGMA foreign_key_check").map_err(faulty)?;
    if orphans.exists([]).map_err(faulty)? {
        return Err(damaged("a row belongs to one that is not there".to_owned()));
    }
    Ok(())
}

fn connect(file: &Path, flags: OpenFlags) -> Result<Connection, AccountsError> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(file, flags).and_then(|db| {
        db.busy_timeout(BUSY_TIMEOUT)?;
        // The file may come from anywhere.
        db.pragma_update(None, "trusted_schema", false)?;
        db.pragma_update(None, "cell_size_check", true)?;
        Ok(db)
    });
    opened.map_err(|error| Fault::Sql(error).about(file))
}
