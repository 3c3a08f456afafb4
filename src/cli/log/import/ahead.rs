//! Reading and parsing ahead of the log, on a thread of its own: while one group is on its way to the disk, the next ones are made ready.
//!
//! In: the file. Out: batches of what its lines are, in order. Memory is bounded by the batches that may wait.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;

use super::lines::{Found, Lines};
use super::record::{Body, Message, Names, Parsed, parse};

/// Read at once.
const READ_BYTES: usize = 256 * 1024;
/// A batch is handed over at so many lines, or bytes of lines.
const BATCH_LINES: usize = 2048;
const BATCH_BYTES: usize = 1 << 20;
/// Batches that wait for the log.
const BATCHES_WAITING: usize = 4;

/// What one line is, or what was read of one that is too long.
pub(super) enum Item {
    /// Empty.
    Blank,
    /// A message. Its line stands in the batch.
    Message {
        number: u64,
        line: Range<usize>,
        message: Message,
    },
    /// No record, and why. Its line stands in the batch.
    Rejected {
        number: u64,
        line: Range<usize>,
        why: String,
    },
    /// A piece of a line that is too long, its newline included; for the rejected lines.
    Piece(Vec<u8>),
    /// The end of such a line, of so many bytes.
    TooLong { number: u64, bytes: u64 },
}

/// Some lines.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) items: Vec<Item>,
    /// The lines that the items mean, without their newlines.
    pub(super) lines: Bytes,
    /// Bytes of the file read behind the last of them.
    pub(super) position: u64,
}

/// What the thread reads, and the thread: the file is at its end only if the thread has ended well.
pub(super) type Ahead = (Receiver<io::Result<Batch>>, JoinHandle<()>);

/// Starts the thread. It ends with the file, or when nobody takes its batches any more.
pub(super) fn read_ahead(file: File) -> io::Result<Ahead> {
    let (out, batches) = sync_channel(BATCHES_WAITING);
    let thread = std::thread::Builder::new()
        .name("log-import".to_owned())
        .spawn(move || read(file, &out))?;
    Ok((batches, thread))
}

fn read(source: impl Read, out: &SyncSender<io::Result<Batch>>) {
    let mut lines = Lines::new(BufReader::with_capacity(READ_BYTES, source));
    let mut names = Names::default();
    let mut filling = Filling {
        out,
        batch: Batch::default(),
        bytes: Vec::with_capacity(BATCH_BYTES),
    };
    loop {
        let item = match lines.next(&mut filling) {
            Ok(Found::End) => break,
            Ok(Found::TooLong(bytes)) => Item::TooLong {
                number: lines.number,
                bytes,
            },
            Ok(Found::Line) => filling.item(lines.number, &lines.bytes, &mut names),
            Err(error) => {
                // What was read before it counts.
                if filling.hand_over().is_ok() {
                    let _ = out.send(Err(error));
                }
                return;
            }
        };
        filling.batch.items.push(item);
        filling.batch.position = lines.position;
        if filling.is_full() && filling.hand_over().is_err() {
            return;
        }
    }
    let _ = filling.hand_over();
}

/// The batch being made.
struct Filling<'a> {
    out: &'a SyncSender<io::Result<Batch>>,
    batch: Batch,
    bytes: Vec<u8>,
}

impl Filling<'_> {
    fn item(&mut self, number: u64, line: &[u8], names: &mut Names) -> Item {
        let from = self.bytes.len();
        let place = from..from + line.len();
        match parse(number, line, names) {
            Parsed::Blank => Item::Blank,
            Parsed::Rejected(why) => {
                self.bytes.extend_from_slice(line);
                Item::Rejected {
                    number,
                    line: place,
                    why,
                }
            }
            Parsed::Message(mut message) => {
                self.bytes.extend_from_slice(line);
                if let Body::InLine(range) = &mut message.body {
                    *range = from + range.start..from + range.end;
                }
                Item::Message {
                    number,
                    line: place,
                    message,
                }
            }
        }
    }

    fn is_full(&self) -> bool {
        self.batch.items.len() >= BATCH_LINES || self.bytes.len() >= BATCH_BYTES
    }

    fn hand_over(&mut self) -> io::Result<()> {
        let mut batch = std::mem::take(&mut self.batch);
        batch.lines = std::mem::replace(&mut self.bytes, Vec::with_capacity(BATCH_BYTES)).into();
        let position = batch.position;
        self.batch.position = position;
        let sent = self.out.send(Ok(batch));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Takes the pieces of lines that are too long.
impl Write for Filling<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.batch.items.push(Item::Piece(bytes.to_vec()));
        // One at a time: each may be as large as what is read at once.
        self.hand_over()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
