//! A hostile server: whatever it says, a client goes on to speak the protocol, and a terminal is told nothing that it obeys.

use std::collections::VecDeque;
use std::time::Duration;

use super::notes::Notes;
use crate::edge::wire::gc2::command;
use crate::edge::wire::gc2::range::JoinFrom;
use crate::edge::wire::gc2::server_line::{self, ServerLine};
use crate::edge::wire::names::UserName;
use crate::fuzzing::Input;
use crate::term::connection::Link;
use crate::term::error::TermError;
use crate::term::message::Message;
use crate::term::render::{self, Format, Look};
use crate::term::session::state::Verdict;
use crate::term::session::{Event, Query, Session};
use crate::term::time::Clock;

const LOOK: Look = Look {
    clock: Clock::Full,
    colour: false,
};
const LINK: Link = Link {
    private: true,
    binding: None,
};
/// Longest wait before a client comes back, whatever a server asks for: an hour and the spread.
const RETRY_MAX: Duration = Duration::from_secs(2 * 3600);

/// Lines of a server, as one client hears them.
pub fn client(data: &[u8]) {
    let mut input = Input(data);
    let how = input.byte();
    let room = if how & 1 == 0 { "dev" } else { "@bob" };
    let from = match how & 6 {
        0 => JoinFrom::Now,
        2 => JoinFrom::Last(2),
        _ => JoinFrom::After(3),
    };
    let ann = UserName::repaired("ann").0;
    let mut person = Person {
        session: Session::new(ann, room.to_owned(), from),
        is_direct: room.starts_with('@'),
        out: Vec::new(),
        events: VecDeque::new(),
        notes: Notes::default(),
        newest: 0,
        first_tag: None,
    };
    person.connect();
    for line in input.0.split(|byte| *byte == b'\n') {
        person.hear(line);
    }
}

struct Person {
    session: Session,
    is_direct: bool,
    out: Vec<u8>,
    events: VecDeque<Event>,
    notes: Notes,
    newest: u64,
    /// Of the one message that this person says: another word for it in the input becomes the real one.
    first_tag: Option<String>,
}

impl Person {
    fn connect(&mut self) {
        match self.session.connected(LINK, &mut self.out) {
            Ok(()) => {}
            Err(error) => harmless(&error.to_string()),
        }
        self.wrote();
    }

    fn hear(&mut self, line: &[u8]) {
        let line = match (&self.first_tag, line.strip_prefix(b"OK;$")) {
            (Some(tag), Some(rest)) => [b"OK;", tag.as_bytes(), rest].concat(),
            _ => line.to_vec(),
        };
        let Ok(said) = server_line::parse(&line) else {
            return;
        };
        if let ServerLine::Msg { message } | ServerLine::Hist { message, .. } = said {
            shown(&message.into());
        }
        let was_live = self.session.is_live();
        let verdict = self.session.line(said, &mut self.out, &mut self.events);
        if !was_live && self.session.is_live() && self.first_tag.is_none() {
            self.session.send("hello".to_owned(), &mut self.out);
            // Who is in a direct conversation is no question, and is answered so.
            let who = (!self.is_direct).then_some(Query::Who);
            for query in who.into_iter().chain([Query::Rooms, Query::History(5)]) {
                self.session.ask(query, &mut self.out, &mut self.events);
            }
        }
        self.wrote();
        self.told();
        if let Verdict::Reconnect(error) | Verdict::End(error) = verdict {
            harmless(&error.to_string());
            let wait = self.lose(&error);
            assert!(wait <= RETRY_MAX, "comes back after {wait:?}");
            self.told();
            self.connect();
        }
    }

    fn lose(&mut self, error: &TermError) -> Duration {
        self.session
            .lost(error, Duration::ZERO, 0.5, &mut self.events)
    }

    /// What goes to the server are commands, each on a line.
    fn wrote(&mut self) {
        let out = std::mem::take(&mut self.out);
        let Some(lines) = out.strip_suffix(b"\n") else {
            return assert!(out.is_empty(), "a line without an end");
        };
        for line in lines.split(|byte| *byte == b'\n') {
            let Ok(command) = command::parse(line) else {
                panic!("a client says {}", line.escape_ascii());
            };
            if let command::Command::Send { tag, .. } = command {
                self.first_tag = Some(tag.as_str().to_owned());
            }
        }
    }

    /// What people are told.
    fn told(&mut self) {
        for event in std::mem::take(&mut self.events) {
            if let Some(text) = self.notes.of(&event) {
                harmless(&text);
            }
            match &event {
                Event::Message(message) => {
                    assert!(message.id > self.newest, "an id comes again");
                    self.newest = message.id;
                    shown(message);
                }
                Event::Restored { .. } => self.newest = 0,
                Event::Direct(message) | Event::Past(message) => shown(message),
                Event::SendRefused { error, .. } | Event::NotAnswered { error, .. } => {
                    harmless(&error.code);
                    harmless(&TermError::from(error.clone()).to_string());
                }
                _ => {}
            }
        }
    }
}

/// Control characters, and what turns the direction of writing; not by the code that keeps them away.
fn is_obeyed(c: char) -> bool {
    let turns = ['\u{200e}', '\u{200f}', '\u{61c}'].contains(&c)
        || ('\u{2028}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c);
    c < ' ' || ('\u{7f}'..='\u{9f}').contains(&c) || turns
}

/// Nothing in any line of it is obeyed by a terminal.
fn harmless(text: &str) {
    for line in text.split('\n') {
        assert!(!line.chars().any(is_obeyed), "a terminal obeys {line:?}");
    }
}

/// For a person, as a record and for a program.
fn shown(message: &Message) {
    let text = render::human(message, LOOK);
    harmless(&text);
    // A further line of a message cannot pass for a message: it is indented.
    let mut lines = text.split('\n').skip(1);
    assert!(lines.all(|line| line.starts_with(render::INDENT)));
    let mut out = Vec::new();
    render::message(message, Format::Json, LOOK, &mut out);
    assert_eq!(out.pop(), Some(b'\n'));
    assert!(!out.contains(&b'\n'), "one object, one line");
    let object: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
    assert_eq!(object["id"].as_u64(), Some(message.id));
    assert_eq!(object["user"].as_str(), Some(&*message.user));
    out.clear();
    render::message(message, Format::Record, LOOK, &mut out);
    assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
}
