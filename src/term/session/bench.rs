//! A session on a bench: without a connection, its lines and events at hand.

use std::collections::VecDeque;
use std::time::Duration;

use super::Event;
use super::state::{Session, Verdict};
use crate::edge::wire::gc2::range::JoinFrom;
use crate::edge::wire::gc2::server_line::parse;
use crate::edge::wire::names::UserName;
use crate::term::connection::Link;
use crate::term::error::TermError;
use crate::term::login::Credentials;

/// As on one machine.
pub(super) const LINK: Link = Link {
    private: true,
    binding: None,
};

/// A session with what it wrote and told.
pub(super) struct Bench {
    pub(super) session: Session,
    pub(super) out: Vec<u8>,
    pub(super) events: VecDeque<Event>,
}

impl Bench {
    pub(super) fn new(room: &str, from: JoinFrom) -> Self {
        let user = UserName::parse("ann").unwrap();
        Self::of(user.into(), room, from)
    }

    pub(super) fn of(who: Credentials, room: &str, from: JoinFrom) -> Self {
        Self {
            session: Session::new(who, room.to_owned(), from),
            out: Vec::new(),
            events: VecDeque::new(),
        }
    }

    pub(super) fn connect(&mut self) -> Vec<String> {
        self.session.connected(LINK, &mut self.out).unwrap();
        self.written()
    }

    pub(super) fn hear(&mut self, line: &str) -> Verdict {
        let line = parse(line.as_bytes()).unwrap();
        self.session.line(line, &mut self.out, &mut self.events)
    }

    pub(super) fn go_on(&mut self, lines: &[&str]) {
        for line in lines {
            assert!(matches!(self.hear(line), Verdict::GoOn), "{line}");
        }
    }

    pub(super) fn lose(&mut self) {
        let error = TermError::Bye {
            reason: "restart".into(),
            seconds: 0,
        };
        self.session
            .lost(&error, Duration::ZERO, 0.5, &mut self.events);
    }

    pub(super) fn send(&mut self, text: &str) -> u64 {
        self.session.send(text.to_owned(), &mut self.out)
    }

    pub(super) fn written(&mut self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut self.out)).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    pub(super) fn ids(&mut self) -> Vec<u64> {
        let ids = self.events.iter().filter_map(|event| match event {
            Event::Message(message) => Some(message.id),
            _ => None,
        });
        let ids = ids.collect();
        self.events.clear();
        ids
    }
}
