//! What the log-in is asked, and what it answers. No message that carries a secret can be printed.

use std::net::IpAddr;
use std::sync::Arc;

use actix::Message;
use zeroize::Zeroizing;

use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::names::UserName;
use crate::edge::wire::sasl::scram;
use crate::edge::wire::timestamp::Timestamp;
use crate::hub::messages::ClientRef;
use crate::hub::seat::Identity;

/// Somebody wants in; the answer is [`LogInDecided`](crate::hub::session::LogInDecided).
#[derive(Message)]
#[rtype(result = "()")]
pub struct LogIn {
    /// Whom to answer.
    pub client: ClientRef,
    /// From where.
    pub address: IpAddr,
    /// By what.
    pub by: Credentials,
}

/// What somebody has to show.
pub enum Credentials {
    /// A nickname.
    Guest(UserName),
    /// Name and password.
    Password {
        /// The name.
        user: UserName,
        /// The password as sent.
        password: Zeroizing<String>,
    },
    /// A token, a bot's or that of an earlier log-in.
    Token(Zeroizing<String>),
    /// The first message of SCRAM, read and checked.
    ScramFirst(Box<scram::Begun>),
    /// The second message of SCRAM.
    ScramFinal {
        /// What was kept from the first.
        exchange: Box<ScramExchange>,
        /// The message.
        message: String,
    },
    /// A verified client certificate in this name.
    Certificate(UserName),
}

/// A SCRAM log-in that waits for the client's proof. The client's actor keeps it, so nothing has to be remembered of clients that
/// never answer.
pub struct ScramExchange {
    /// The name as the client gave it, without regard to case; perhaps of nobody.
    pub(super) account: Arc<str>,
    /// Of the account whose keys these are; `None` if there is none.
    pub(super) epoch: Option<u32>,
    /// The rest.
    pub(super) exchange: scram::Exchange,
}

/// Somebody wants an account.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Register {
    /// Whom to answer.
    pub client: ClientRef,
    /// From where.
    pub address: IpAddr,
    /// Under which name.
    pub user: UserName,
    /// The password as sent.
    pub password: Zeroizing<String>,
    /// The code of an invitation, empty if there is none.
    pub invite: Zeroizing<String>,
}

/// Somebody who is logged in wants another password.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ChangePassword {
    /// Whom to answer.
    pub client: ClientRef,
    /// From where.
    pub address: IpAddr,
    /// Whose.
    pub account: Arc<str>,
    /// The account's epoch when the connection was let in.
    pub epoch: u32,
    /// The old one, which has to be right.
    pub old: Zeroizing<String>,
    /// The new one.
    pub new: Zeroizing<String>,
}

/// What became of one of these: what was granted, or why not.
pub type LogInResult = Result<Granted, (ErrorCode, String)>;

/// What was granted.
pub enum Granted {
    /// It is someone now.
    In {
        /// Who.
        identity: Identity,
        /// When the account was made; a guest has none.
        created: Option<Timestamp>,
        /// With which it can come back; empty where none is issued.
        resume_token: String,
        /// The last message of the mechanism, where it has one.
        last: Option<String>,
    },
    /// The mechanism goes on.
    Go {
        /// What to tell the client.
        message: String,
        /// To be given back with the client's answer.
        exchange: Box<ScramExchange>,
    },
    /// There is an account of this name.
    Registered(UserName),
    /// The password is another one; the account's epoch now.
    PasswordChanged {
        /// What the connection that asked is of from now on; all others are of an older one.
        epoch: u32,
    },
}
