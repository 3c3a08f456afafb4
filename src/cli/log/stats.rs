//! `gencomm log stats`: what the log holds and what it takes.

use std::fmt::Write as _;
use std::io::Write;

use serde::Serialize;

use super::super::output::{Failure, stdout};
use super::{Place, failed, newest, progress, show};
use crate::store::log::inspect::{self, Access, HalfState, RoomFigures, Sizes};

/// Rooms listed.
const ROOMS_SHOWN: usize = 20;

#[derive(Serialize)]
struct Stats {
    folder: String,
    writer: Option<u32>,
    messages: u64,
    removed: u64,
    removals: u64,
    damaged: u64,
    segments: usize,
    first_id: u64,
    newest_id: u64,
    first_time: f64,
    newest_time: f64,
    rooms: usize,
    fullest_rooms: Vec<Room>,
    bytes: Sizes,
    bytes_total: u64,
    journal: Vec<Half>,
    tags: u64,
    quarantined_files: u64,
}

#[derive(Serialize)]
struct Room {
    room: String,
    messages: u64,
    newest_id: u64,
}

#[derive(Serialize)]
struct Half {
    name: &'static str,
    bytes: u64,
    generation: u64,
    groups: usize,
    first_id: Option<u64>,
    newest_id: Option<u64>,
    torn_bytes: usize,
    damaged_bytes: usize,
}

/// Runs it.
pub(super) fn run(place: &Place<'_>, json: bool) -> Result<(), Failure> {
    let opened = place.read()?;
    let figures = opened.figures().map_err(failed)?;
    let rooms = opened.rooms(&figures);
    let sizes = inspect::sizes(place.folder()).map_err(failed)?;
    let journal = inspect::journal_state(place.folder()).map_err(failed)?;
    let stats = Stats {
        folder: place.folder().display().to_string(),
        writer: match opened.access {
            Access::Beside(holder) => holder.pid,
            _ => None,
        },
        messages: figures.messages,
        removed: figures.removed,
        removals: figures.removals,
        damaged: figures.damaged,
        segments: figures.segments,
        first_id: figures.ids.0,
        newest_id: newest(&opened),
        first_time: figures.times.0 as f64 / 1e6,
        newest_time: figures.times.1 as f64 / 1e6,
        rooms: rooms.len(),
        fullest_rooms: rooms.iter().take(ROOMS_SHOWN).map(Room::from).collect(),
        bytes: sizes,
        bytes_total: sizes.total(),
        journal: journal.iter().map(Half::from).collect(),
        tags: sizes.tags_count,
        quarantined_files: sizes.quarantine_files,
    };
    let mut out = stdout();
    if json {
        let text = serde_json::to_string(&stats);
        let text = text.map_err(|error| Failure::Failed(error.to_string()))?;
        writeln!(out, "{text}")?;
    } else {
        out.write_all(for_people(&stats, figures.times).as_bytes())?;
    }
    Ok(out.flush()?)
}

impl From<&RoomFigures> for Room {
    fn from(figures: &RoomFigures) -> Self {
        Self {
            room: figures.room.as_str().to_owned(),
            messages: figures.messages,
            newest_id: figures.newest,
        }
    }
}

impl From<&HalfState> for Half {
    fn from(state: &HalfState) -> Self {
        Self {
            name: state.name,
            bytes: state.file_bytes,
            generation: state.generation,
            groups: state.groups,
            first_id: state.ids.map(|ids| ids.0),
            newest_id: state.ids.map(|ids| ids.1),
            torn_bytes: state.torn_bytes,
            damaged_bytes: state.damaged_bytes,
        }
    }
}

fn for_people(stats: &Stats, times: (u64, u64)) -> String {
    let mut rows: Vec<(&str, String)> = vec![
        ("folder", stats.folder.clone()),
        (
            "written by",
            stats
                .writer
                .map_or("nobody now".to_owned(), |pid| format!("process {pid}")),
        ),
        (
            "messages",
            format!(
                "{} (and {} removed or expired in their room, with {} removal records)",
                stats.messages, stats.removed, stats.removals
            ),
        ),
    ];
    if stats.damaged > 0 {
        rows.push((
            "damaged",
            format!("{} index entries; run `gencomm log verify`", stats.damaged),
        ));
    }
    if stats.newest_id > 0 {
        let (first, newest) = (show::time(times.0), show::time(times.1));
        rows.push(("ids", format!("{} to {}", stats.first_id, stats.newest_id)));
        rows.push(("times", format!("{first} to {newest}")));
    }
    let bytes = &stats.bytes;
    rows.push(("on disk", progress::bytes(stats.bytes_total)));
    rows.push((
        "  text",
        format!(
            "{} in {} segments",
            progress::bytes(bytes.text),
            stats.segments
        ),
    ));
    for (name, count) in [
        ("  index", bytes.index),
        ("  chain", bytes.chain),
        ("  rooms", bytes.rooms),
        ("  journal", bytes.journal),
        ("  tags", bytes.tags),
        ("  quarantine", bytes.quarantine),
        ("  other", bytes.other),
    ] {
        rows.push((name, progress::bytes(count)));
    }
    for half in &stats.journal {
        rows.push((half.name, half_text(half)));
    }
    rows.push(("send-once tags", stats.tags.to_string()));
    if stats.quarantined_files > 0 {
        let text = format!(
            "{} files; what recovery cut, with the reason",
            stats.quarantined_files
        );
        rows.push(("quarantined", text));
    }
    rows.push(("rooms", stats.rooms.to_string()));
    let mut text = String::new();
    for (name, value) in rows {
        // Into a string: cannot fail.
        let _ = writeln!(text, "{name:<16}{value}");
    }
    for room in &stats.fullest_rooms {
        let _ = writeln!(
            text,
            "  {:<24} {:>12} messages, newest record {}",
            room.room, room.messages, room.newest_id
        );
    }
    if stats.rooms > stats.fullest_rooms.len() {
        let _ = writeln!(
            text,
            "  and {} more",
            stats.rooms - stats.fullest_rooms.len()
        );
    }
    text
}

fn half_text(half: &Half) -> String {
    if half.bytes == 0 {
        return "missing; the next start makes it".to_owned();
    }
    let mut text = match (half.first_id, half.newest_id) {
        (Some(first), Some(newest)) => {
            format!("{} groups, ids {first} to {newest}", half.groups)
        }
        _ => "no group".to_owned(),
    };
    let _ = write!(text, ", generation {}", half.generation);
    if half.torn_bytes > 0 {
        let _ = write!(text, ", {} bytes of an unfinished write", half.torn_bytes);
    }
    if half.damaged_bytes > 0 {
        let _ = write!(text, ", {} damaged bytes", half.damaged_bytes);
    }
    text
}
