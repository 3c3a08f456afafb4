//! How many there are, without touching anything: for who only looks. In: the data folder. Out: two numbers.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::super::AccountsError;
use super::fault::Fault;
use super::{BUSY_TIMEOUT, FILE, people};

/// Accounts of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Census {
    /// All of them, suspended ones included.
    pub accounts: u64,
    /// Active admins.
    pub admins: u64,
}

/// Counts the accounts in the data folder `folder`, beside a running server or not; `None` if there is no file. Neither makes nor
/// changes one.
pub fn census(folder: &Path) -> Result<Option<Census>, AccountsError> {
    let file = folder.join(FILE);
    if !file.exists() {
        return Ok(None);
    }
    let counted = count(&file).map_err(|fault| fault.about(&file))?;
    Ok(Some(counted))
}

fn count(file: &Path) -> Result<Census, Fault> {
    let mut wal = file.as_os_str().to_owned();
    wal.push("-wal");
    // Without a log of writes beside it the file is whole in itself, and need not be locked; SQLite would make the log's files for that.
    let is_still = !Path::new(&wal).exists();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let mut db = Connection::open_with_flags(uri(file, is_still), flags)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    let tx = db.transaction()?;
    Ok(Census {
        accounts: tx.query_row("SELECT count(*) FROM accounts", [], |row| row.get(0))?,
        admins: people::admins(&tx)?,
    })
}

fn uri(file: &Path, is_still: bool) -> String {
    let mut uri = "file:".to_owned();
    for byte in file.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte));
            }
            // Into a string: cannot fail.
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri.push_str(if is_still { "?immutable=1" } else { "?mode=ro" });
    uri
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::tests::Home;
    use super::*;

    fn names(folder: &Path) -> BTreeSet<std::ffi::OsString> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn counts_beside_a_server_and_after_it_and_leaves_nothing() {
        let home = Home::new();
        let folder = home.options().folder;
        assert_eq!(census(&folder).unwrap(), None);
        assert!(!folder.exists());
        let mut accounts = home.open();
        let there = names(&folder);
        let census = || census(&folder).unwrap().unwrap();
        assert_eq!((census().accounts, census().admins), (0, 0));
        super::super::tests::add(&mut accounts, "ann");
        assert_eq!((census().accounts, census().admins), (1, 0));
        assert_eq!(names(&folder), there);
        drop(accounts);
        let there = names(&folder);
        assert_eq!((census().accounts, census().admins), (1, 0));
        assert_eq!(names(&folder), there);
    }

    #[test]
    fn what_is_no_database_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a folder?with#odd%names");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(FILE), "x".repeat(4096)).unwrap();
        let error = census(&folder).unwrap_err().to_string();
        assert!(error.contains("accounts.db"), "{error}");
    }
}
