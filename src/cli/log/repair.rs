//! `gencomm log repair`: what is damaged set aside and marked, what can be made again made again.

use std::io::Write;

use super::super::output::{Failure, stdout};
use super::verify::ranges_text;
use super::{Place, failed};
use crate::store::log::inspect;

/// Runs it.
pub(super) fn run(place: &Place<'_>) -> Result<(), Failure> {
    place.exists()?;
    let done = inspect::repair(&place.options, &place.log).map_err(failed)?;
    let mut out = stdout();
    if done.lost.is_empty() && done.renewed.is_empty() {
        writeln!(out, "nothing to repair")?;
    }
    for path in &done.renewed {
        writeln!(
            out,
            "made again, or deleted to be made at the next start: {}",
            path.display()
        )?;
    }
    if !done.lost.is_empty() {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for id in &done.lost {
            match ranges.last_mut() {
                Some((_, to)) if *to + 1 == *id => *to = *id,
                _ => ranges.push((*id, *id)),
            }
        }
        writeln!(
            out,
            "marked as lost: {} records: {}",
            done.lost.len(),
            ranges_text(&ranges)
        )?;
    }
    for path in &done.aside {
        writeln!(out, "copy of what was damaged: {}", path.display())?;
    }
    if !done.aside.is_empty() {
        writeln!(
            out,
            "the note beside the copies says what they were: {}",
            place.folder().join("quarantine/notes").display()
        )?;
    }
    let (audit, _) = inspect::audit(place.folder(), false, &[], |_, _| {}).map_err(failed)?;
    if audit.faults_count > 0 {
        out.flush()?;
        return Err(Failure::Failed(format!(
            "{} faults are left that only a backup can mend; `gencomm log verify` names them",
            audit.faults_count
        )));
    }
    if audit.lost_count > 0 {
        writeln!(
            out,
            "{} records are lost in all; `gencomm log verify --known-lost {}` tells whether more go",
            audit.lost_count, audit.lost_count
        )?;
    }
    Ok(out.flush()?)
}
