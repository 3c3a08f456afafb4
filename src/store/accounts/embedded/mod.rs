//! Accounts in a SQLite file, `accounts.db` in the data folder, readable by the server's user alone.
//!
//! In: the calls of [`Accounts`]. Out: rows. Owns one connection; every call is one short transaction, so that the server and
//! `gencomm user` can have the file open at the same time. What was answered is on the disk.

mod census;
mod changes;
mod copy;
mod fault;
mod invites;
mod open;
mod people;
mod record;
mod rooms;
mod schema;
mod tokens;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{
    Account, Accounts, AccountsError, AuditEntry, AuditRecord, Changed, InviteInfo, NewAccount,
    Role, RoomEdit, RoomPolicy, Secrets, SecretsChange, State, TokenInfo,
};
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;
pub use census::{Census, census};
pub use copy::{check, copy};
use fault::Fault;

/// The file's name in the data folder.
pub const FILE: &str = "accounts.db";
/// Records that the audit log keeps if nobody decides otherwise; the oldest go first.
pub const AUDIT_RECORDS_MAX: u64 = 100_000;
/// How long to wait for others' transactions, which take milliseconds.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Where and how.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The data folder.
    pub folder: PathBuf,
    /// Records that the audit log keeps, at least 1.
    pub audit_records_max: u64,
    /// How long to wait for others' transactions.
    pub busy_timeout: Duration,
}

impl EmbeddedOptions {
    /// The usual limits in this data folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            audit_records_max: AUDIT_RECORDS_MAX,
            busy_timeout: BUSY_TIMEOUT,
        }
    }

    /// The file.
    pub fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }
}

/// See the module.
pub struct EmbeddedAccounts {
    db: Connection,
    file: PathBuf,
    audit_records_max: u64,
    busy_timeout: Duration,
    watch: changes::Watch,
}

impl EmbeddedAccounts {
    /// Opens the file, and makes it and its folder if they are not there.
    pub fn open(options: &EmbeddedOptions) -> Result<Self, AccountsError> {
        let file = options.file();
        let db = open::open(&options.folder, &file, options.busy_timeout)?;
        let watch = changes::Watch::new(&db).map_err(|fault| fault.about(&file))?;
        Ok(Self {
            db,
            file,
            audit_records_max: options.audit_records_max.max(1),
            busy_timeout: options.busy_timeout,
            watch,
        })
    }

    /// Where it is.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Waits so long for others' transactions from now on.
    fn patience(&self, busy_timeout: Duration) -> Result<(), AccountsError> {
        let set = self.db.busy_timeout(busy_timeout);
        set.map_err(|error| Fault::Sql(error).about(&self.file))
    }

