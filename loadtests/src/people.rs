//! Accounts for clients that have one. In: how many. Out: a file of accounts for a server's data folder, and the tokens with which
//! each of them comes back.
//!
//! The accounts are written by the server's own library, in a folder in memory where there is one: 15,000 transactions that wait for a
//! disk take most of a minute, and what is measured is their use. Passwords are real ones, hashed as by default; one hash serves all.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result};
use gencomm::edge::wire::names::{RoomName, UserName};
use gencomm::edge::wire::timestamp::Timestamp;
use gencomm::store::accounts::embedded::{EmbeddedAccounts, EmbeddedOptions, FILE};
use gencomm::store::accounts::secret::password::{self, Params};
use gencomm::store::accounts::secret::resume;
use gencomm::store::accounts::{Accounts, AuditEntry, NewAccount, Role, RoomEdit, Secrets};
use tempfile::TempDir;

/// Where files are kept in memory.
const MEMORY: &str = "/dev/shm";
/// What they all log in with.
const PASSWORD: &str = "correct horse battery staple";

/// Accounts, made once for all runs.
pub(crate) struct People {
    folder: TempDir,
    /// Who there is: names and resume tokens.
    pub(crate) people: Vec<Person>,
}

/// Somebody with an account.
pub(crate) struct Person {
    pub(crate) name: UserName,
    /// As it would stand in an OK.
    pub(crate) token: String,
}

impl People {
    /// Makes `count` accounts and `rooms` rooms; `tick` hears how many accounts there are.
    pub(crate) fn make(count: usize, rooms: usize, mut tick: impl FnMut(usize)) -> Result<Self> {
        let folder = match Path::new(MEMORY).is_dir() {
            true => TempDir::with_prefix_in("loadtest-accounts-", MEMORY),
            false => TempDir::with_prefix("loadtest-accounts-"),
        };
        let folder = folder.context("no folder for the accounts can be made")?;
        let mut store = EmbeddedAccounts::open(&EmbeddedOptions::new(folder.path()))?;
        let (secret, now) = (store.secret()?, Timestamp::now());
        let secrets = Secrets {
            password: Some(password::hash(PASSWORD, Params::default())?),
            scram: None,
        };
        let mut people = Vec::with_capacity(count);
        for number in 0..count {
            let name = UserName::parse(&format!("person-{number:06}"))?;
            let new = NewAccount {
                name,
                role: Role::Member,
                secrets: secrets.clone(),
                invite: None,
                // Names with numbers in them look like each other.
                allow_lookalike: true,
            };
            let account = store.add(&new, &entry(now, "user.add"))?;
            let token = resume::mint(&secret, &account.name, account.epoch, now);
            let name = account.name;
            people.push(Person { name, token });
            tick(number + 1);
        }
        for number in 0..rooms {
            let room = RoomName::parse(&room_name(number))?;
            let create = RoomEdit::Create {
                is_private: false,
                created_by: None,
            };
            store.edit_room(&room, &create, &entry(now, "room.create"))?;
        }
        // Closing it moves everything into the one file.
        drop(store);
        Ok(Self { folder, people })
    }

    /// Puts the accounts into a data folder that has none.
    pub(crate) fn put_into(&self, data: &Path) -> Result<()> {
        let to = data.join(FILE);
        std::fs::create_dir_all(data)
            .and_then(|()| std::fs::copy(self.folder.path().join(FILE), &to))
            .with_context(|| format!("the accounts cannot be copied to {}", to.display()))?;
        Ok(())
    }
}

/// The `number`th room that was made.
pub(crate) fn room_name(number: usize) -> String {
    format!("made-{number}")
}

fn entry(time: Timestamp, action: &'static str) -> AuditEntry {
    AuditEntry {
        time,
        actor: "loadtests".to_owned(),
        address: Some(Ipv4Addr::LOCALHOST.into()),
        action: action.into(),
        room: None,
        subject: None,
        detail: String::new(),
    }
}
