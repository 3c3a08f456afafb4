//! Looking at a log without serving it: what the command line and the doctor ask.
//!
//! In: the options of a log. Out: a reader, figures, an audit, the state of its files. Where a server runs, nothing is locked or
//! changed; where none does, [`open`] first lets recovery complete what a crash left undone.

mod sizes;
#[cfg(test)]
mod tests;

pub(crate) use super::embedded::{HalfState, Holder, holder, journal_state};
pub(crate) use super::segment::Repaired;
pub(crate) use super::segment::audit::{Audit, Check, Fate, Fault, Head, NO_REASON, newest_head};
pub(crate) use sizes::{Sizes, sizes};

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::disk::Folder;
use super::embedded::{EmbeddedLog, EmbeddedOptions, journal_groups, look_beside, segment_options};
use super::segment::audit::Asked;
use super::segment::{Figures, SegmentReader, Segments, room_hash};
use super::{LogError, LogReader, LogStore, Page, PageQuery};
use crate::edge::wire::names::RoomName;
use crate::edge::wire::timestamp::Timestamp;

/// Events read in one go.
const PAGE_EVENTS: usize = 1000;
/// Bytes of bodies read in one go.
const PAGE_BYTES: usize = 4 << 20;

/// How a log was opened to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nobody wrote it; recovery has completed it.
    Recovered,
    /// A server writes it; this is what it was a moment ago.
    Beside(Holder),
    /// It may not be written to, so it is as it was left.
    AsLeft(String),
}

/// A log open to read.
pub(crate) struct Opened {
    /// How.
    pub(crate) access: Access,
    /// Its readers' side, as of the moment of opening.
    pub(crate) reader: Arc<SegmentReader>,
    // Owns the files that the reader reads.
    _segments: Segments,
}

/// What a room holds.
#[derive(Debug, Clone)]
pub(crate) struct RoomFigures {
    /// Its name.
    pub(crate) room: RoomName,
    /// Messages that are served.
    pub(crate) messages: u64,
    /// Id of the newest record, removals included.
    pub(crate) newest: u64,
}

/// Whether there is a log in `folder`.
pub(crate) fn exists(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("journal-") || name.ends_with(".log")
    })
}

/// Opens the log to read. The lock is given back before this returns, so a server may start meanwhile.
pub(crate) fn open(options: &EmbeddedOptions, log: &slog::Logger) -> Result<Opened, LogError> {
    let access = match holder(&options.folder)? {
        Some(holder) => Access::Beside(holder),
        None => recover(options, log)?,
    };
    read_only(options, access, log)
}

/// Opens the log to read as it is; no lock, no recovery.
pub(crate) fn open_as_left(
    options: &EmbeddedOptions,
    log: &slog::Logger,
) -> Result<Opened, LogError> {
    let access = Access::AsLeft("nothing is to be changed".to_owned());
    read_only(options, access, log)
}

/// Reads everything in `folder` again and compares it, and `heads` with the chain. `progress` is told the bytes of index read so far
/// and those to read in all.
pub(crate) fn audit(
    folder: &Path,
    server_runs: bool,
    heads: &[Head],
    progress: impl FnMut(u64, u64),
) -> Result<(Audit, [HalfState; 2]), LogError> {
    let (halves, journal) = journal_groups(folder)?;
    let asked = Asked {
        server_runs,
        heads,
        journal: &journal,
    };
    let mut audit = super::segment::audit::audit(folder, &asked, progress)?;
    if !server_runs {
        look_beside(folder, &halves, &mut audit)?;
    }
    Ok((audit, halves))
}

/// Lets recovery do what it can, then sets aside what is still damaged. Refuses while somebody else has the log.
pub(crate) fn repair(options: &EmbeddedOptions, log: &slog::Logger) -> Result<Repaired, LogError> {
    let mut store = EmbeddedLog::open(options.clone(), log.clone())?;
    store.close()?;
    let repaired = super::segment::repair(&Folder::real(&options.folder));
    // It has held the lock until here.
    drop(store);
    repaired
}

fn read_only(
    options: &EmbeddedOptions,
    access: Access,
    log: &slog::Logger,
) -> Result<Opened, LogError> {
    let mut segments = Segments::open_readonly(segment_options(options), log)?;
    segments.retain(Timestamp::now())?;
    Ok(Opened {
        access,
        reader: segments.reader(),
        _segments: segments,
    })
}

/// Completes what a crash left undone, if nobody writes the log.
pub(crate) fn recover(options: &EmbeddedOptions, log: &slog::Logger) -> Result<Access, LogError> {
    match EmbeddedLog::open(options.clone(), log.clone()).and_then(|mut store| store.close()) {
        Ok(()) => Ok(Access::Recovered),
        // A server came in between.
        Err(LogError::Locked { .. }) => Ok(Access::Beside(
            holder(&options.folder)?.unwrap_or(Holder { pid: None }),
        )),
        Err(LogError::Io { source, file, .. })
            if matches!(
                source.kind(),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            Ok(Access::AsLeft(format!("{file}: {source}")))
        }
        Err(error) => Err(error),
    }
}

impl Opened {
    /// One pass over the index.
    pub(crate) fn figures(&self) -> Result<Figures, LogError> {
        self.reader.figures()
    }

    /// The rooms of `figures`, the fullest first.
    pub(crate) fn rooms(&self, figures: &Figures) -> Vec<RoomFigures> {
        let named = self
            .reader
            .rooms_page(None, usize::MAX)
            .into_iter()
            .filter_map(|(room, _)| {
                let (messages, newest) = *figures.rooms.get(&room_hash(room.as_str()))?;
                Some(RoomFigures {
                    room,
                    messages,
                    newest,
                })
            });
        let mut rooms: Vec<_> = named.collect();
        rooms.sort_unstable_by(|a, b| {
            let fuller = b.messages.cmp(&a.messages);
            fuller.then_with(|| a.room.cmp(&b.room))
        });
        rooms
    }

    /// A page of messages behind `after`, oldest first.
    pub(crate) fn page(
        &self,
        room: Option<&RoomName>,
        after: u64,
        since: Timestamp,
    ) -> Result<Page, LogError> {
        self.reader.page(&PageQuery {
            after,
            since,
            ..query(room)
        })
    }

    /// The id behind which the newest `count` of the messages that match begin. Keeps no more than a page in memory.
    pub(crate) fn before_newest(
        &self,
        room: Option<&RoomName>,
        after: u64,
        since: Timestamp,
        count: u64,
    ) -> Result<u64, LogError> {
        let (mut left, mut before) = (count, u64::MAX);
        while left > 0 {
            let page = self.reader.page(&PageQuery {
                after,
                since,
                before,
                newest_first: true,
                events_max: PAGE_EVENTS.min(usize::try_from(left).unwrap_or(usize::MAX)),
                ..query(room)
            })?;
            let Some(oldest) = page.events.first() else {
                break;
            };
            before = oldest.id;
            left -= (page.events.len() as u64).min(left);
            if !page.more {
                break;
            }
        }
        Ok(after.max(before - 1))
    }
}

/// The query for the newest record alone, removals included.
pub(crate) fn newest_record() -> PageQuery {
    PageQuery {
        newest_first: true,
        with_removals: true,
        events_max: 1,
        ..query(None)
    }
}

fn query(room: Option<&RoomName>) -> PageQuery {
    PageQuery {
        room: room.cloned(),
        after: 0,
        before: u64::MAX,
        since: Timestamp::default(),
        newest_first: false,
        with_removals: false,
        events_max: PAGE_EVENTS,
        bytes_max: PAGE_BYTES,
    }
}