    fn read<T>(
        &mut self,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, AccountsError> {
        self.transaction(TransactionBehavior::Deferred, act)
    }

    /// Takes the lock to write at once: a transaction that begins by reading could find later that it must not write.
    fn write<T>(
        &mut self,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, AccountsError> {
        let done = self.transaction(TransactionBehavior::Immediate, act)?;
        self.watch.wrote();
        Ok(done)
    }

    /// As [`write`](Self::write), but does not wait for others' transactions: for what is not worth that all log-ins wait with it.
    fn write_if_free<T>(
        &mut self,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, AccountsError> {
        self.patience(Duration::ZERO)?;
        let done = self.write(act);
        self.patience(self.busy_timeout)?;
        done
    }

    /// As [`write`](Self::write), with the entry in the audit log.
    fn act<T>(
        &mut self,
        audit: &AuditEntry,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, AccountsError> {
        let keep = self.audit_records_max;
        self.write(|tx| {
            let done = act(tx)?;
            record::add(tx, audit, keep)?;
            Ok(done)
        })
    }

    fn transaction<T>(
        &mut self,
        behavior: TransactionBehavior,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, AccountsError> {
        let result = (|| {
            let tx = self.db.transaction_with_behavior(behavior)?;
            // Dropped without a commit, by an error or a panic, it is rolled back.
            let done = act(&tx)?;
            tx.commit()?;
            Ok(done)
        })();
        result.map_err(|fault: Fault| fault.about(&self.file))
    }
}

/// Whether there is a file of accounts in this data folder.
pub fn exists(folder: &Path) -> bool {
    folder.join(FILE).exists()
}

impl Accounts for EmbeddedAccounts {
    fn account(&mut self, account: &str) -> Result<Option<Account>, AccountsError> {
        self.read(|tx| people::find(tx, account))
    }

    fn secrets(&mut self, account: &str) -> Result<Option<(Account, Secrets)>, AccountsError> {
        self.read(|tx| people::secrets(tx, account))
    }

    fn add(&mut self, new: &NewAccount<'_>, audit: &AuditEntry) -> Result<Account, AccountsError> {
        self.act(audit, |tx| people::add(tx, new, audit.time))
    }

    fn list(&mut self, after: Option<&str>, count: usize) -> Result<Vec<Account>, AccountsError> {
        self.read(|tx| people::list(tx, after, count))
    }

    fn set_secrets(
        &mut self,
        account: &str,
        secrets: &Secrets,
        change: SecretsChange<'_>,
    ) -> Result<Option<Account>, AccountsError> {
        match change {
            SecretsChange::New(audit) => self.act(audit, |tx| {
                people::set_secrets(tx, account, secrets).map(Some)
            }),
            SecretsChange::Upgrade { expected } => {
                self.write_if_free(|tx| people::upgrade_secrets(tx, account, secrets, expected))
            }
        }
    }

    fn set_role(
        &mut self,
        account: &str,
        role: Role,
        audit: &AuditEntry,
    ) -> Result<Account, AccountsError> {
        let keep = self.audit_records_max;
        self.write(|tx| {
            let (now, is_new) = people::set_role(tx, account, role)?;
            if is_new {
                record::add(tx, audit, keep)?;
            }
            Ok(now)
        })
    }

    fn set_state(
        &mut self,
        account: &str,
        state: State,
        audit: &AuditEntry,
    ) -> Result<Account, AccountsError> {
        let keep = self.audit_records_max;
        self.write(|tx| {
            let (now, is_new) = people::set_state(tx, account, state)?;
            if is_new {
                record::add(tx, audit, keep)?;
            }
            Ok(now)
        })
    }

    fn remove(&mut self, account: &str, audit: &AuditEntry) -> Result<(), AccountsError> {
        self.act(audit, |tx| {
            people::remove(tx, account)?;
            rooms::forget_account(tx, account)
        })
    }

    fn admins(&mut self) -> Result<u64, AccountsError> {
        self.read(people::admins)
    }

    fn like(&mut self, skeleton: &str) -> Result<Option<UserName>, AccountsError> {
        self.read(|tx| people::like(tx, skeleton))
    }

    fn skeletons(&mut self) -> Result<Vec<String>, AccountsError> {
        self.read(people::skeletons)
    }

    fn add_token(
        &mut self,
        account: &str,
        name: &str,
        expires: Option<Timestamp>,
        audit: &AuditEntry,
    ) -> Result<String, AccountsError> {
        self.act(audit, |tx| {
            tokens::add(tx, account, name, expires, audit.time)
        })
    }

    fn tokens(&mut self, account: &str) -> Result<Vec<TokenInfo>, AccountsError> {
        self.read(|tx| tokens::list(tx, account))
    }

    fn revoke_token(
        &mut self,
        account: &str,
        name: &str,
        audit: &AuditEntry,
    ) -> Result<(), AccountsError> {
        self.act(audit, |tx| tokens::revoke(tx, account, name))
    }

    fn find_token(
        &mut self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<(Account, TokenInfo)>, AccountsError> {
        self.read(|tx| tokens::find(tx, hash, now))
    }

    fn touch_token(&mut self, token: &TokenInfo, now: Timestamp) -> Result<(), AccountsError> {
        if !tokens::is_due(token.last_used, now) {
            return Ok(());
        }
        // The next use makes another note.
        let noted = self.write_if_free(|tx| tokens::touch(tx, token.id, now));
        match noted {
            Err(AccountsError::Busy { .. }) => Ok(()),
            noted => noted,
        }
    }

    fn add_invite(
        &mut self,
        uses: u32,
        expires: Option<Timestamp>,
        by: &str,
        audit: &AuditEntry,
    ) -> Result<String, AccountsError> {
        self.act(audit, |tx| invites::add(tx, uses, expires, by, audit.time))
    }

    fn invites(&mut self) -> Result<Vec<InviteInfo>, AccountsError> {
        self.read(invites::list)
    }

    fn revoke_invite(&mut self, id: u64, audit: &AuditEntry) -> Result<(), AccountsError> {
        self.act(audit, |tx| invites::revoke(tx, id))
    }

    fn changes(&mut self) -> Result<Vec<Changed>, AccountsError> {
        let changes = self.watch.look(&mut self.db);
        changes.map_err(|fault| fault.about(&self.file))
    }

    fn secret(&mut self) -> Result<[u8; 32], AccountsError> {
        if let Some(secret) = self.read(schema::secret)? {
            return Ok(secret);
        }
        self.write(schema::make_secret)
    }

    fn rooms(&mut self) -> Result<Vec<RoomPolicy>, AccountsError> {
        self.read(rooms::all)
    }

    fn room(&mut self, room: &RoomName) -> Result<Option<RoomPolicy>, AccountsError> {
        self.read(|tx| rooms::one(tx, room))
    }

    fn edit_room(
        &mut self,
        room: &RoomName,
        edit: &RoomEdit,
        audit: &AuditEntry,
    ) -> Result<(), AccountsError> {
        self.act(audit, |tx| rooms::edit(tx, room, edit, audit.time))
    }

    fn rooms_created_by(&mut self, account: &str) -> Result<u64, AccountsError> {
        self.read(|tx| rooms::created_by(tx, account))
    }

    fn audit(&mut self, entry: &AuditEntry) -> Result<(), AccountsError> {
        self.act(entry, |_| Ok(()))
    }

    fn audit_page(
        &mut self,
        before: Option<u64>,
        count: usize,
    ) -> Result<Vec<AuditRecord>, AccountsError> {
        self.read(|tx| record::page(tx, before, count))
    }
}

#[cfg(test)]
mod tests;
