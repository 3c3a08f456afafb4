//! `gencomm tail`: the newest messages of a room on standard output, and with `--follow` those to come.

use std::io::Write;
use std::ops::ControlFlow;

use super::args::TailArgs;
use super::notes::Notes;
use super::output::{Failure, Output, colour, say, stdout};
use crate::edge::wire::gc2::range::JoinFrom;
use crate::term::endpoint::Endpoint;
use crate::term::history::{self, Wanted};
use crate::term::message::Message;
use crate::term::render::{self, Format, Look};
use crate::term::session::{Event, Session, start};
use crate::term::time::Clock;

/// Runs it.
pub async fn run(endpoint: Endpoint, args: &TailArgs) -> Result<(), Failure> {
    let mut printer = Printer {
        out: stdout(),
        format: args.format,
        look: Look {
            clock: Clock::Full,
            colour: colour(),
        },
        line: Vec::new(),
    };
    if args.follow {
        follow(endpoint, args, &mut printer).await
    } else {
        past(endpoint, args, &mut printer).await
    }
}

async fn past(endpoint: Endpoint, args: &TailArgs, printer: &mut Printer) -> Result<(), Failure> {
    let wanted = match args.since {
        Some(time) => Wanted::Since(time),
        None => Wanted::Last(args.last),
    };
    let broken = history::read(
        &endpoint,
        &args.client.room,
        wanted,
        |message| match printer.print(&message) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        },
    )
    .await?;
    match broken {
        Some(error) => Err(error),
        None => Ok(printer.out.flush()?),
    }
}

async fn follow(endpoint: Endpoint, args: &TailArgs, printer: &mut Printer) -> Result<(), Failure> {
    let from = match (args.since, args.last) {
        (Some(time), _) => JoinFrom::Since(time),
        (None, 0) => JoinFrom::Now,
        (None, last) => JoinFrom::Last(u32::try_from(last).unwrap_or(u32::MAX)),
    };
    let session = Session::new(endpoint.who, args.client.room.clone(), from);
    let mut notes = Notes::default();
    let mut live = start(endpoint.server, session);
    while let Some(event) = live.events.recv().await {
        match event {
            Event::Message(message) => printer.print(&message)?,
            event => {
                if let Some(note) = notes.of(&event) {
                    printer.out.flush()?;
                    say(&format!("gencomm: {note}"));
                }
            }
        }
        if live.events.is_empty() {
            printer.out.flush()?;
        }
    }
    printer.out.flush()?;
    Ok(live.end().await?)
}

struct Printer {
    out: Output,
    format: Format,
    look: Look,
    line: Vec<u8>,
}

impl Printer {
    fn print(&mut self, message: &Message) -> Result<(), Failure> {
        self.line.clear();
        render::message(message, self.format, self.look, &mut self.line);
        Ok(self.out.write_all(&self.line)?)
    }
}
