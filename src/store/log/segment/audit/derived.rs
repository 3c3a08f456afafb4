//! The files beside the records: room postings of sealed segments and the room table, which are made from others, and the
//! floors of retention.

use std::path::Path;

use super::super::super::LogError;
use super::super::super::disk::Folder;
use super::super::files::{Part, io_error, part_path};
use super::super::floors as floors_file;
use super::super::rooms::{Figures, Postings, RoomsFile};
use super::super::rooms_table;
use super::{Audit, Carried, Check};

/// Compares a sealed segment's `.rooms` with what its index says; without postings only with itself.
pub(super) fn postings(
    folder: &Path,
    first_id: u64,
    figures: &Figures,
    postings: Option<&Postings>,
    audit: &mut Audit,
) -> Result<(), LogError> {
    let path = part_path(folder, first_id, Part::Rooms);
    if !path.exists() {
        audit.note(format!(
            "{} is not written (yet); readers take the index instead",
            path.display()
        ));
        return Ok(());
    }
    audit.checked(Check::Postings);
    let Some(file) = RoomsFile::open(&Folder::real(folder), first_id)? else {
        audit.fault(
            Check::Postings,
            &path,
            0,
            None,
            "the header or the length is wrong",
        );
        return Ok(());
    };
    if !file.is_whole() {
        audit.fault(
            Check::Postings,
            &path,
            64,
            None,
            "the checksum does not fit",
        );
        return Ok(());
    }
    let Some(postings) = postings else {
        return Ok(());
    };
    if file.figures != *figures {
        audit.fault(
            Check::Postings,
            &path,
            16,
            None,
            "its figures are not those of the index",
        );
    }
    if !agrees(&file, postings).map_err(io_error("read", &path))? {
        audit.fault(
            Check::Postings,
            &path,
            64,
            None,
            "it lists other records than the index",
        );
    }
    Ok(())
}

fn agrees(file: &RoomsFile, postings: &Postings) -> std::io::Result<bool> {
    if file.rooms() as usize != postings.len() {
        return Ok(false);
    }
    for n in 0..file.rooms() {
        let span = file.span(n)?;
        let listed = file.postings(span.first, span.first.saturating_add(span.count))?;
        if postings.get(&span.hash) != Some(&listed) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether both copies in `floors` can be read. What it says is in no other file, so there is nothing to compare it with.
pub(super) fn floors(folder: &Path, audit: &mut Audit) {
    let path = folder.join(floors_file::NAME);
    if !path.exists() {
        return;
    }
    audit.checked(Check::Floors);
    let found = floors_file::read(&Folder::real(folder));
    if let Some(why) = found.map_or(Some("it cannot be read"), |found| found.damage) {
        audit.fault(Check::Floors, &path, 0, None, why);
    }
}

/// Compares `rooms.table` with the newest ids met.
pub(super) fn room_table(folder: &Path, audit: &mut Audit, carried: &Carried) {
    let path = folder.join(rooms_table::NAME);
    if !path.exists() {
        return;
    }
    audit.checked(Check::RoomTable);
    let table = rooms_table::read(&Folder::real(folder));
    let table = match table.unwrap_or(Err("it cannot be read")) {
        Ok(table) => table,
        Err(why) => return audit.fault(Check::RoomTable, &path, 0, None, why),
    };
    // Written by a running server behind what was read here, it proves nothing; nor do rooms of lost entries.
    if carried.lost.is_some() || (carried.server_runs && table.as_of > carried.last_id) {
        return;
    }
    if table.as_of > carried.last_id {
        return audit.fault(Check::RoomTable, &path, 16, None, "it is ahead of the log");
    }
    for (room, newest) in &table.rooms {
        let wrong = match carried.rooms.get(room) {
            Some(met) => met < newest || (*met <= table.as_of && met != newest),
            None => *newest >= carried.first_id,
        };
        if wrong {
            let why = format!("{newest} is not the newest record of room {room}");
            audit.fault(Check::RoomTable, &path, 24, None, why);
        }
    }
    let missing = carried
        .rooms
        .iter()
        .find(|(room, met)| **met <= table.as_of && !table.rooms.contains_key(*room));
    if let Some((room, _)) = missing {
        let why = format!("room {room} is missing");
        audit.fault(Check::RoomTable, &path, 24, None, why);
    }
}
