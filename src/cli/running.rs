//! What commands share that ask a running server over its control socket.

use std::path::Path;

use super::args::Cli;
use super::output::Failure;
use crate::ops::control::ask::AskError;
use crate::store::log::inspect;

/// Why nobody answered, and what to do; `otherwise` is what else helps, with the process id if a server is there all the same.
pub(super) fn unanswered(
    cli: &Cli,
    folder: &Path,
    error: AskError,
    otherwise: impl FnOnce(&str) -> String,
) -> Failure {
    let shown = folder.display();
    let holder = inspect::holder(&folder.join("log")).ok().flatten();
    let text = match (error, holder) {
        (AskError::Nobody, None) => format!(
            "no server runs on {shown}; `gencomm serve --config {}` starts one. A server with another data folder is found with --data DIR",
            cli.config_dir().display()
        ),
        (error, Some(holder)) => {
            let pid = holder.pid.map_or("PID".to_owned(), |pid| pid.to_string());
            format!("{holder} serves {shown}, but {error}{}", otherwise(&pid))
        }
        (error, None) => format!("the server of {shown} could not be asked: {error}"),
    };
    Failure::Failed(text)
}
