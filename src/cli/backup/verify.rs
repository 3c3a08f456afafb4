//! `gencomm backup verify SOURCE`: whether a backup could be restored. A stream is unpacked for that, into a folder that goes again.

use std::io::Write;
use std::path::Path;

use super::{Named, UNFINISHED, figures, told};
use crate::cli::output::{Failure, stdout};
use crate::store::backup::{Temporary, check_folder, unpack};

/// Runs it.
pub(super) fn run(source: &Path) -> Result<(), Failure> {
    let checked = match Named::open(source)? {
        Named::Folder(folder) => check_folder(&folder),
        mut stream @ Named::Stream(_) => {
            let to = Temporary::beside(&std::env::temp_dir(), UNFINISHED).map_err(told)?;
            unpack(stream.source(), to.path()).map_err(told)?;
            check_folder(to.path())
        }
    };
    let checked = checked.map_err(told)?;
    let mut out = stdout();
    writeln!(
        out,
        "whole: {}, {} records; every file, the chain of the log and the accounts were read",
        figures(&checked.manifest),
        checked.records
    )?;
    Ok(out.flush()?)
}
