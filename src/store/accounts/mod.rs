//! Who has an account, with which secrets, tokens and invitations; what rooms are like; what was done by whom.
//!
//! In: acts, each with the entry that the audit log shall keep of it. Out: what is known, and what somebody else changed.
//! Nothing above knows which back end is there: [`embedded`] keeps a SQLite file in the data folder.
//!
//! The server and `gencomm user` use the same accounts at the same time. Every act is one transaction; the server asks
//! [`Accounts::changes`] now and then, which costs next to nothing while nothing happens.

mod account;
mod audit;
pub mod embedded;
mod error;
mod room;
pub mod secret;
pub mod skeleton;

use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;

pub use account::{
    Account, Changed, InviteInfo, NewAccount, Role, ScramVerifier, Secrets, SecretsChange, State,
    TokenInfo, What,
};
pub use audit::{AuditEntry, AuditRecord, DETAIL_BYTES_MAX};
pub use error::AccountsError;
pub use room::{Person, RetentionRule, RoomEdit, RoomPolicy, RoomRole, Topic};

/// Accounts at all. Far above what one server carries; bounds what an open registration can fill.
pub const ACCOUNTS_MAX: u64 = 1_000_000;
/// Tokens of one account that have not expired.
pub const TOKENS_PER_ACCOUNT_MAX: u64 = 64;
/// Longest name of a token, in bytes.
pub const TOKEN_NAME_BYTES_MAX: usize = 64;
/// Invitations that can still be redeemed.
pub const INVITES_MAX: u64 = 10_000;
/// Accounts and guests that one room knows something about.
pub const PEOPLE_PER_ROOM_MAX: u64 = 10_000;
/// Networks that one room can ban.
pub const BANS_PER_ROOM_MAX: u64 = 1_000;
/// Rooms that are kept.
pub const ROOMS_MAX: u64 = 1_000_000;
/// Longest topic, in bytes.
pub const TOPIC_BYTES_MAX: usize = 1_024;
/// Rows that a list gives at a time, whatever was asked for.
pub const PAGE_MAX: usize = 1_000;

/// Everything about accounts, rooms and the audit log that has to outlive the server.
///
/// `account` is always the lower-case key ([`UserName::account`]). The time of an act is that of its audit entry. After an
/// error nothing was changed.
pub trait Accounts: Send {
    /// The account, if there is one.
    fn account(&mut self, account: &str) -> Result<Option<Account>, AccountsError>;

    /// The account and what its log-ins are checked against.
    fn secrets(&mut self, account: &str) -> Result<Option<(Account, Secrets)>, AccountsError>;

