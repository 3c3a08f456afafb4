//! Who somebody is, and why somebody has to go.

use std::sync::Arc;

use crate::edge::wire::names::UserName;

use super::rules::standing::Standing;

/// Who a client is, once it is someone.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The name as first given.
    pub user: UserName,
    /// The name without regard to case.
    pub account: Arc<str>,
    /// The account as one number, the same on all shards of this process.
    pub key: u64,
    /// What the server knows of it.
    pub standing: Standing,
    /// The account's epoch: it rises with everything that ends the connections from before. 0 for guests.
    pub epoch: u32,
}

/// Why a client is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvictReason {
    /// It did not log in within `auth.deadline`.
    LogInOverdue,
    /// It did not answer a `PING` within `heartbeat.timeout`.
    Silent,
    /// Its TCP acknowledged nothing for interval and timeout.
    Unreachable,
    /// The server stops; come back after so many seconds.
    Restart {
        /// Spread, so that not all come back at once.
        seconds: u32,
    },
    /// Another log-in from the same address took its place (original clients).
    Replaced,
    /// Its account was suspended.
    Suspended,
    /// Its account has another password or role, or is gone.
    AccountChanged,
    /// The guest's name is an account's now.
    NameTaken,
    /// It went on beyond its rates for longer than `limits.patience`.
    TooMuch,
}
