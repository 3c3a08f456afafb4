//! `gencomm reload`: has a running server read its configuration again. In: where the server's data is. Out: its answer. Exit code 1 if the
//! configuration is wrong or no server runs there.

use std::io::Write;

use super::args::{Cli, ReloadArgs};
use super::log::configuration;
use super::output::{Failure, stdout};
use super::running::unanswered;
use crate::ops::config::{data_dir_hint, process_environment};
use crate::ops::control::ask::ask;

/// Asks the server of the data folder that the options or the configuration name.
pub fn run(cli: &Cli, args: &ReloadArgs) -> Result<(), Failure> {
    // The server reads its own; this tells where it is.
    let (folder, wrong) = match &args.data {
        Some(folder) => (folder.clone(), None),
        None => match configuration(cli) {
            Ok(config) => (config.server.data_dir, None),
            // A server that is there has to hear of it too: it tells, and logs, what keeps it as it was.
            Err(wrong) => {
                let hint = data_dir_hint(cli.config_dir(), &process_environment());
                (hint, Some(wrong))
            }
        },
    };
    let answer = ask(&folder, "reload").map_err(|error| match wrong {
        None => unanswered(cli, &folder, error, |pid| {
            format!("; `kill -HUP {pid}` has it read its configuration as well")
        }),
        Some(wrong) => Failure::Failed(format!(
            "no server was asked, since the configuration is wrong:\n{wrong}"
        )),
    })?;
    if !answer.is_ok {
        let problems = answer.lines.join("\n");
        return Err(Failure::Failed(format!(
            "the server goes on with the configuration it had:\n{problems}"
        )));
    }
    let mut out = stdout();
    for line in &answer.lines {
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}
