//! `gencomm log show`: messages of the log on standard output.

use std::io::Write;

use super::super::args::LogShowArgs;
use super::super::output::{Failure, colour, stdout};
use super::{Place, failed};
use crate::edge::wire::names::RoomName;
use crate::edge::wire::timestamp::Timestamp;
use crate::store::log::{Event, EventKind};
use crate::term::message::Message;
use crate::term::render::{self, Format, Look};
use crate::term::time::Clock;

/// How many are shown if nothing says which.
const LAST: u64 = 20;

/// Runs it.
pub(super) fn run(place: &Place<'_>, args: &LogShowArgs) -> Result<(), Failure> {
    let opened = place.read()?;
    let room = args.room.as_ref();
    let since = args.since.unwrap_or_default();
    let mut after = args.after.unwrap_or(0);
    let bounded = args.after.is_some() || args.since.is_some();
    if let Some(last) = args.last.or((!bounded).then_some(LAST)) {
        let from = opened.before_newest(room, after, since, last);
        after = from.map_err(failed)?;
        if last == 0 {
            return Ok(());
        }
    }
    let mut lines = Lines::new(args.format, room);
    let mut out = stdout();
    loop {
        let page = opened.page(room, after, since).map_err(failed)?;
        for event in &page.events {
            out.write_all(lines.of(event))?;
        }
        after = page.scanned_to;
        if !page.more {
            return Ok(out.flush()?);
        }
    }
}

/// Turns messages into lines.
struct Lines<'a> {
    format: Format,
    look: Look,
    /// The room that all of them are in, which need not be told each time.
    room: Option<&'a RoomName>,
    line: Vec<u8>,
}

impl<'a> Lines<'a> {
    fn new(format: Format, room: Option<&'a RoomName>) -> Self {
        let look = Look {
            clock: Clock::Full,
            colour: colour(),
        };
        Self {
            format,
            look,
            room,
            line: Vec::new(),
        }
    }

    fn of(&mut self, event: &Event) -> &[u8] {
        self.line.clear();
        let Some(message) = message(event) else {
            return &self.line;
        };
        if self.format == Format::Human {
            // The id is what `log remove` takes.
            let head = match self.room {
                Some(_) => format!("{:>6} ", event.id),
                None => format!("{:>6} #{} ", event.id, event.room),
            };
            self.line.extend_from_slice(head.as_bytes());
        }
        render::message(&message, self.format, self.look, &mut self.line);
        &self.line
    }
}

/// The message of an event; a removal has none.
pub(super) fn message(event: &Event) -> Option<Message> {
    let EventKind::Message(body) = &event.kind else {
        return None;
    };
    Some(Message {
        room: event.room.as_str().to_owned(),
        id: event.id,
        time: event.time,
        user: event.user.as_str().to_owned(),
        body: body.to_vec(),
    })
}

/// `time` for people.
pub(super) fn time(micros: u64) -> String {
    crate::term::time::shown(Timestamp::from_micros(micros), Clock::Full)
}
