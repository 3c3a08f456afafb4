//! Logging in: who one is, the secret that proves it, and the steps of the mechanisms.
//!
//! [`Credentials`] is what a person gave; [`LogIn`] takes the steps of one log-in, without I/O; [`enter`] takes them over a
//! connection, for programs that need no session. No secret is shown by Debug or in an error.

pub mod enter;
mod steps;

#[cfg(test)]
mod tests;

use std::fmt;

use zeroize::Zeroizing;

use crate::edge::wire::names::UserName;

pub use steps::{LogIn, TAG};

/// Who somebody is, and how that is proved.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name; a token names its account itself.
    pub user: UserName,
    /// The proof.
    pub secret: Secret,
}

/// How somebody proves who they are. Debug shows only which way it is.
#[derive(Clone)]
pub enum Secret {
    /// Not at all: a guest.
    Guest,
    /// By a password.
    Password {
        /// The password as it was typed.
        password: Zeroizing<String>,
        /// How it is told to the server.
        mechanism: Mechanism,
    },
    /// By a token that the server once gave out.
    Token(Zeroizing<String>),
}

/// How a password is told to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Mechanism {
    /// As it is, inside TLS
    #[default]
    Plain,
    /// SCRAM-SHA-256: both sides prove that they know it, and it does not travel
    Scram,
}

impl Credentials {
    /// A guest's.
    pub fn guest(user: UserName) -> Self {
        Self {
            user,
            secret: Secret::Guest,
        }
    }
}

impl From<UserName> for Credentials {
    fn from(user: UserName) -> Self {
        Self::guest(user)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guest => f.write_str("Guest"),
            Self::Password { mechanism, .. } => write!(f, "Password ({mechanism:?})"),
            Self::Token(_) => f.write_str("Token"),
        }
    }
}
