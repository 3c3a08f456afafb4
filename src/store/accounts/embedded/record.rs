//! The audit log as rows.

use rusqlite::{Row, Transaction, params};

use super::super::{AuditEntry, AuditRecord, DETAIL_BYTES_MAX};
use super::fault::{Fault, page_rows, parsed, parsed_if, stored, stored_time, time};
use crate::edge::wire::names::RoomName;

/// Adds an entry, and lets the oldest go if there are more than `keep`.
pub(super) fn add(tx: &Transaction<'_>, entry: &AuditEntry, keep: u64) -> Result<(), Fault> {
    let mut add = tx.prepare_cached(
        "INSERT INTO audit (time, actor, address, action, room, subject, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    let id = add.insert(params![
        stored_time(entry.time),
        cut(&entry.actor),
        entry.address.map(|address| address.to_string()),
        cut(&entry.action),
        entry.room.as_ref().map(RoomName::as_str),
        entry.subject.as_deref().map(cut),
        cut(&entry.detail),
    ])?;
    let mut trim = tx.prepare_cached("DELETE FROM audit WHERE id <= ?")?;
    trim.execute([id.saturating_sub(stored(keep))])?;
    Ok(())
}

/// As much of a text as is kept.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(DETAIL_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

pub(super) fn page(
    tx: &Transaction<'_>,
    before: Option<u64>,
    count: usize,
) -> Result<Vec<AuditRecord>, Fault> {
    let mut find = tx.prepare_cached(
        "SELECT id, time, actor, address, action, room, subject, detail FROM audit
            WHERE id < ? ORDER BY id DESC LIMIT ?",
    )?;
    let before = before.map_or(i64::MAX, stored);
    let rows = find.query_map((before, page_rows(count)), read)?;
    let mut records: Vec<AuditRecord> = rows.collect::<Result<_, _>>()?;
    records.reverse();
    Ok(records)
}

fn read(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    Ok(AuditRecord {
        id: row.get(0)?,
        entry: AuditEntry {
            time: time(row, 1)?,
            actor: row.get(2)?,
            address: parsed_if(row, 3, str::parse::<std::net::IpAddr>)?,
            action: parsed(row, 4, |text| Ok::<_, String>(text.to_owned().into()))?,
            room: parsed_if(row, 5, RoomName::parse_kept)?,
            subject: row.get(6)?,
            detail: row.get(7)?,
        },
    })
}
