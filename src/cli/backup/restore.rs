//! `gencomm restore SOURCE`: a data folder out of a backup, whole or not at all.

use std::io::Write;
use std::path::Path;

use super::{Named, figures, told};
use crate::cli::args::{Cli, RestoreArgs};
use crate::cli::log::configuration;
use crate::cli::output::{Failure, stdout};
use crate::store::backup;

/// Runs it.
pub fn run(cli: &Cli, args: &RestoreArgs) -> Result<(), Failure> {
    let to = match &args.to {
        Some(folder) => folder.clone(),
        None => configuration(cli)?.server.data_dir,
    };
    let mut named = Named::open(&args.source)?;
    let restored = backup::restore(named.source(), &to, args.config_to.as_deref());
    let restored = restored.map_err(told)?;
    let mut out = stdout();
    let manifest = &restored.checked.manifest;
    writeln!(
        out,
        "restored to {}: {}, {} records",
        to.display(),
        figures(manifest),
        restored.checked.records
    )?;
    match &restored.config[..] {
        [] => writeln!(
            out,
            "configuration: none was written; --config-to DIR does, if the backup holds one"
        )?,
        written => {
            for path in written {
                writeln!(out, "configuration: {}", Path::display(path))?;
            }
        }
    }
    writeln!(
        out,
        "the ids that may have been given after the backup stay free: new messages are numbered from far above them"
    )?;
    Ok(out.flush()?)
}
