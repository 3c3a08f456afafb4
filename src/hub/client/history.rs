//! HISTORY: pages of the log, one after the other, each asked for when the one before is written.

use crate::edge::wire::gc2::range::HistoryRange;
use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::reply;
use crate::edge::wire::gc2::text::TagText;
use crate::edge::wire::names::{RoomName, Tag};
use crate::hub::rules::access::{Action, Verdict};
use crate::hub::rules::block::{BLOCK_BYTES, write_member_line, write_message_fields};
use crate::store::log::{Event, PageQuery};

use super::answers::unread;
use super::look::AfterLook;
use super::{Busy, Client, PageFor, PageRead};

/// A HISTORY under way.
pub(super) struct HistoryWalk {
    tag: Tag,
    query: PageQuery,
    /// Messages still wanted.
    left: usize,
    told: u64,
    is_page_due: bool,
    is_done: bool,
}

impl HistoryWalk {
    /// Its tag, if it is of this room.
    pub(super) fn tag_if_of(&self, room: &RoomName) -> Option<Tag> {
        (self.query.room.as_ref() == Some(room)).then(|| self.tag.clone())
    }
}

/// Appends `event` as the line that a page for `purpose` has; `body` in the form of the connection, `reader` its account.
pub fn write_page_line(
    event: &Event,
    body: &[u8],
    purpose: &PageFor,
    reader: &str,
    out: &mut Vec<u8>,
) {
    match purpose {
        PageFor::Feed(_) => write_member_line(event, body, reader, out),
        PageFor::History(tag) => {
            out.extend_from_slice(b"HIST;");
            out.extend_from_slice(tag.as_str().as_bytes());
            out.push(b';');
            write_message_fields(event, reader, out);
            out.extend_from_slice(body);
            out.push(b'\n');
        }
    }
}

impl Client {
    pub(super) fn read_history(
        &mut self,
        tag: TagText<'_>,
        room: RoomName,
        range: HistoryRange,
        limit: u16,
    ) {
        if !self.is_surely_there(&room) {
            // First of all, as for a room that is hidden.
            return self.look_for(tag.owned(), room, AfterLook::Read(range, limit));
        }
        let verdict = self.judge(&room, Action::Read);
        if verdict == Verdict::NotFound {
            return self.look_for(tag.owned(), room, AfterLook::NotFound);
        }
        if !self.refuse_unless_allowed(tag.as_str(), verdict) {
            self.begin_history(tag.owned(), room, range, limit);
        }
    }

    /// Reads of a room that is there, and may be read.
    pub(super) fn begin_history(
        &mut self,
        tag: Tag,
        room: RoomName,
        range: HistoryRange,
        limit: u16,
    ) {
        let mut left = usize::from(limit);
        let since = self.may_read_since(&room);
        let mut query = PageQuery {
            room: Some(room),
            after: 0,
            before: u64::MAX,
            since,
            newest_first: false,
            with_removals: false,
            events_max: left,
            bytes_max: BLOCK_BYTES,
        };
        match range {
            HistoryRange::After(id) => query.after = id,
            HistoryRange::Since(time) => query.since = since.max(time),
            HistoryRange::Newest => query.newest_first = true,
            HistoryRange::Before(id) => {
                query.before = id;
                query.newest_first = true;
            }
            HistoryRange::Last(count) => {
                left = left.min(usize::from(count));
                query.newest_first = true;
            }
        }
        let walk = HistoryWalk {
            tag,
            query,
            left,
            told: 0,
            is_page_due: false,
            is_done: false,
        };
        if walk.query.newest_first {
            self.find_newest(walk);
        } else {
            self.busy = Some(Box::new(Busy::History(walk)));
            self.continue_history();
        }
    }

    /// The newest messages are told in rising order: where they begin has to be found first, for which the index suffices.
    fn find_newest(&mut self, mut walk: HistoryWalk) {
        let (room, before) = (walk.query.room.clone(), walk.query.before);
        let count = walk.left as u64;
        walk.is_page_due = true;
        walk.query.newest_first = false;
        self.ticket = self.ticket.wrapping_add(1);
        let ticket = self.ticket;
        let page = PageRead {
            ticket,
            purpose: PageFor::History(walk.tag.clone()),
            reader: self.account(),
            block: None,
            scanned_to: 0,
            gap: None,
            count: 0,
            more: true,
            error: None,
        };
        self.busy = Some(Box::new(Busy::History(walk)));
        let (client, log) = (self.address(), self.shard.log.clone());
        self.shard.links().reads.run(
            move |reader| match &room {
                Some(room) => reader.newest_start(room, before, count),
                None => Ok(None),
            },
            move |found| {
                let page = match found {
                    Some(Ok(start)) => PageRead {
                        scanned_to: start.unwrap_or(0),
                        more: start.is_some(),
                        ..page
                    },
                    Some(Err(why)) => page.failed(&unread(&log, &why)),
                    None => page.failed("reading the log failed"),
                };
                client.do_send(page);
            },
        );
    }

    /// Asks for the next page, or ends with the count; called when everything before is written.
    pub(super) fn continue_history(&mut self) {
        let Some(Busy::History(walk)) = self.busy.as_deref_mut() else {
            return;
        };
        if walk.is_page_due {
            return;
        }
        if walk.is_done || walk.left == 0 {
            let (tag, told) = (walk.tag.clone(), walk.told);
            self.busy = None;
            self.reply(|out| reply::ok_number(out, tag.as_str(), told));
            return;
        }
        walk.is_page_due = true;
        walk.query.events_max = walk.left;
        let (query, purpose) = (walk.query.clone(), PageFor::History(walk.tag.clone()));
        self.submit_page(query, purpose);
    }

    pub(super) fn take_history_page(&mut self, page: PageRead) {
        if page.ticket != self.ticket {
            return;
        }
        let Some(Busy::History(walk)) = self.busy.as_deref_mut() else {
            return;
        };
        walk.is_page_due = false;
        let (tag, room) = (walk.tag.clone(), walk.query.room.clone());
        // It may have become another's business since the page before.
        let verdict = room.map_or(Verdict::Allowed, |room| self.judge(&room, Action::Read));
        if self.refuse_unless_allowed(tag.as_str(), verdict) {
            self.busy = None;
            return;
        }
        let Some(Busy::History(walk)) = self.busy.as_deref_mut() else {
            return;
        };
        if let Some(why) = page.error {
            let tag = walk.tag.clone();
            self.busy = None;
            self.refuse(tag.as_str(), ErrorCode::Unavailable, &why);
            return;
        }
        walk.query.after = page.scanned_to.max(walk.query.after);
        walk.left = walk.left.saturating_sub(page.count);
        walk.told += page.count as u64;
        walk.is_done = !page.more;
        if let Some(block) = page.block {
            self.outbox.lines().extend_from_slice(block.bytes());
        }
    }
}
