//! What goes out: answers, then the rooms' lines from the tail, or from the log where the tail does not reach back.

use std::io::IoSlice;
use std::panic::{AssertUnwindSafe, catch_unwind};

use slog::warn;

use crate::edge::wire::gc2::options::BodyForm;
use crate::edge::wire::gc2::reply;
use crate::edge::wire::timestamp::Timestamp;
use crate::hub::codec::EncodePage;
use crate::hub::rules::block::{BLOCK_BYTES, Block, text_page};
use crate::hub::rules::cursor::{Next, Slices};
use crate::hub::session::Ending;
use crate::ops::panic_at;
use crate::store::log::{From, LogError, LogReader, Page, PageQuery};

use super::answers::unread;
use super::rooms::RoomFeed;
use super::{Busy, Client, PageFor, PageRead, Phase};

/// At most about so many bytes go into one write.
const WRITE_BYTES: usize = 1024 * 1024;
/// Events that one page of the log holds at most.
pub(super) const PAGE_EVENTS: usize = 4096;

/// What [`Client::find_work`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Something to write.
    Ready,
    /// Something to read for it, once the socket takes more.
    Blocked,
    /// Nothing.
    Nothing,
}

/// A page of the log that waits for its first write. One that the socket takes only in part is dropped and read again.
pub(super) struct PageInHand {
    number: u32,
    block: Block,
    scanned_to: u64,
}

impl Client {
    /// Looks for something to write; asks the log for it where that is needed, but only once the socket would take it.
    pub(super) fn find_work(&mut self) -> Work {
        if self.outbox.is_empty() {
            self.continue_history();
            self.continue_rooms();
        }
        if !self.outbox.is_empty() || self.page.is_some() {
            return Work::Ready;
        }
        while let Some(number) = self.rooms.first() {
            let Some(feed) = self.rooms.get_mut(number) else {
                continue;
            };
            if feed.is_at_rest() {
                self.rooms.dequeue_first();
                continue;
            }
            // Before looking, so that news that come after the look are told.
            feed.membership.seen();
            let next = feed.cursor.next(&feed.room.tail(feed.membership.form()));
            match next {
                Next::Write => return Work::Ready,
                Next::Wait => {
                    self.rooms.dequeue_first();
                    self.leave_if_told(number);
                }
                Next::ReadLog { after } => {
                    if !self.stream.may_write() {
                        return Work::Blocked;
                    }
                    self.rooms.park(number);
                    self.rooms.dequeue_first();
                    if !self.page_is_due {
                        self.ask_for_page(number, after);
                    }
                }
            }
        }
        Work::Nothing
    }

    /// The socket takes nothing: a page is not held for it, but read again later.
    pub(super) fn drop_page(&mut self) {
        if let Some(page) = self.page.take() {
            self.rooms.enqueue(page.number);
        }
    }

    /// One system call; what the socket did not take is kept at line borders.
    pub(super) fn write_once(&mut self) -> std::io::Result<()> {
        if self.page.is_some() {
            return self.write_page();
        }
        let first = self.rooms.first();
        let is_at_rest = |number: &u32| self.rooms.get(*number).is_some_and(RoomFeed::is_at_rest);
        let Some(number) = first.filter(|number| !is_at_rest(number)) else {
            let written = self.stream.send(&[IoSlice::new(self.outbox.waiting())])?;
            self.outbox.consume(written);
            return Ok(());
        };
        let Some(feed) = self.rooms.get(number) else {
            return Ok(());
        };
        let (room, form, mut cursor) = (feed.room.clone(), feed.membership.form(), feed.cursor);
        let tail = room.tail(form);
        let mut slices = Slices::new();
        let answers = self.outbox.len();
        if answers > 0 {
            slices.push(IoSlice::new(self.outbox.waiting()));
        }
        if cursor.next(&tail) == Next::Write {
            cursor.gather(&tail, WRITE_BYTES, &mut slices);
        }
        if slices.is_empty() {
            return Ok(());
        }
        let written = self.stream.send(&slices)?;
        drop(slices);
        self.outbox.consume(written.min(answers));
        if written > answers {
            if let Some(rest) = cursor.advance(&tail, written - answers) {
                self.outbox.push_rest(&rest);
            }
            if let Some(feed) = self.rooms.get_mut(number) {
                feed.cursor = cursor;
            }
            self.rooms.rotate();
        }
        Ok(())
    }

