//! `gencomm audit`: the newest entries of the audit log, for people or as JSON.

use std::io::Write;

use serde::Serialize;

use super::args::Cli;
use super::output::{Failure, stdout};
use super::user::args::AuditArgs;
use super::user::{Place, failed, seconds, shown_time};
use crate::store::accounts::{Accounts, AuditRecord, PAGE_MAX};
use crate::term::render::sanitized;

#[derive(Serialize)]
struct Line<'a> {
    id: u64,
    time: f64,
    actor: &'a str,
    address: Option<String>,
    action: &'a str,
    room: Option<&'a str>,
    subject: Option<&'a str>,
    detail: &'a str,
}

/// Runs it.
pub fn run(cli: &Cli, args: &AuditArgs) -> Result<(), Failure> {
    let place = Place::of(cli, args.data.as_deref(), args.json)?;
    let mut accounts = place.open_existing()?;
    let mut out = stdout();
    // From the newest back to where printing begins, then forward: pages are bounded, what is wanted may be more.
    let mut pages: Vec<Vec<AuditRecord>> = Vec::new();
    let mut left = args.last;
    let mut before = None;
    while left > 0 {
        let page = accounts
            .audit_page(before, left.min(PAGE_MAX))
            .map_err(failed)?;
        let Some(oldest) = page.first() else {
            break;
        };
        before = Some(oldest.id);
        left -= page.len().min(left);
        pages.push(page);
    }
    for record in pages.iter().rev().flatten() {
        if place.json {
            place.print_json(&mut out, &line(record))?;
        } else {
            writeln!(out, "{}", for_people(record))?;
        }
    }
    Ok(out.flush()?)
}

fn line(record: &AuditRecord) -> Line<'_> {
    let entry = &record.entry;
    Line {
        id: record.id,
        time: seconds(entry.time),
        actor: &entry.actor,
        address: entry.address.map(|address| address.to_string()),
        action: &entry.action,
        room: entry.room.as_ref().map(|room| room.as_str()),
        subject: entry.subject.as_deref(),
        detail: &entry.detail,
    }
}

fn for_people(record: &AuditRecord) -> String {
    let entry = &record.entry;
    let mut words = vec![shown_time(entry.time), entry.actor.clone()];
    words.extend(entry.address.map(|address| format!("from {address}")));
    words.push(entry.action.to_string());
    words.extend(entry.subject.clone());
    words.extend(entry.room.as_ref().map(|room| format!("in {room}")));
    if !entry.detail.is_empty() {
        words.push(format!("({})", entry.detail));
    }
    // Others wrote some of this.
    sanitized(&words.join("  ")).into()
}
