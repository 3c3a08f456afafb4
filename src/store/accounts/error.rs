//! Why something about accounts could not be done. The texts are for people: what, where, and what to do.

use std::io;

use crate::edge::wire::names::{RoomName, UserName};

/// See the module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountsError {
    /// There is an account of that name already; its spelling.
    #[error("the name {0} is taken; choose another")]
    NameTaken(UserName),
    /// The name is not taken, but people would confuse it with this one.
    #[error("that name looks like {0}, which is taken; choose one that cannot be confused with it")]
    LooksLike(UserName),
    /// The invitation is unknown, used up, or has expired. It is not told which: the code may have been guessed.
    #[error("the invitation is not valid (any more); ask for a new one")]
    BadInvite,
    /// There is no such account.
    #[error("there is no account {0}")]
    NoSuchAccount(String),
    /// Nothing is known of this room.
    #[error("there is no room {0}")]
    NoSuchRoom(RoomName),
    /// The room is there already.
    #[error("there is a room {0} already")]
    RoomExists(RoomName),
    /// What was asked for is malformed.
    #[error("{0}")]
    Malformed(&'static str),
    /// The account has a token of that name.
    #[error("{account} has a token named {name} already; revoke it first, or choose another name")]
    TokenNameTaken {
        /// Whose.
        account: String,
        /// Its name.
        name: String,
    },
    /// The account has no token of that name.
    #[error("{account} has no token named {name}")]
    NoSuchToken {
        /// Whose.
        account: String,
        /// Its name.
        name: String,
    },
    /// There is no invitation of that number.
    #[error("there is no invitation {0}")]
    NoSuchInvite(u64),
    /// A limit is reached.
    #[error("there are {limit} {what} already, and more are not kept; remove some first")]
    Full {
        /// Of what, in the plural.
        what: &'static str,
        /// How many.
        limit: u64,
    },
    /// Somebody else was writing for longer than this waits. Trying again may help.
    #[error("{file} is in use by another process; try again in a moment")]
    Busy {
        /// The database.
        file: String,
    },
    /// The file does not hold what it should.
    #[error(
        "{file} is damaged ({reason}); stop the server and put back a backup of it, or move it away to begin without accounts"
    )]
    Damaged {
        /// The database.
        file: String,
        /// How it was noticed.
        reason: String,
    },
    /// The file belongs to something else.
    #[error(
        "{file} is not gencomm's database of accounts ({reason}); move it away, or choose another data folder"
    )]
    NotOurs {
        /// The file.
        file: String,
        /// How that shows.
        reason: String,
    },
    /// A newer program made the file.
    #[error(
        "{file} was written by a newer gencomm (version {found} of its form, this program knows {known}); use that one"
    )]
    Newer {
        /// The database.
        file: String,
        /// Its version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// The system refused something about a file.
    #[error("{action} {file}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// There is no room for what was to be written.
    #[error("{file}: the disk is full; free some space")]
    DiskFull {
        /// The database.
        file: String,
    },
    /// The database refused something.
    #[error("{file}: {reason}")]
    Database {
        /// The database.
        file: String,
        /// In its own words.
        reason: String,
    },
    /// The system has no random numbers to give.
    #[error("the system gives no random numbers: {0}")]
    NoRandomness(String),
}