    fn write_page(&mut self) -> std::io::Result<()> {
        let Some(page) = self.page.take() else {
            return Ok(());
        };
        // Page by page in turn with those who wait, however much there is to catch up with.
        if self.shard.is_page_slot_wanted() {
            self.settle_page_slot();
        }
        let answers = self.outbox.len();
        let slices = [
            IoSlice::new(self.outbox.waiting()),
            IoSlice::new(page.block.bytes()),
        ];
        let sent = if answers > 0 {
            self.stream.send(&slices)
        } else {
            self.stream.send(&slices[1..])
        };
        self.rooms.enqueue(page.number);
        let written = sent?;
        self.outbox.consume(written.min(answers));
        if written > answers
            && let Some(feed) = self.rooms.get_mut(page.number)
            && let Some(rest) =
                feed.cursor
                    .advance_page(&page.block, page.scanned_to, written - answers)
        {
            self.outbox.push_rest(&rest);
        }
        Ok(())
    }

    /// Has a page read, once it may have one under way.
    fn ask_for_page(&mut self, number: u32, after: u64) {
        if self.has_page_slot || self.shard.take_page_slot(&self.seat) {
            self.has_page_slot = true;
            self.read_page(number, after);
        } else {
            // The offer comes to the seat. A page that was asked for before and is not wanted any more may still come; it is not this one.
            self.feed_ticket = self.feed_ticket.wrapping_add(1);
            self.page_is_due = true;
        }
    }

    /// It may have a page under way now: looks again which one.
    pub(super) fn take_page_slot(&mut self) {
        self.has_page_slot = true;
        if std::mem::take(&mut self.page_is_due) {
            self.rooms.unpark();
        }
    }

    /// Gives back what allows it a page, if it has none under way any more; after each turn.
    pub(super) fn settle_page_slot(&mut self) {
        if self.has_page_slot && !self.page_is_due && self.page.is_none() {
            self.has_page_slot = false;
            self.shard.give_page_slot_back();
        }
    }

    fn read_page(&mut self, number: u32, after: u64) {
        let Some(feed) = self.rooms.get(number) else {
            return;
        };
        let before = match feed.room.end() {
            // The log may be ahead of what this shard has been told. Who leaves a conversation must not have read of that: it comes
            // to it as news.
            Some(_) => feed.room.end_id().saturating_add(1),
            None => u64::MAX,
        };
        let query = PageQuery {
            room: Some(feed.room.name().clone()),
            after,
            before,
            since: Timestamp::default(),
            newest_first: false,
            with_removals: true,
            events_max: PAGE_EVENTS,
            bytes_max: BLOCK_BYTES,
        };
        self.page_is_due = true;
        self.submit_page(query, PageFor::Feed(number));
    }

    /// Has a page read and encoded in this connection's form; it comes as [`PageRead`].
    pub(super) fn submit_page(&mut self, query: PageQuery, purpose: PageFor) {
        let ticket = match purpose {
            PageFor::Feed(_) => &mut self.feed_ticket,
            PageFor::History(_) => &mut self.ticket,
        };
        *ticket = ticket.wrapping_add(1);
        let page = PageRead {
            ticket: *ticket,
            purpose,
            reader: self.account(),
            block: None,
            scanned_to: query.after,
            gap: None,
            count: 0,
            more: false,
            error: None,
        };
        let links = self.shard.links();
        let (client, codec) = (self.address(), links.codec.clone());
        let form = self.seat.body_form();
        let is_feed = matches!(page.purpose, PageFor::Feed(_));
        let log = self.shard.log.clone();
        links.reads.run(
            move |reader| {
                let read = match is_feed {
                    true => read_on(reader, &query),
                    false => reader.page(&query).map(|page| (page, None)),
                };
                read.map_err(|error| match is_feed {
                    // Who is told of this is the log alone.
                    true => error.to_string(),
                    false => unread(&log, &error),
                })
            },
            move |read| match read {
                Some(Ok((found, gap))) => {
                    let page = PageRead {
                        gap,
                        scanned_to: found.scanned_to,
                        count: found.events.len(),
                        more: found.more,
                        ..page
                    };
                    match form {
                        BodyForm::Text => {
                            let block = catch_unwind(AssertUnwindSafe(|| {
                                let _place = panic_at::place("fatal/page");
                                text_page(&found.events, |event, body, out| {
                                    let (purpose, reader) = (&page.purpose, &page.reader);
                                    super::write_page_line(event, body, purpose, reader, out);
                                })
                            }));
                            client.do_send(match block {
                                Ok(block) => page.with_block(block),
                                // It would wait for ever otherwise.
                                Err(_) => page.failed("writing the page failed"),
                            });
                        }
                        BodyForm::C16 => {
                            let events = found.events;
                            codec.do_send(EncodePage {
                                client,
                                page,
                                events,
                            });
                        }
                    }
                }
                Some(Err(why)) => client.do_send(page.failed(&why)),
                None => client.do_send(page.failed("reading the log failed")),
            },
        );
    }

