//! `gencomm log import FILE`: a `database.db` of the original system, with all its faults, as messages of this log.
//!
//! In: the file, read once, a line at a time. Out: messages with new ids, in groups; what is no record in `FILE.rejected`, and a
//! summary. Memory is bounded by a group and a few batches of lines, whatever the size of the file.

mod ahead;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod lines;
mod record;
mod rejects;

use std::fs::File;
use std::io::Write;
use std::path::Path;

use bytes::Bytes;

use super::super::args::LogImportArgs;
use super::super::output::{Failure, stdout};
use super::progress::{Unit, bar};
use super::{Place, file_failed};
use crate::edge::wire::timestamp::Timestamp;
use crate::store::log::{EventKind, LogError, LogStore, NewEvent, Outcome};
use ahead::{Batch, Item, read_ahead};
use lines::LINE_BYTES_MAX;
use record::{Body, Message};
use rejects::Rejects;

/// Messages committed at once.
const GROUP_MESSAGES: usize = 4096;
/// Bytes committed at once, if the journal takes as many.
const GROUP_BYTES: usize = 4 << 20;
/// Batches of lines whose messages are committed at once: of lines that are mostly rejected, few messages hold on to many.
const GROUP_BATCHES: usize = 16;
/// Most that a stored body is longer than its line: every byte as `\xHH`.
const GROWTH: usize = 4;
/// Most that a record takes beside its body.
const RECORD_BYTES: usize = 512;

/// Runs it.
pub(super) fn run(place: &Place<'_>, args: &LogImportArgs) -> Result<(), Failure> {
    let path = &args.file;
    let file = File::open(path).map_err(file_failed("opened", path))?;
    let length = file.metadata().map_or(0, |data| data.len());
    let mut store = match args.dry_run {
        true => None,
        false => Some(place.write()?),
    };
    let bar = bar(length, Unit::Bytes);
    let rejects = Rejects::new(path, args.dry_run, bar.clone())?;
    let mut import = Import {
        store: store.as_mut().map(|store| store as &mut dyn LogStore),
        rejects,
        held: Vec::new(),
        counts: Counts::default(),
    };
    let read = import.all(path, file, |position| bar.set_position(position));
    bar.finish_and_clear();
    let finished = import.rejects.finish();
    let counts = import.counts;
    let rejected = (import.rejects.count, import.rejects.path);
    if let Some(store) = &mut store {
        let closed = store
            .close()
            .map_err(|error| stopped(&counts, error.to_string()));
        read.and(closed)?;
    } else {
        read?;
    }
    finished?;
    let mut out = stdout();
    out.write_all(
        counts
            .summary(args.dry_run, rejected.0, &rejected.1)
            .as_bytes(),
    )?;
    if let Some(note) = retention(place, args.dry_run) {
        writeln!(out, "{note}")?;
    }
    Ok(out.flush()?)
}

/// One file being taken in.
struct Import<'a> {
    /// `None` in a dry run.
    store: Option<&'a mut dyn LogStore>,
    rejects: Rejects,
    /// Numbers and bytes of the lines of the staged messages, in case one is refused.
    held: Vec<(u64, Bytes)>,
    counts: Counts,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    imported: u64,
    blank: u64,
    repaired: u64,
    /// First and last new id; 0 while there is none.
    ids: (u64, u64),
    /// The last line whose message is stored, or that needed no storing.
    line: u64,
}

