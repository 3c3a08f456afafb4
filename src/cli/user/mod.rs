//! `gencomm user ...`: accounts, their tokens, invitations, on the file that the server uses, whether it runs or not.
//!
//! One file an action. What they share is here: where the accounts are, who acts, how an account is printed.

mod add;
pub mod args;
mod invite;
mod list;
mod near;
mod passwd;
mod remove;
mod role;
mod secret;
mod suspend;
mod token;

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::args::Cli;
use super::client::login_name;
use super::log::configuration;
use super::output::{Failure, Output, say, stdout};
use crate::edge::wire::names::UserName;
use crate::edge::wire::timestamp::Timestamp;
use crate::ops::config::Config;
use crate::store::accounts::embedded::{self, EmbeddedAccounts, EmbeddedOptions};
use crate::store::accounts::{Account, Accounts, AccountsError, AuditEntry};
use crate::term::time::{Clock, shown};
use args::{Expiry, UserAction, UserArgs};

/// How long to wait for the server's transactions, which take milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs it.
pub fn run(cli: &Cli, args: &UserArgs) -> Result<(), Failure> {
    let place = Place::of(cli, args.data.as_deref(), args.json)?;
    match &args.action {
        UserAction::Add(args) => add::run(&place, args),
        UserAction::Passwd(args) => passwd::run(&place, args),
        UserAction::Remove(args) => remove::run(&place, args),
        UserAction::List => list::run(&place),
        UserAction::Suspend(args) => suspend::suspend(&place, &args.name),
        UserAction::Restore(args) => suspend::restore(&place, &args.name),
        UserAction::Role(args) => role::run(&place, args),
        UserAction::Token(args) => token::run(&place, args),
        UserAction::Invite(args) => invite::run(&place, args),
    }
}

/// Which accounts, and how results are printed.
pub(super) struct Place {
    config: Config,
    folder: PathBuf,
    pub(super) json: bool,
}

impl Place {
    /// The accounts that the options and the configuration name.
    pub(super) fn of(cli: &Cli, data: Option<&Path>, json: bool) -> Result<Self, Failure> {
        let config = configuration(cli)?;
        let folder = data.unwrap_or(&config.server.data_dir).to_owned();
        Ok(Self {
            config,
            folder,
            json,
        })
    }

    /// Opens them, and makes the file if there is none.
    fn open(&self) -> Result<EmbeddedAccounts, Failure> {
        EmbeddedAccounts::open(&EmbeddedOptions {
            audit_records_max: self.config.storage.audit_records,
            busy_timeout: PATIENCE,
            ..EmbeddedOptions::new(&self.folder)
        })
        .map_err(failed)
    }

    /// Opens them; refuses if there is no file.
    pub(super) fn open_existing(&self) -> Result<EmbeddedAccounts, Failure> {
        if embedded::exists(&self.folder) {
            return self.open();
        }
        Err(Failure::Failed(format!(
            "there are no accounts in {} yet; make the first with gencomm user add NAME --role admin, or name the data folder with --data DIR",
            self.folder.display()
        )))
    }

    /// Prints one JSON object on a line.
    pub(super) fn print_json(
        &self,
        out: &mut Output,
        value: &impl Serialize,
    ) -> Result<(), Failure> {
        let text = serde_json::to_string(value);
        let text = text.map_err(|error| Failure::Failed(error.to_string()))?;
        Ok(writeln!(out, "{text}")?)
    }

    /// Tells what was done, in words or as what has become of it.
    fn tell(&self, words: &str, value: &impl Serialize) -> Result<(), Failure> {
        let mut out = stdout();
        if self.json {
            self.print_json(&mut out, value)?;
        } else {
            writeln!(out, "{words}")?;
        }
        Ok(out.flush()?)
    }
}

/// The account of that name, however it is spelt.
fn existing(accounts: &mut dyn Accounts, name: &UserName) -> Result<Account, Failure> {
    if let Some(account) = accounts.account(&name.account()).map_err(failed)? {
        return Ok(account);
    }
    let near = near::names(accounts, name)?;
    let hint = match near.is_empty() {
        true => "gencomm user list prints all".to_owned(),
        false => format!("did you mean {}?", near.join(" or ")),
    };
    Err(Failure::Failed(format!(
        "there is no account {name}; {hint}"
    )))
}

/// What the audit log shall keep of this act.
fn act(action: &'static str, subject: Option<&UserName>, detail: impl Into<String>) -> AuditEntry {
    AuditEntry {
        time: Timestamp::now(),
        actor: actor(),
        address: None,
        action: action.into(),
        room: None,
        subject: subject.map(ToString::to_string),
        detail: detail.into(),
    }
}

/// Who acts: the login name, or the number of the user that this runs as.
fn actor() -> String {
    let name = login_name().map(|name| UserName::repaired(&name).0.to_string());
    let name = name.unwrap_or_else(|| match std::fs::metadata("/proc/self") {
        Ok(process) => format!("uid{}", process.uid()),
        Err(_) => "unknown".to_owned(),
    });
    format!("cli:{name}")
}

/// The moment at which something made now is void.
fn end_of(expiry: Expiry, now: Timestamp) -> Option<Timestamp> {
    match expiry {
        Expiry::Never => None,
        Expiry::After(life) => {
            let micros = u64::try_from(life.as_micros()).unwrap_or(u64::MAX);
            Some(Timestamp::from_micros(
                now.as_micros().saturating_add(micros),
            ))
        }
    }
}

/// Says on standard error if nobody can run the server from a client.
fn mind_admins(accounts: &mut dyn Accounts) -> Result<(), Failure> {
    if accounts.admins().map_err(failed)? == 0 {
        say("gencomm: no account is an active admin; gencomm user role NAME admin makes one");
    }
    Ok(())
}

/// An account as JSON shows it.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    role: &'static str,
    state: &'static str,
    has_password: bool,
    created: f64,
}

impl<'a> From<&'a Account> for Shown<'a> {
    fn from(account: &'a Account) -> Self {
        Self {
            name: account.name.as_str(),
            role: account.role.as_str(),
            state: account.state.as_str(),
            has_password: account.has_password,
            created: seconds(account.created),
        }
    }
}

/// Unix time as JSON shows it.
pub(super) fn seconds(time: Timestamp) -> f64 {
    time.as_micros() as f64 / 1e6
}

/// A time as people read it.
pub(super) fn shown_time(time: Timestamp) -> String {
    shown(time, Clock::Full)
}

/// A time that may never come, or never was.
fn shown_time_if(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "never".to_owned(), shown_time)
}

/// Why the accounts could not do it.
pub(super) fn failed(error: AccountsError) -> Failure {
    Failure::Failed(error.to_string())
}
