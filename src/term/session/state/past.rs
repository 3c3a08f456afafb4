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
/// Messages kept that are said while a page is read.
const MEANWHILE_MAX: usize = 1024;
/// Bytes of bodies kept until a page is whole, of both kinds. A server that sends more is asked for the rest behind it.
const HELD_BYTES_MAX: usize = 64 << 20;

/// What a session in a direct conversation knows of its past.
pub(super) struct Past {
    from: JoinFrom,
    /// Set while a page is read: the most messages it may have.
    limit: Option<u16>,
    page: Vec<Message>,
    meanwhile: Vec<Message>,
    held_bytes: usize,
    /// Something did not fit: the next page has it.
    is_cut: bool,
}

impl Past {
    pub(super) fn new(from: JoinFrom) -> Self {
        Self {
            from,
            limit: None,
            page: Vec::new(),
            meanwhile: Vec::new(),
            held_bytes: 0,
            is_cut: false,
        }
    }

    /// Whether the message may be kept. From the first one on that does not fit none is, so that nothing is left out between two.
    fn fits(&mut self, message: &Message) -> bool {
        self.held_bytes += message.body.len();
        self.is_cut |= self.held_bytes > HELD_BYTES_MAX || self.meanwhile.len() >= MEANWHILE_MAX;
        !self.is_cut
    }

    /// Keeps a message that was said while the past is read; gives it back otherwise.
    pub(super) fn hold(&mut self, message: Message) -> Option<Message> {
        if self.limit.is_none() {
            return Some(message);
        }
        if self.fits(&message) {
            self.meanwhile.push(message);
        }
        None
    }

    /// Keeps a message of the page; more of them than were asked for are not kept.
    pub(super) fn take(&mut self, message: Message) {
        let limit = self.limit.map_or(0, usize::from);
        if self.page.len() < limit && self.fits(&message) {
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
        (past.held_bytes, past.is_cut) = (0, false);
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
        let mut meanwhile = std::mem::take(&mut past.meanwhile);
        if past.is_cut {
            // What is kept may not be the next one.
            meanwhile.clear();
        }
        // Of the newest ones there are no more; of those behind a message or a time there may be.
        let is_from_the_end = self.last_seen.is_none() && matches!(past.from, JoinFrom::Last(_));
        let more = past.is_cut || (!is_from_the_end && page.len() >= usize::from(limit));
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
