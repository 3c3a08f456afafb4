//! Options of everything that calls a server: where it is, how to know it, who calls.
//!
//! A secret is never an argument, because every user of a machine can read those in the list of processes.

use std::path::PathBuf;

use clap::Args;

use super::user_name;
use crate::edge::wire::names::UserName;
use crate::term::endpoint::{room_or_direct, server_address};
use crate::term::login::Mechanism;
use crate::term::tls::Fingerprint;

/// Whom to call, as whom, about which room.
#[derive(Debug, Args)]
pub struct ClientArgs {
    /// Whom to call.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Your name [default: your login name]
    #[arg(long, value_name = "NAME", value_parser = user_name)]
    pub user: Option<UserName>,
    /// What proves it.
    #[command(flatten)]
    pub secret: SecretArgs,
    /// The room, or @NAME for a direct conversation
    #[arg(long, value_name = "ROOM", default_value = "lobby", value_parser = room_or_direct)]
    pub room: String,
}

/// Whom to call, and how to know that it is the right one.
#[derive(Debug, Args)]
pub struct ServerArgs {
    /// The server [default: listen.main of the configuration, or 127.0.0.1:10740]
    #[arg(long, value_name = "HOST:PORT", value_parser = server_address)]
    pub server: Option<String>,
    /// Use TLS [default: unless the server is on this machine]
    #[arg(long, conflicts_with = "plaintext")]
    pub tls: bool,
    /// Use no TLS; others on the way can read along, and no password is sent
    #[arg(long, conflicts_with_all = ["trust", "ca"])]
    pub plaintext: bool,
    /// Accept this certificate of the server (SHA-256, hexadecimal), and remember it
    #[arg(long, value_name = "FINGERPRINT")]
    pub trust: Option<Fingerprint>,
    /// Believe the authorities in this file (PEM) instead of those of the system
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

/// Where the secret comes from. Without any, one is a guest.
#[derive(Debug, Args)]
#[group(skip)]
pub struct SecretArgs {
    /// Ask for the password on the terminal
    #[arg(long, short = 'p', conflicts_with_all = ["password_stdin", "token_file"])]
    pub ask_password: bool,
    /// Read the password from the first line of standard input [or set GENCOMM_PASSWORD]
    #[arg(long, conflicts_with = "token_file")]
    pub password_stdin: bool,
    /// Log in with the token in this file [or set GENCOMM_TOKEN]
    #[arg(long, value_name = "FILE", conflicts_with = "mechanism")]
    pub token_file: Option<PathBuf>,
    /// How the password is told to the server [default: plain]
    #[arg(long, value_enum)]
    pub mechanism: Option<Mechanism>,
}

/// Options of `register`.
#[derive(Debug, Args)]
pub struct RegisterArgs {
    /// Whom to call.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The name of the new account
    #[arg(long, value_name = "NAME", value_parser = user_name)]
    pub user: UserName,
    /// The invitation is in this file [or set GENCOMM_INVITE]; it is no argument, since arguments are seen by everybody on the machine
    #[arg(long, value_name = "FILE")]
    pub invite_file: Option<PathBuf>,
    /// Read the password from the first line of standard input
    #[arg(long)]
    pub password_stdin: bool,
}

/// Options of `passwd`.
#[derive(Debug, Args)]
pub struct PasswdArgs {
    /// Whom to call.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Your name [default: your login name]
    #[arg(long, value_name = "NAME", value_parser = user_name)]
    pub user: Option<UserName>,
    /// Read the old password from the first line of standard input, the new one from the second
    #[arg(long)]
    pub password_stdin: bool,
    /// How the old password is told to the server
    #[arg(long, value_enum, default_value_t)]
    pub mechanism: Mechanism,
}
