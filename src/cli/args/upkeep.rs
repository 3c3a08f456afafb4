//! Options of what is asked of a running server from beside it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

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
