//! The file as its users see it: one at a time, two at once, and after a crash.

mod file;
mod people;
mod rooms;
mod together;
mod tokens;

use tempfile::TempDir;

use super::super::*;
use super::{EmbeddedAccounts, EmbeddedOptions};

/// A folder with accounts in it.
pub(super) struct Home {
    folder: TempDir,
}

impl Home {
    pub(super) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn options(&self) -> EmbeddedOptions {
        let mut options = EmbeddedOptions::new(self.folder.path().join("data"));
        options.busy_timeout = std::time::Duration::from_millis(50);
        options
    }

    pub(super) fn open(&self) -> EmbeddedAccounts {
        EmbeddedAccounts::open(&self.options()).unwrap()
    }
}

/// The act at `seconds`.
pub(super) fn at(seconds: u64) -> AuditEntry {
    AuditEntry {
        time: Timestamp::from_micros(seconds * 1_000_000),
        actor: "test".to_owned(),
        address: None,
        action: "test.act".into(),
        room: None,
        subject: None,
        detail: String::new(),
    }
}

pub(super) fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

pub(super) fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

/// A password that is not hashed but looks like it.
pub(super) fn password(text: &str) -> Secrets {
    Secrets {
        password: Some(format!("$argon2id${text}")),
        scram: None,
    }
}

pub(super) fn newcomer(name: &str) -> NewAccount<'static> {
    NewAccount {
        name: user(name),
        role: Role::Member,
        secrets: password("first"),
        invite: None,
        allow_lookalike: false,
    }
}

pub(super) fn add(db: &mut EmbeddedAccounts, name: &str) -> Account {
    db.add(&newcomer(name), &at(1)).unwrap()
}

/// Records in the audit log.
pub(super) fn audited(db: &mut EmbeddedAccounts) -> usize {
    db.audit_page(None, PAGE_MAX).unwrap().len()
}
