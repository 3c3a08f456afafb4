//! One file a subcommand; each parses nothing, it is handed its options.
//!
//! [`args`] is the command line itself, [`client`] what those that call a server share ([`secrets`] proves who calls,
//! [`trust`] whom), [`output`] their way out.

pub mod args;
pub mod audit;
pub mod backup;
pub mod certs;
pub mod chat;
pub mod client;
pub mod config;
pub mod counters;
pub mod doctor;
pub mod health;
pub mod input;
pub mod log;
mod notes;
pub mod output;
pub mod passwd;
pub mod register;
pub mod reload;
mod running;
pub mod secrets;
pub mod send;
pub mod serve;
pub mod tail;
pub mod trust;
pub mod user;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command, ConfigAction};

/// Runs the program with its arguments, its own name first. Exit codes: 0 done, 1 failed, 2 usage or configuration.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help for a reader that has gone away, or an error that nobody sees.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    ExitCode::from(dispatch(&cli))
}

fn dispatch(cli: &Cli) -> u8 {
    let dir = cli.config_dir();
    let result = match &cli.command {
        Command::Chat(args) => client::with_endpoint(cli, &args.client, |at| chat::run(at, args)),
        Command::Send(args) => client::with_endpoint(cli, &args.client, |at| send::run(at, args)),
        Command::Tail(args) => client::with_endpoint(cli, &args.client, |at| tail::run(at, args)),
        Command::Register(args) => register::run(cli, args),
        Command::Passwd(args) => passwd::run(cli, args),
        Command::Serve(_) => serve::run(dir),
        Command::Health(args) => return health::run(cli, args),
        Command::Counters(args) => counters::run(cli, args),
        Command::Reload(args) => reload::run(cli, args),
        Command::Config(args) => {
            return match args.action {
                ConfigAction::Check => config::check(dir),
                ConfigAction::Default => config::default(),
                ConfigAction::Show => config::show(dir),
            };
        }
        Command::Log(args) => log::run(cli, args),
        Command::Backup(args) => backup::run(cli, args),
        Command::Restore(args) => backup::restore(cli, args),
        Command::User(args) => user::run(cli, args),
        Command::Audit(args) => audit::run(cli, args),
        Command::Certs(args) => certs::run(cli, &args.action),
        Command::Doctor(args) => doctor::run(dir, args.json),
    };
    output::exit_code(result)
}
