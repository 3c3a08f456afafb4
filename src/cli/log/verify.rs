//! `gencomm log verify`: everything read again and compared, as a table, with the first faults and what to do about them.
//!
//! It changes nothing and lets recovery change nothing first: what is damaged is to be seen as it is.

use std::fmt::Write as _;
use std::io::Write;

use super::super::args::LogVerifyArgs;
use super::super::output::{Failure, say, stdout};
use super::progress::{Unit, bar};
use super::{Place, failed};
use crate::store::log::inspect::{self, Audit, Check, Fault, Head, NO_REASON};

mod heads;

/// Faults shown in full.
const FAULTS_SHOWN: usize = 20;
/// Ranges of lost records shown.
const RANGES_SHOWN: usize = 20;

/// Runs it.
pub(super) fn run(place: &Place<'_>, args: &LogVerifyArgs) -> Result<(), Failure> {
    place.exists()?;
    let wanted = heads::asked_for(args)?;
    let folder = place.folder();
    let holder = inspect::holder(folder).map_err(failed)?;
    let bar = bar(0, Unit::Bytes);
    let audit = inspect::audit(folder, holder.is_some(), &wanted, |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let (audit, journal) = audit.map_err(failed)?;
    // What the journal still holds, recovery writes again.
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
    if audit.expired_count > 0 {
        writeln!(
            out,
            "note: {} messages are overwritten because they expired in their room; no record says so, only the file `floors`",
            audit.expired_count
        )?;
    }
    let heads_hold = heads::tell(&mut out, &audit)?;
    if audit.lost_count > 0 {
        writeln!(
            out,
            "lost: {} records, set aside by `gencomm log repair`: {}",
            audit.lost_count,
            ranges_text(&audit.lost)
        )?;
    }
    out.flush()?;
    let as_known = audit.lost_count <= args.known_lost;
    if audit.faults_count == 0 && heads_hold && as_known {
        let how = if audit.lost_count > 0 {
            "clean but for the lost records"
        } else {
            "clean"
        };
        writeln!(out, "{how}")?;
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
    if audit.faults_count > 0 {
        say(&format!(
            "gencomm: the log has {} faults",
            audit.faults_count
        ));
    }
    if !heads_hold {
        say("gencomm: the log is not the one of the heads; see above");
    }
    if !as_known {
        say(&format!(
            "gencomm: {} records are lost, {} are known to be",
            audit.lost_count, args.known_lost
        ));
    }
    Err(Failure::Told)
}

/// `5, 17 to 19`.
pub(super) fn ranges_text(ranges: &[(u64, u64)]) -> String {
    let mut words: Vec<String> = ranges
        .iter()
        .take(RANGES_SHOWN)
        .map(|(from, to)| match to {
            to if to == from => from.to_string(),
            to => format!("{from} to {to}"),
        })
        .collect();
    if ranges.len() > RANGES_SHOWN {
        words.push("and others".to_owned());
    }
    words.join(", ")
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
    if audit.group > 0 {
        let head = Head {
            group: audit.group,
            newest_id: newest,
            link: audit.link,
        };
        let _ = writeln!(text, "chain head: {head}");
    }
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
        (Check::Journal, _) => {
            "start the server: the damaged bytes go to quarantine/, and what stood there is in the segments unless they have a fault too"
        }
        (Check::Ids, _) => {
            "start the server: ids are left out, so that none is given twice, and the file is written anew"
        }
        (Check::Tags, _) => {
            "start the server: what cannot be read is left out; messages sent again from before that may be stored twice"
        }
        (Check::Floors, _) => {
            "the next start of the server writes it anew; until rooms have their retention again, expired messages that were not overwritten yet may be served"
        }
        (Check::Removals, _) if fault.what == NO_REASON => {
            "start the server: if the file `floors` was lost, it finds again what has expired. If this stays, somebody overwrote the message without the server: copy this segment's files back from a backup, or mark it as lost: `gencomm log repair`"
        }
        (Check::Removals, _) => {
            "stop the server and run `gencomm log repair`, which overwrites the content again"
        }
        (Check::Segments, _) => {
            "stop the server and copy this segment's .log, .idx and .chain back from a backup; if there is none, `gencomm log repair` makes again what can be made; until then its records are not served"
        }
        (Check::RoomLinks, _) => {
            "the record itself is served; to repair it, copy this segment's files back from a backup"
        }
        (Check::Chain, _) => {
            "the order or completeness of these records is not proven; copy this segment's files back from a backup, or let `gencomm log repair` compute what can be computed"
        }
        _ => {
            "it is left out of all reads that meet it; stop the server and copy this segment's files back from a backup; if there is none, `gencomm log repair` sets it aside and marks it as lost"
        }
    }
}