impl Import<'_> {
    fn all(
        &mut self,
        path: &Path,
        file: File,
        mut progress: impl FnMut(u64),
    ) -> Result<(), Failure> {
        let (batches, reader) = read_ahead(file).map_err(file_failed("read on a thread", path))?;
        // What is staged holds on to the batches that it came in.
        let mut batches_held = 0;
        for batch in batches {
            match batch {
                Ok(batch) => {
                    let position = batch.position;
                    self.batch(batch)?;
                    batches_held += 1;
                    if batches_held >= GROUP_BATCHES {
                        self.commit()?;
                    }
                    if self.held.is_empty() {
                        batches_held = 0;
                    }
                    progress(position);
                }
                Err(error) => {
                    self.commit()?;
                    let why = format!("{} cannot be read on: {error}", path.display());
                    return Err(stopped(&self.counts, why));
                }
            }
        }
        self.commit()?;
        reader.join().map_err(|_| {
            let why = format!("reading {} failed on our side", path.display());
            stopped(&self.counts, why)
        })
    }

    fn batch(&mut self, batch: Batch) -> Result<(), Failure> {
        for item in batch.items {
            match item {
                Item::Blank => self.counts.blank += 1,
                Item::Rejected { number, line, why } => {
                    let line = batch.lines.get(line).unwrap_or_default();
                    self.rejects.keep(number, &why, line)?;
                }
                Item::Piece(bytes) => {
                    if let Err(error) = self.rejects.write_all(&bytes) {
                        self.commit()?;
                        let file = self.rejects.path.display();
                        let why = format!("{file} cannot be written: {error}");
                        return Err(stopped(&self.counts, why));
                    }
                }
                Item::TooLong { number, bytes } => {
                    let why = format!("{bytes} bytes; a line may have {LINE_BYTES_MAX}");
                    self.rejects.tell(number, &why);
                }
                Item::Message {
                    number,
                    line,
                    message,
                } => {
                    self.counts.repaired += u64::from(message.repaired);
                    let body = match &message.body {
                        Body::InLine(range) => batch.lines.slice(range.clone()),
                        Body::Own(own) => Bytes::copy_from_slice(own),
                    };
                    self.stage(number, batch.lines.slice(line), message, body)?;
                }
            }
        }
        Ok(())
    }

    fn stage(
        &mut self,
        number: u64,
        line: Bytes,
        message: Message,
        body: Bytes,
    ) -> Result<(), Failure> {
        let Some(store) = &mut self.store else {
            self.counts.imported += 1;
            return Ok(());
        };
        let most = GROUP_BYTES.min(store.group_bytes_max());
        let bytes = store.staged_bytes() + line.len() * GROWTH + RECORD_BYTES;
        if self.held.len() >= GROUP_MESSAGES || (bytes > most && !self.held.is_empty()) {
            self.commit()?;
        }
        if let Some(store) = &mut self.store {
            store.stage(NewEvent {
                room: message.room,
                user: message.user,
                kind: EventKind::Message(body),
                origin: 0,
                nonce: 0,
                tag: None,
                time: Some(message.time),
            });
            self.held.push((number, line));
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Failure> {
        let Some(store) = &mut self.store else {
            return Ok(());
        };
        if self.held.is_empty() {
            return Ok(());
        }
        let commit = store
            .commit(Timestamp::now())
            .map_err(|error: LogError| stopped(&self.counts, error.to_string()))?;
        for ((number, line), outcome) in self.held.drain(..).zip(commit.outcomes) {
            let why = match outcome {
                Outcome::Stored { id, .. } => {
                    self.counts.imported += 1;
                    self.counts.ids.1 = id;
                    if self.counts.ids.0 == 0 {
                        self.counts.ids.0 = id;
                    }
                    self.counts.line = number;
                    continue;
                }
                Outcome::Limit(key) => format!("refused by {key}; set it higher"),
                other => format!("refused by the log ({other:?})"),
            };
            self.rejects.keep(number, &why, &line)?;
        }
        Ok(())
    }
}

impl Counts {
    fn summary(&self, dry_run: bool, rejected: u64, file: &Path) -> String {
        let mut text = format!(
            "{} {}, blank {}, rejected {rejected}",
            if dry_run { "would import" } else { "imported" },
            self.imported,
            self.blank
        );
        if rejected > 0 && !dry_run {
            text.push_str(&format!(" (see {})", file.display()));
        }
        text.push_str(&format!(", names repaired {}", self.repaired));
        if self.ids.0 > 0 {
            text.push_str(&format!(", ids {}..{}", self.ids.0, self.ids.1));
        }
        text.push_str(match (dry_run, self.imported) {
            (true, _) => "\ndry run: nothing was stored\n",
            (false, 0) => "\n",
            (false, _) => "\nimporting the same file again would store it a second time\n",
        });
        text
    }
}

/// The failure of an import that has begun: what is stored stays, so the rest must be taken from behind it.
fn stopped(counts: &Counts, why: String) -> Failure {
    Failure::Failed(match counts.imported {
        0 => format!("{why}; nothing was imported"),
        count => format!(
            "{why}; {count} messages up to line {} are imported (ids {}..{}): import only what is behind it, as with tail -n +{}",
            counts.line,
            counts.ids.0,
            counts.ids.1,
            counts.line + 1
        ),
    })
}

/// Old messages do not live long where retention is set.
fn retention(place: &Place<'_>, dry_run: bool) -> Option<String> {
    let storage = &place.reads_config.storage;
    let set = [
        ("storage.retain_age", !storage.retain_age.is_zero()),
        ("storage.retain_messages", storage.retain_messages > 0),
        ("storage.retain_bytes", storage.retain_bytes > 0),
    ];
    let keys: Vec<&str> = set.iter().filter(|key| key.1).map(|key| key.0).collect();
    (!keys.is_empty() && !dry_run).then(|| {
        format!(
            "{} applies to imported messages too: what is over it goes when the server runs",
            keys.join(", ")
        )
    })
}
