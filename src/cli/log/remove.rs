//! `gencomm log remove ID`: one message's content overwritten on the disk, for good.

use std::io::Write;

use super::super::output::{Failure, stdout};
use super::{Place, failed, show};
use crate::edge::wire::names::UserName;
use crate::edge::wire::timestamp::Timestamp;
use crate::store::log::{EventKind, LogReader, LogStore, NewEvent, Outcome};

/// Runs it.
pub(super) fn run(place: &Place<'_>, id: u64) -> Result<(), Failure> {
    place.exists()?;
    let mut store = place.write()?;
    let reader = store.reader();
    let Some(event) = reader.get(id).map_err(failed)? else {
        return Err(not_there(&*reader, id));
    };
    let EventKind::Message(body) = &event.kind else {
        return Err(not_there(&*reader, id));
    };
    store.stage(NewEvent {
        room: event.room.clone(),
        user: UserName::repaired("").0,
        kind: EventKind::Removal(id),
        origin: 0,
        nonce: 0,
        tag: None,
        time: None,
    });
    let commit = store.commit(Timestamp::now()).map_err(failed)?;
    let removal = match commit.outcomes.first() {
        Some(Outcome::Stored { id, .. }) => *id,
        _ => return Err(not_there(&*reader, id)),
    };
    store.close().map_err(failed)?;
    let mut out = stdout();
    writeln!(
        out,
        "removed message {id} of {} in {} of {}: {} bytes of content overwritten on the disk; the removal is record {removal}",
        event.user,
        event.room,
        show::time(event.time.as_micros()),
        body.len(),
    )?;
    Ok(out.flush()?)
}

fn not_there(reader: &dyn LogReader, id: u64) -> Failure {
    let newest = reader.newest();
    let why = if id > newest {
        format!("the newest record is {newest}")
    } else {
        "it was removed already, has expired, or was never a message".to_owned()
    };
    Failure::Failed(format!("there is no message {id}: {why}"))
}
