//! `gencomm log verify`: everything read again and compared, as a table, with the first faults and what to do about them.
//!
//! It changes nothing and lets recovery change nothing first: what is damaged is to be seen as it is.

use std::fmt::Write as _;
use std::io::Write;

use super::super::output::{Failure, say, stdout};
use super::progress::{Unit, bar};
use super::{Place, failed};
use crate::store::log::inspect::{self, Audit, Check, Fault};

/// Faults shown in full.
const FAULTS_SHOWN: usize = 20;

/// Runs it.
pub(super) fn run(place: &Place<'_>) -> Result<(), Failure> {
    place.exists()?;
    let folder = place.folder();
    let holder = inspect::holder(folder).map_err(failed)?;
    let bar = bar(0, Unit::Bytes);
    let audit = inspect::audit(folder, holder.is_some(), |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let audit = audit.map_err(failed)?;
    // What the journal still holds, recovery writes again.
    let journal = inspect::journal_state(folder).map_err(failed)?;
    let kept_from = journal.iter().filter_map(|half| half.first_id).min();
    let mut out = stdout();
    out.write_all(table(&audit).as_bytes())?;
    if let Some(holder) = holder {
        writeln!(
            out,
            "read beside the server ({holder}), up to its last whole group"
        )?;
    }
    let held = journal
        .iter()
        .filter_map(|half| half.ids)
        .map(|ids| ids.1)
        .max();
    if let Some(held) = held.filter(|held| *held > audit.ids.1 && holder.is_none()) {
        writeln!(
            out,
            "note: the journal holds records up to {held}; the next start writes them into the segments"
        )?;
    }
    for note in &audit.notes {
        writeln!(out, "note: {note}")?;
    }
    for half in journal.iter().filter(|half| half.damaged_bytes > 0) {
        writeln!(
            out,
            "note: {}: {} damaged bytes; what stood there is in the segments unless they have a fault too",
            half.name, half.damaged_bytes
        )?;
    }
    out.flush()?;
    if audit.faults_count == 0 {
        writeln!(out, "clean")?;
        return Ok(out.flush()?);
    }
    drop(out);
    for fault in audit.faults.iter().take(FAULTS_SHOWN) {
        say(&told(fault, kept_from));
    }
    let shown = FAULTS_SHOWN.min(audit.faults.len()) as u64;
    if audit.faults_count > shown {
        say(&format!("and {} more", audit.faults_count - shown));
    }
    say(&format!(
        "gencomm: the log has {} faults",
        audit.faults_count
    ));
    Err(Failure::Told)
}

fn table(audit: &Audit) -> String {
    let mut text = format!("{:<28}{:>12}{:>10}\n", "", "checked", "faults");
    for check in Check::ALL {
        let (checked, faults) = audit.count(check);
        // Into a string: cannot fail.
        let _ = writeln!(text, "{:<28}{checked:>12}{faults:>10}", check.name());
    }
    let (first, newest) = audit.ids;
    let _ = writeln!(
        text,
        "records {}, ids {first} to {newest}, segments {}",
        audit.records, audit.segments
    );
    let mut head = String::with_capacity(64);
    for byte in audit.link {
        let _ = write!(head, "{byte:02x}");
    }
    let _ = writeln!(text, "chain head: group {}, link {head}", audit.group);
    text
}

fn told(fault: &Fault, kept_from: Option<u64>) -> String {
    let id = fault
        .id
        .map_or(String::new(), |id| format!(" (record {id})"));
    format!(
        "{} at byte {}{id}: {}\n    {}",
        fault.file.display(),
        fault.offset,
        fault.what,
        remedy(fault, kept_from)
    )
}

fn remedy(fault: &Fault, kept_from: Option<u64>) -> &'static str {
    if fault.check.is_derived() {
        return "nothing is lost: stop the server, delete this file and start again; it is made from the others";
    }
    match (fault.check, fault.id) {
        (_, Some(id)) if kept_from.is_some_and(|from| id >= from) => {
            "the journal may still hold it: start the server (again); recovery compares and writes it anew"
        }
        (Check::Removals, _) => "remove the message again: gencomm log remove ID",
        (Check::Floors, _) => {
            "the next start of the server writes it anew; until rooms have their retention again, expired messages that were not overwritten yet may be served"
        }
        (Check::Segments, _) => {
            "copy this segment's .log, .idx and .chain back from a backup; until then its records are not served"
        }
        (Check::RoomLinks, _) => {
            "the record itself is served; to repair it, copy this segment's files back from a backup"
        }
        (Check::Chain, _) => {
            "the order or completeness of these records is not proven; compare with a backup, and copy this segment's files back from it"
        }
        _ => {
            "the record is left out of all reads; to repair it, copy this segment's files back from a backup"
        }
    }
}
