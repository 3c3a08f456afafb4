//! Making and opening the file: private from its first moment, ours, whole, and of this program's form.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::super::AccountsError;
use super::fault::Fault;
use super::schema::{APPLICATION_ID, STEPS};

/// Pause before the journal is asked for again: SQLite does not wait where two processes make the file at once.
const RETRY: Duration = Duration::from_millis(10);
/// The smallest page of a database.
const FILE_BYTES_MIN: u64 = 512;
/// Tables that are read through at opening.
const CHECKED: [&str; 8] = [
    "meta",
    "accounts",
    "removed",
    "tokens",
    "invites",
    "rooms",
    "room_people",
    "room_bans",
];
/// Size to which the write-ahead log is cut when it has been taken over.
const WAL_BYTES_KEPT: i64 = 4 << 20;
/// Statements kept prepared.
const STATEMENTS: usize = 64;

/// Opens `file` in `folder`; what is missing is made.
pub(super) fn open(
    folder: &Path,
    file: &Path,
    busy_timeout: Duration,
) -> Result<Connection, AccountsError> {
    make_private(folder, file)?;
    let mut db = connect(file, busy_timeout).map_err(|fault| fault.about(file))?;
    let version = version(&db, file)?;
    prepare(&db, busy_timeout)
        .and_then(|()| migrate(&mut db, version))
        .map_err(|fault| fault.about(file))?;
    check(&db, file)?;
    Ok(db)
}

/// The file is made here and not by SQLite, since its mode has to be right before anything is in it. SQLite gives its `-wal`
/// and `-shm` the same mode. A file that is there is not opened, only looked at: closing it would drop the locks
/// that another connection of this process has on it.
fn make_private(folder: &Path, file: &Path) -> Result<(), AccountsError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(refused("creating", folder))?;
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    match made {
        Ok(made) => {
            give_to_owner(&made, folder).map_err(refused("giving away", file))?;
            made.sync_all().map_err(refused("writing", file))?;
            fs::File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(refused("writing", folder))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => tighten(file),
        Err(error) => Err(refused("creating", file)(error)),
    }
}

/// The file belongs to whoever the folder belongs to: an administrator who makes the first account must not lock the server out.
/// SQLite does the same with `-wal` and `-shm`.
fn give_to_owner(made: &fs::File, folder: &Path) -> io::Result<()> {
    let (owner, own) = (fs::metadata(folder)?, made.metadata()?);
    if owner.uid() == own.uid() {
        return Ok(());
    }
    match fchown(made, Some(owner.uid()), Some(owner.gid())) {
        // Only the superuser can; anybody else keeps what it has made.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        done => done,
    }
}

/// Takes away what others may do with a file that is there, for instance one that came out of a backup.
fn tighten(file: &Path) -> Result<(), AccountsError> {
    let found = fs::metadata(file).map_err(refused("looking at", file))?;
    let not_ours = |reason: &str| AccountsError::NotOurs {
        file: file.display().to_string(),
        reason: reason.to_owned(),
    };
    if !found.is_file() {
        return Err(not_ours("it is not a file"));
    }
    // SQLite takes these for empty, and would write over them.
    if (1..FILE_BYTES_MIN).contains(&found.len()) {
        return Err(not_ours("it is too short for a database"));
    }
    if found.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(file, Permissions::from_mode(0o600))
            .map_err(refused("making private", file))?;
    }
    Ok(())
}

fn refused(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AccountsError {
    move |source| AccountsError::Io {
        action,
        file: path.display().to_string(),
        source,
    }
}

fn connect(file: &Path, busy_timeout: Duration) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    db.busy_timeout(busy_timeout)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(db)
}

/// The version of the file's form, 0 if it is empty. Refuses what is not ours before anything in it is touched.
pub(super) fn version(db: &Connection, file: &Path) -> Result<usize, AccountsError> {
    let found = (|| {
        // In one transaction: somebody else may be making the file just now.
        let tx = db.unchecked_transaction()?;
        let ask = |text: &str| tx.query_row(text, [], |row| row.get::<_, i64>(0));
        let id = ask("PRAGMA application_id")?;
        let version = ask("PRAGMA user_version")?;
        let tables = ask("SELECT count(*) FROM sqlite_schema")?;
        Ok((id, version, tables))
    })();
    let (id, version, tables) = found.map_err(|error| Fault::Sql(error).about(file))?;
    let name = file.display().to_string();
    if id != APPLICATION_ID && (id, version, tables) != (0, 0, 0) {
        let reason = "another program made it".to_owned();
        return Err(AccountsError::NotOurs { file: name, reason });
    }
    let known = STEPS.len();
    match usize::try_from(version) {
        Ok(version) if version <= known => Ok(version),
        _ => Err(AccountsError::Newer {
            file: name,
            found: version,
            known: i64::try_from(known).unwrap_or(i64::MAX),
        }),
    }
}

/// How this connection works.
fn prepare(db: &Connection, patience: Duration) -> Result<(), Fault> {
    let end = Instant::now() + patience;
    loop {
        let mode = db.query_row("PRAGMA journal_mode = WAL", [], |row| {
            row.get::<_, String>(0)
        });
        match mode {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => break,
            Err(error) if !is_busy(&error) || Instant::now() >= end => return Err(error.into()),
            Ok(_) if Instant::now() >= end => {
                return Err(Fault::Unusable(
                    "the file system cannot hold a write-ahead log; use a local one",
                ));
            }
            _ => std::thread::sleep(RETRY),
        }
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    // What is removed is overwritten: a hash has no business in a free page.
    db.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "cell_size_check", true)?;
    // Sorting happens in memory, not in files of a folder that others can read.
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT, |_| Ok(()))?;
    Ok(())
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    )
}

/// Brings the file to this program's form, all at once or not at all.
fn migrate(db: &mut Connection, version: usize) -> Result<(), Fault> {
    if version >= STEPS.len() {
        return Ok(());
    }
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Somebody else may have done it since.
    let version: usize = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for step in STEPS.iter().skip(version) {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", STEPS.len())?;
    tx.commit()?;
    Ok(())
}

/// Reads all but the audit log once through: a damaged page is better noticed now than by the one whose account is on it.
/// The audit log can be long, and nobody's log-in depends on it.
fn check(db: &Connection, file: &Path) -> Result<(), AccountsError> {
    for table in CHECKED {
        let text = format!("PRAGMA quick_check('{table}')");
        let found = db.query_row(&text, [], |row| row.get::<_, String>(0));
        let found = found.map_err(|error| Fault::Sql(error).about(file))?;
        if found != "ok" {
            return Err(AccountsError::Damaged {
                file: file.display().to_string(),
                reason: found,
            });
        }
    }
    Ok(())
}