    /// Makes an account. An invitation is redeemed in the same transaction.
    ///
    /// Errors: [`AccountsError::NameTaken`]; [`AccountsError::LooksLike`] unless the newcomer may; [`AccountsError::BadInvite`].
    fn add(&mut self, new: &NewAccount<'_>, audit: &AuditEntry) -> Result<Account, AccountsError>;

    /// Accounts in order of their keys: the first `count` (at most [`PAGE_MAX`]) behind `after`, or of all.
    fn list(&mut self, after: Option<&str>, count: usize) -> Result<Vec<Account>, AccountsError>;

    /// Sets what log-ins are checked against. Gives the account as it is now, or `None` if an upgrade came too late: the stored hash
    /// is another one by now, and stays.
    fn set_secrets(
        &mut self,
        account: &str,
        secrets: &Secrets,
        change: SecretsChange<'_>,
    ) -> Result<Option<Account>, AccountsError>;

    /// Sets the role. Raises the epoch, unless that is the role already: then nothing happens, in the audit log neither.
    fn set_role(
        &mut self,
        account: &str,
        role: Role,
        audit: &AuditEntry,
    ) -> Result<Account, AccountsError>;

    /// Suspends or restores. Raises the epoch, unless that is the state already: then nothing happens.
    fn set_state(
        &mut self,
        account: &str,
        state: State,
        audit: &AuditEntry,
    ) -> Result<Account, AccountsError>;

    /// Removes the account with its tokens and its roles in rooms; what it is banned or muted from stays, and so do its rooms,
    /// which nobody has made then. Who takes the name later gets a higher epoch than it ever had.
    fn remove(&mut self, account: &str, audit: &AuditEntry) -> Result<(), AccountsError>;

    /// Active admins.
    fn admins(&mut self) -> Result<u64, AccountsError>;

    /// The account whose name has this [`skeleton`](skeleton::skeleton), the first in order of keys.
    fn like(&mut self, skeleton: &str) -> Result<Option<UserName>, AccountsError>;

    /// The skeletons of all accounts; one that several share stands there as often.
    fn skeletons(&mut self) -> Result<Vec<String>, AccountsError>;

    /// Makes a token `gct_...` for the account and gives its text, which nobody can ask for again. Tokens of the account that
    /// have expired are forgotten.
    fn add_token(
        &mut self,
        account: &str,
        name: &str,
        expires: Option<Timestamp>,
        audit: &AuditEntry,
    ) -> Result<String, AccountsError>;

    /// The account's tokens in order of their names, expired ones too.
    fn tokens(&mut self, account: &str) -> Result<Vec<TokenInfo>, AccountsError>;

    /// Revokes one token.
    fn revoke_token(
        &mut self,
        account: &str,
        name: &str,
        audit: &AuditEntry,
    ) -> Result<(), AccountsError>;

    /// The token with this [hash](secret::token::hash), with its account, suspended or not. `None` if it was revoked, has expired at
    /// `now`, or never was.
    fn find_token(
        &mut self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<(Account, TokenInfo)>, AccountsError>;

    /// Notes that the token was used, at most once a minute.
    fn touch_token(&mut self, token: &TokenInfo, now: Timestamp) -> Result<(), AccountsError>;

    /// Makes an invitation `gci_...` for `uses` accounts and gives its code, which nobody can ask for again. Invitations that
    /// are used up or have expired are forgotten. `by` is shown in lists.
    fn add_invite(
        &mut self,
        uses: u32,
        expires: Option<Timestamp>,
        by: &str,
        audit: &AuditEntry,
    ) -> Result<String, AccountsError>;

    /// Invitations, the oldest first, used ones too.
    fn invites(&mut self) -> Result<Vec<InviteInfo>, AccountsError>;

    /// Revokes an invitation by its number.
    fn revoke_invite(&mut self, id: u64, audit: &AuditEntry) -> Result<(), AccountsError>;

    /// Accounts that anybody changed since the last call, or since this was opened. Each stands there once, as it is now. An
    /// account that was removed and made anew in between is one with a higher epoch.
    fn changes(&mut self) -> Result<Vec<Changed>, AccountsError>;

    /// A secret of this server, made at first use: it keys resume tokens and what unknown users are shown.
    fn secret(&mut self) -> Result<[u8; 32], AccountsError>;

    /// All rooms that anything is known about, in order of name.
    fn rooms(&mut self) -> Result<Vec<RoomPolicy>, AccountsError>;

    /// One room.
    fn room(&mut self, room: &RoomName) -> Result<Option<RoomPolicy>, AccountsError>;

    /// Changes a room, and notes it in the audit log.
    fn edit_room(
        &mut self,
        room: &RoomName,
        edit: &RoomEdit,
        audit: &AuditEntry,
    ) -> Result<(), AccountsError>;

    /// Rooms that this account made.
    fn rooms_created_by(&mut self, account: &str) -> Result<u64, AccountsError>;

    /// Notes an act that changes nothing here.
    fn audit(&mut self, entry: &AuditEntry) -> Result<(), AccountsError>;

    /// The newest `count` (at most [`PAGE_MAX`]) records with ids below `before`, or of all; the oldest of them first.
    fn audit_page(
        &mut self,
        before: Option<u64>,
        count: usize,
    ) -> Result<Vec<AuditRecord>, AccountsError>;
}
