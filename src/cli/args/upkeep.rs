//! Options of what looks after a server: its health, backups.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

/// Options of `health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// The server's data folder [default: server.data_dir of the configuration]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// How long the answer may take; the server counts as not healthy after that
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = super::wait)]
    pub timeout: Duration,
    /// As one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Options of `backup`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct BackupArgs {
    /// A folder that is not there yet, or empty; - for a stream on standard output
    #[arg(value_name = "DIR|-", required = true)]
    pub target: Option<PathBuf>,
    /// The data folder [default: server.data_dir of the configuration]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// What else to do with one.
    #[command(subcommand)]
    pub action: Option<BackupAction>,
}

/// What can be done with a backup that is there.
#[derive(Debug, Subcommand)]
pub enum BackupAction {
    /// Read a backup and say whether it is whole
    Verify {
        /// Its folder, its tar file, or - for standard input
        #[arg(value_name = "DIR|FILE|-")]
        source: PathBuf,
    },
}

/// Options of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The backup: its folder, its tar file, or - for standard input
    #[arg(value_name = "DIR|FILE|-")]
    pub source: PathBuf,
    /// The data folder to make [default: server.data_dir of the configuration]
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// A folder for the configuration files of the backup, which holds none yet [default: they are not restored]
    #[arg(long, value_name = "DIR")]
    pub config_to: Option<PathBuf>,
}
