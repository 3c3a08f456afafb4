//! The command line of `gencomm user` and `gencomm audit`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::edge::wire::names::UserName;
use crate::store::accounts::Role;
use crate::term::time;

/// Options of `user`.
#[derive(Debug, Args)]
pub struct UserArgs {
    /// The data folder [default: server.data_dir of the configuration]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Results as JSON, one object a line
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub action: UserAction,
}

/// What `user` can do.
#[derive(Debug, Subcommand)]
pub enum UserAction {
    /// Make an account; asks for its password twice
    ///
    /// A bot gets no password unless one is given with --password-stdin; it logs in with a token.
    Add(AddArgs),
    /// Set an account's password; what was logged in with the old one is logged out
    Passwd(PasswdArgs),
    /// Remove an account with its tokens and its roles in rooms
    ///
    /// Its messages stay. The name can be taken again.
    Remove(RemoveArgs),
    /// Print all accounts
    List,
    /// Let nobody use an account until it is restored; whoever does is disconnected
    Suspend(NameArgs),
    /// Let a suspended account be used again
    Restore(NameArgs),
    /// Say what an account is for
    Role(RoleArgs),
    /// Make, print or revoke an account's tokens, which programs log in with
    Token(TokenArgs),
    /// Make an invitation, with which somebody can open an account of their own
    ///
    /// Needs auth.registration = "invite". The code is printed once.
    Invite(InviteArgs),
}

/// An account that is there.
#[derive(Debug, Args)]
pub struct NameArgs {
    /// Its name
    #[arg(value_name = "NAME", value_parser = user_name)]
    pub name: UserName,
}

/// Options of `user add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Its name
    #[arg(value_name = "NAME", value_parser = user_name)]
    pub name: UserName,
    /// What it is for: admin, member or bot
    #[arg(long, value_name = "ROLE", default_value = "member", value_parser = Role::from_str)]
    pub role: Role,
    /// Take the password from standard input, one line
    #[arg(long)]
    pub password_stdin: bool,
    /// Even if people could take the name for another one
    #[arg(long)]
    pub allow_lookalike: bool,
}

/// Options of `user passwd`.
#[derive(Debug, Args)]
pub struct PasswdArgs {
    /// Its name
    #[arg(value_name = "NAME", value_parser = user_name)]
    pub name: UserName,
    /// Take the password from standard input, one line
    #[arg(long)]
    pub password_stdin: bool,
}

/// Options of `user remove`.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Its name
    #[arg(value_name = "NAME", value_parser = user_name)]
    pub name: UserName,
    /// Without asking
    #[arg(long)]
    pub yes: bool,
}

/// Options of `user role`.
#[derive(Debug, Args)]
pub struct RoleArgs {
    /// Its name
    #[arg(value_name = "NAME", value_parser = user_name)]
    pub name: UserName,
    /// admin, member or bot
    #[arg(value_name = "ROLE", value_parser = Role::from_str)]
    pub role: Role,
}

/// Options of `user token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The account's name
    #[arg(value_name = "NAME", value_parser = user_name)]
    pub name: UserName,
    /// What to do with its tokens.
    #[command(subcommand)]
    pub action: TokenAction,
}

/// What `user token` can do.
#[derive(Debug, Subcommand)]
pub enum TokenAction {
    /// Make a token and print it, this once
    Add {
        /// What it is for, such as ci
        #[arg(value_name = "TOKENNAME")]
        token: String,
        /// How long it lives, such as 90d
        #[arg(long, value_name = "TIME", default_value = "never", value_parser = Expiry::from_str)]
        expires: Expiry,
    },
    /// Print names and times of the tokens
    List,
    /// Make a token void, and log out whoever uses it
    Revoke {
        /// The token's name
        #[arg(value_name = "TOKENNAME")]
        token: String,
    },
}

/// Options of `user invite`.
#[derive(Debug, Args)]
pub struct InviteArgs {
    /// For how many accounts [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub uses: Option<u32>,
    /// How long it lives, such as 12h, or never [default: 7d]
    #[arg(long, value_name = "TIME", value_parser = Expiry::from_str)]
    pub expires: Option<Expiry>,
    /// What to do, if not make one.
    #[command(subcommand)]
    pub action: Option<InviteAction>,
}

/// What `user invite` can do beside making one.
#[derive(Debug, Subcommand)]
pub enum InviteAction {
    /// Print the invitations, without their codes
    List,
    /// Make an invitation void
    Revoke {
        /// Its number in the list
        #[arg(value_name = "NUMBER")]
        id: u64,
    },
}

/// Options of `audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// The data folder [default: server.data_dir of the configuration]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// How many of the newest entries
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub last: usize,
    /// As JSON, one object a line
    #[arg(long)]
    pub json: bool,
}

/// How long something lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// For ever.
    Never,
    /// For so long.
    After(Duration),
}

impl FromStr for Expiry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self::Never);
        }
        match time::age(text) {
            Some(life) if !life.is_zero() => Ok(Self::After(life)),
            _ => Err("give a number and a unit, such as 12h, 7d, 90d; or never".to_owned()),
        }
    }
}

fn user_name(text: &str) -> Result<UserName, String> {
    UserName::parse(text).map_err(|error| error.to_string())
}
