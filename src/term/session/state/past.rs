//! The past of a direct conversation, which nobody joins: it is read with HISTORY before the session is live, at first as much as was
//! asked for, after a return what was missed.
//!
//! What is said meanwhile waits until the past is told, so ids rise; it is kept for one page at most, since a page that is asked for later
//! holds it.

use std::collections::VecDeque;

use super::super::Event;
use super::{Phase, Session};
use crate::edge::wire::gc2::range::{HISTORY_LIMIT_MAX, HistoryRange, JoinFrom};
use crate::edge::wire::gc2::request;
use crate::term::message::Message;

pub(super) const PAST_TAG: &str = "past";

/// What a session in a direct conversation knows of its past.
pub(super) struct Past {
    from: JoinFrom,
    /// Set while a page is read: the most messages it may have.
    limit: Option<u16>,
    page: Vec<Message>,
    meanwhile: Vec<Message>,
}

impl Past {
    pub(super) fn new(from: JoinFrom) -> Self {
        Self {
            from,
            limit: None,
            page: Vec::new(),
            meanwhile: Vec::new(),
        }
    }

    /// Keeps a message that was said while the past is read; gives it back otherwise.
    pub(super) fn hold(&mut self, message: Message) -> Option<Message> {
        if self.limit.is_none() {
            return Some(message);
        }
        self.meanwhile.push(message);
        None
    }

    /// Keeps a message of the page.
    pub(super) fn take(&mut self, message: Message) {
        if self.limit.is_some() {
            self.page.push(message);
        }
    }

    /// The connection is gone.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.from);
    }
}

impl Session {
    /// Asks for the past, if any is wanted; returns whether it did.
    pub(super) fn ask_past(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(past) = &mut self.past else {
            return false;
        };
        let (range, limit) = match (self.last_seen, past.from) {
            (Some(id), _) | (None, JoinFrom::After(id)) => {
                (HistoryRange::After(id), HISTORY_LIMIT_MAX)
            }
            (None, JoinFrom::Since(time)) => (HistoryRange::Since(time), HISTORY_LIMIT_MAX),
            (None, JoinFrom::Now | JoinFrom::Last(0)) => return false,
            (None, JoinFrom::Last(count)) => {
                let count = count.min(u32::from(HISTORY_LIMIT_MAX)) as u16;
                (HistoryRange::Last(count), count)
            }
        };
        past.limit = Some(limit);
        past.meanwhile.clear();
        request::history(out, PAST_TAG, &self.room, range, Some(limit));
        true
    }

    /// A page is here.
    pub(super) fn past_read(&mut self, out: &mut Vec<u8>, events: &mut VecDeque<Event>) {
        let Some(past) = &mut self.past else { return };
        let Some(limit) = past.limit.take() else {
            return;
        };
        let page = std::mem::take(&mut past.page);
        let meanwhile = std::mem::take(&mut past.meanwhile);
        // Of the newest ones there are no more; of those behind a message or a time there may be.
        let is_from_the_end = self.last_seen.is_none() && matches!(past.from, JoinFrom::Last(_));
        let more = !is_from_the_end && page.len() >= usize::from(limit);
        if self.phase == Phase::Entering {
            let newest = page.last().map_or(0, |message| message.id);
            self.enter(newest, out, events);
        }
        for message in page {
            self.show(message, events);
        }
        if !(more && self.ask_past(out)) {
            for message in meanwhile {
                self.show(message, events);
            }
        }
    }
}
