//! `gencomm certs make|show`: the certificate of the main port. Works beside a running server, which notices a new one by itself.

mod make;
mod show;

use super::args::{CertsAction, Cli};
use super::output::Failure;
use crate::ops::config::Config;

/// Runs it.
pub fn run(cli: &Cli, action: &CertsAction) -> Result<(), Failure> {
    // As the server reads it: a certificate where no server looks would help nobody.
    let config =
        Config::load(cli.config_dir()).map_err(|error| Failure::Usage(error.to_string()))?;
    match action {
        CertsAction::Make(args) => make::run(&config, args),
        CertsAction::Show { json } => show::run(&config, *json),
    }
}
