//! Accounts, what they log in with, and what is told of them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::AuditEntry;
use crate::edge::wire::names::UserName;
use crate::edge::wire::timestamp::Timestamp;

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Runs the server: may do everything everywhere.
    Admin,
    /// A person.
    Member,
    /// A program; it logs in with tokens.
    Bot,
}

impl Role {
    /// The word for it, in the database and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Bot => "bot",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "admin" => Ok(Self::Admin),
            "member" => Ok(Self::Member),
            "bot" => Ok(Self::Bot),
            _ => Err(format!(
                "\"{text}\" is no role; there are admin, member and bot"
            )),
        }
    }
}

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It may.
    Active,
    /// It may not, until it is restored.
    Suspended,
}

impl State {
    /// The word for it, in the database and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "active" => Ok(Self::Active),
            "suspended" => Ok(Self::Suspended),
            _ => Err(format!("\"{text}\" is no state of an account")),
        }
    }
}

macro_rules! shown_as_word {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )*};
}
shown_as_word!(Role, State);

/// Who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name, spelt as first given.
    pub name: UserName,
    /// Its key: the name in lower case. See [`UserName::account`].
    pub account: Arc<str>,
    /// What it is for.
    pub role: Role,
    /// Whether it may be used.
    pub state: State,
    /// Raised by a new password, a suspension, a restoration, another role: resume tokens of another epoch are void. A name that
    /// is taken again has a higher one than ever before.
    pub epoch: u32,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it can log in with a password.
    pub has_password: bool,
}

/// What a SCRAM-SHA-256 log-in is checked against.
pub use crate::edge::wire::sasl::scram::Verifier as ScramVerifier;

/// What the log-ins of one account are checked against.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secrets {
    /// An argon2id hash in PHC form, from [`super::secret::password::hash`].
    pub password: Option<String>,
    /// For SCRAM, where the configuration wants that.
    pub scram: Option<ScramVerifier>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("has_password", &self.password.is_some())
            .field("has_scram", &self.scram.is_some())
            .finish()
    }
}

/// Why secrets are set.
#[derive(Debug, Clone, Copy)]
pub enum SecretsChange<'a> {
    /// A new password: the epoch rises, and the audit log keeps this.
    New(&'a AuditEntry),
    /// The same password, hashed with other parameters or with a SCRAM verifier that was missing. The epoch stays. Only if the
    /// stored hash is still the expected one: a new password may have been set in the meantime.
    Upgrade {
        /// The hash that the password was checked against.
        expected: &'a str,
    },
}

/// An account to be made.
#[derive(Clone)]
pub struct NewAccount<'a> {
    /// Its name.
    pub name: UserName,
    /// What it is for.
    pub role: Role,
    /// What it logs in with.
    pub secrets: Secrets,
    /// The code of an invitation to redeem.
    pub invite: Option<&'a str>,
    /// Whether the name may look like that of another account.
    pub allow_lookalike: bool,
}

impl fmt::Debug for NewAccount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAccount")
            .field("name", &self.name)
            .field("role", &self.role)
            .field("secrets", &self.secrets)
            .field("has_invite", &self.invite.is_some())
            .field("allow_lookalike", &self.allow_lookalike)
            .finish()
    }
}

/// A token, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// Its number; never given twice.
    pub id: u64,
    /// Its name, unique within the account.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is void; `None` = never.
    pub expires: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used: Option<Timestamp>,
}

/// An invitation, without its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteInfo {
    /// Its number; never given twice.
    pub id: u64,
    /// Who made it.
    pub by: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is void; `None` = never.
    pub expires: Option<Timestamp>,
    /// For how many accounts it was made.
    pub uses: u32,
    /// For how many it is still good.
    pub uses_left: u32,
}

/// That an account is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its key.
    pub account: Arc<str>,
    /// What became of it.
    pub what: What,
    /// Whether a token of it was revoked since. Who logged in with one has to be looked up again.
    pub token_revoked: bool,
}

/// What became of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It is gone, with its tokens and its roles in rooms.
    Removed,
    /// It is like this.
    Now(Account),
}