    /// A page for a room that has to catch up.
    pub(super) fn take_feed_page(&mut self, page: PageRead) {
        let PageFor::Feed(number) = page.purpose else {
            return;
        };
        if page.ticket != self.feed_ticket || !self.page_is_due {
            return;
        }
        self.page_is_due = false;
        self.rooms.unpark();
        if let Some(why) = page.error {
            self.give_up_reading(&why);
            return;
        }
        let Some(feed) = self.rooms.get_mut(number) else {
            return;
        };
        if feed.is_waiting {
            // Read again once it is let in again.
            return;
        }
        if let Some(first_kept) = page.gap {
            // At its place: behind everything that was before it. Told once, even if the page is read again.
            feed.cursor.skip_to(first_kept.saturating_sub(1));
            let mut room = Vec::new();
            feed.room.name().write_seen_by(&page.reader, &mut room);
            let room = String::from_utf8_lossy(&room);
            reply::gap(self.outbox.lines(), &room, first_kept);
        }
        match page.block {
            Some(block) if block.last_id() > feed.cursor.last_id() => {
                let in_hand = PageInHand {
                    number,
                    block,
                    scanned_to: page.scanned_to,
                };
                self.page = Some(Box::new(in_hand));
            }
            _ if page.scanned_to > feed.cursor.last_id() => feed.cursor.skip_to(page.scanned_to),
            // It has just moved on.
            _ if page.gap.is_some() => {}
            _ => self.wait_for_log(number),
        }
    }

    /// Nothing was lost: the client comes back and goes on where it was.
    fn give_up_reading(&mut self, why: &str) {
        warn!(self.shard.log, "page for a reader failed"; "peer" => %self.seat.peer(), "why" => why);
        if !matches!(self.phase, Phase::Closing) {
            self.reply(|out| reply::bye(out, "unavailable", 1));
            self.close(Ending::Refused("the log could not be read for it"));
        }
    }

    /// The client leaves this room: what is read for it is of no use any more.
    pub(super) fn forget_reading(&mut self, number: u32) {
        if self.page.as_ref().is_some_and(|page| page.number == number) {
            self.page = None;
        }
        if self.page_is_due {
            self.page_is_due = false;
            self.rooms.unpark();
        }
    }

    /// Whether everything that was promised has been written.
    pub(super) fn has_nothing_to_say(&self) -> bool {
        self.outbox.is_empty()
            && self.page.is_none()
            && !self.page_is_due
            && self.pending.is_empty()
            && !self.rooms.is_behind_log()
            // A room may have more for it, once its socket takes more.
            && !self.is_blocked
            && !matches!(self.busy.as_deref(), Some(Busy::Decode(_)))
    }
}

/// Reads on for somebody who hears of everything that is in a room. If retention or damage has taken events of it that come next, the page
/// begins behind them: then with the first id kept, or the first one that will be.
fn read_on(reader: &dyn LogReader, query: &PageQuery) -> Result<(Page, Option<u64>), LogError> {
    let mut page = reader.page(query)?;
    // After the reading, which may have met with what went on meanwhile.
    let gap = match &query.room {
        Some(room) if reader.room_floor(room) > query.after.saturating_add(1) => {
            reader.resolve(room, From::After(query.after))?.gap
        }
        _ => None,
    };
    // Damage too; in the middle of a page it ends the page, and the next one begins there.
    let gap = gap.or_else(|| {
        let first = page.holes.first().copied()?;
        let begins = page.events.first().is_none_or(|event| event.id >= first);
        begins.then_some(first)
    });
    let behind = gap.unwrap_or(0);
    if let Some(hole) = page.holes.iter().find(|hole| **hole > behind) {
        page.events.retain(|event| event.id < *hole);
        let last = page.events.last().map(|event| event.id);
        page.scanned_to = last.unwrap_or(query.after.max(behind.saturating_sub(1)));
        page.more = true;
    }
    // Not beyond what the reader may hear of now.
    let gap = gap.map(|first_kept| first_kept.min(query.before));
    if let Some(first_kept) = gap {
        page.events.retain(|event| event.id >= first_kept);
        page.scanned_to = page.scanned_to.max(first_kept.saturating_sub(1));
    }
    Ok((page, gap))
}
