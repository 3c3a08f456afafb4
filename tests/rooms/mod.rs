//! Rooms and rights against the real server. Accounts are put into its database while it runs, as `gencomm user` does, and log in with
//! tokens.

mod begin;
mod behind;
mod gone;
mod keep_order;
mod original_clients;
#[cfg(feature = "fault-injection")]
mod panics;
mod private;
mod race;
mod roles;

use std::net::Ipv4Addr;

use gencomm::edge::wire::names::UserName;
use gencomm::edge::wire::timestamp::Timestamp;
use gencomm::store::accounts::embedded::{EmbeddedAccounts, EmbeddedOptions};
use gencomm::store::accounts::{Accounts, AuditEntry, NewAccount, Role, Secrets};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::{Builder, Gc2, Server};

/// A server and its accounts.
pub struct House {
    pub server: Server,
    pub accounts: EmbeddedAccounts,
}

impl House {
    pub fn open() -> Self {
        Self::of(Server::builder())
    }

    pub fn of(builder: Builder) -> Self {
        let server = builder.start();
        let options = EmbeddedOptions::new(server.data_dir());
        let accounts = EmbeddedAccounts::open(&options).expect("the accounts");
        Self { server, accounts }
    }

    /// A new account; returns the line that logs it in.
    pub fn add(&mut self, name: &str, role: Role) -> String {
        let entry = AuditEntry {
            time: Timestamp::now(),
            actor: "tests".into(),
            address: None,
            action: "user.add".into(),
            room: None,
            subject: None,
            detail: String::new(),
        };
        let name = UserName::parse(name).expect("a name");
        let new = NewAccount {
            name: name.clone(),
            role,
            secrets: Secrets::default(),
            invite: None,
            allow_lookalike: true,
        };
        self.accounts.add(&new, &entry).expect("an account");
        let token = self
            .accounts
            .add_token(&name.account(), "test", None, &entry)
            .expect("a token");
        format!("AUTH;a;TOKEN;{}", STANDARD.encode(token))
    }

    /// A connection of a new account.
    #[track_caller]
    pub fn account(&mut self, name: &str) -> Gc2 {
        let line = self.add(name, Role::Member);
        self.connect(&line)
    }

    /// A connection of a new admin of the server.
    #[track_caller]
    pub fn admin(&mut self, name: &str) -> Gc2 {
        let line = self.add(name, Role::Admin);
        self.connect(&line)
    }

    /// A connection that logs in with this line.
    #[track_caller]
    pub fn connect(&self, line: &str) -> Gc2 {
        self.connect_from(line, Ipv4Addr::LOCALHOST)
    }

    #[track_caller]
    fn connect_from(&self, line: &str, address: Ipv4Addr) -> Gc2 {
        let mut client = Gc2::connect_from(self.server.address(), address);
        client.send(line);
        client.expect_start("OK;a;");
        client
    }

    /// The audit log: action, room, subject and who did it, of rooms and messages.
    fn audit(&mut self) -> Vec<String> {
        let page = self.accounts.audit_page(None, 1000).expect("the audit log");
        let of_rooms = page
            .into_iter()
            .filter(|record| record.entry.room.is_some());
        let lines = of_rooms.map(|record| {
            let entry = record.entry;
            let room = entry.room.map(|room| room.to_string()).unwrap_or_default();
            let subject = entry.subject.unwrap_or_default();
            let line = format!("{} {} {room} {subject}", entry.actor, entry.action);
            line.trim_end().to_owned()
        });
        lines.collect()
    }
}

/// Changes a room; it has to work. Lines that come before the answer are skipped.
#[track_caller]
fn change(client: &mut Gc2, room: &str, change: &str) {
    client.send(&format!("ROOM;change;{room};{change}"));
    let line = client.until("OK;change;").1;
    assert_eq!(line, format!("OK;change;{room}"));
}

/// Sends a line with the tag `x`; it has to be refused with this code. Lines that come before the answer are skipped.
#[track_caller]
pub fn refused(client: &mut Gc2, line: &str, code: &str) -> String {
    client.send(line);
    let answer = client.until("ERR;x;").1;
    assert!(
        answer.starts_with(&format!("ERR;x;{code};")),
        "{answer:?} instead of {code} to {line:?}"
    );
    answer
}

/// What comes until a PING is answered: everything the server had to say by now.
#[track_caller]
pub fn so_far(client: &mut Gc2) -> Vec<String> {
    client.send("PING;so-far;x");
    client.until("PONG;so-far;").0
}
