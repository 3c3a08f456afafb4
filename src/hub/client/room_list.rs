//! ROOMS: pages of rooms in order of name, each asked for when the one before is written. In: names from the log and from the fan-outs,
//! whose rooms may have no message yet. Out: lines. So what a client costs does not grow with the number of rooms.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::{Handler, Message};

use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::reply;
use crate::edge::wire::gc2::text::TagText;
use crate::edge::wire::names::{RoomName, Tag};
use crate::hub::ask::ask;
use crate::hub::room::{CountMembers, ListSilent};
use crate::hub::rules::access::Action;
use crate::hub::shard::Links;

use crate::hub::light::LightContext;
use crate::ops::panic_at;

use super::{Busy, Client};

/// Rooms in one page: at most some 80 KiB of lines.
const PAGE_ROOMS: usize = 500;

/// A ROOMS under way.
pub(super) struct RoomsWalk {
    tag: Tag,
    /// The last room told.
    after: Option<RoomName>,
    told: u64,
    is_page_due: bool,
    is_done: bool,
}

impl Client {
    pub(super) fn list_rooms(&mut self, tag: TagText<'_>) {
        self.busy = Some(Box::new(Busy::Rooms(RoomsWalk {
            tag: tag.owned(),
            after: None,
            told: 0,
            is_page_due: false,
            is_done: false,
        })));
        self.continue_rooms();
    }

    /// Asks for the next page, or ends with the count; called when everything before is written.
    pub(super) fn continue_rooms(&mut self) {
        if !matches!(self.busy.as_deref(), Some(Busy::Rooms(_))) {
            return;
        }
        let client = self.address();
        let Some(Busy::Rooms(walk)) = self.busy.as_deref_mut() else {
            return;
        };
        if walk.is_page_due {
            return;
        }
        if walk.is_done {
            let (tag, told) = (walk.tag.clone(), walk.told);
            self.busy = None;
            self.reply(|out| reply::ok_number(out, tag.as_str(), told));
            return;
        }
        walk.is_page_due = true;
        self.ticket = self.ticket.wrapping_add(1);
        let (ticket, links) = (self.ticket, self.shard.links().clone());
        let (tag, after) = (walk.tag.clone(), walk.after.clone());
        let (shard, seat) = (self.shard.clone(), self.seat.clone());
        actix_rt::spawn(async move {
            let may_see = |room: &RoomName| shard.judge(&seat, room, Action::See).is_allowed();
            let decided = shard.policies.names_behind(after.as_ref(), PAGE_ROOMS);
            let page = read_page(&links, tag, after, decided, may_see).await;
            client.do_send(RoomsRead { ticket, page });
        });
    }
}

/// Some rooms as lines.
#[derive(Debug)]
pub(super) struct RoomsPage {
    lines: Vec<u8>,
    /// Rooms told.
    count: usize,
    /// Rooms looked at: there may be some that are not for this client.
    looked_at: usize,
    last: Option<RoomName>,
}

/// A page of ROOMS; `None` if it could not be read.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct RoomsRead {
    ticket: u32,
    page: Option<RoomsPage>,
}

impl Handler<RoomsRead> for Client {
    type Result = ();

    fn handle(&mut self, read: RoomsRead, _: &mut LightContext) {
        let _place = panic_at::place("client/RoomsRead");
        if read.ticket != self.ticket {
            return;
        }
        let Some(Busy::Rooms(walk)) = self.busy.as_deref_mut() else {
            return;
        };
        walk.is_page_due = false;
        let Some(page) = read.page else {
            let tag = walk.tag.clone();
            self.busy = None;
            let text = "reading the rooms failed; try again";
            self.refuse(tag.as_str(), ErrorCode::Unavailable, text);
            return;
        };
        walk.told += page.count as u64;
        walk.is_done = page.looked_at < PAGE_ROOMS;
        walk.after = page.last;
        self.outbox.lines().extend_from_slice(&page.lines);
    }
}

/// The rooms behind `after` that the client may see: those that the log knows, those that have a policy (`decided`) and those that are
/// open, counted over all shards. On the shard's own thread
/// nothing is done but asking.
async fn read_page(
    links: &Links,
    tag: Tag,
    after: Option<RoomName>,
    decided: Vec<RoomName>,
    may_see: impl Fn(&RoomName) -> bool,
) -> Option<RoomsPage> {
    let (sender, known) = tokio::sync::oneshot::channel();
    let behind = after.clone();
    links.reads.run(
        move |reader| reader.rooms_page(behind.as_ref(), PAGE_ROOMS),
        move |rooms| {
            let _ = sender.send(rooms);
        },
    );
    let mut found: BTreeMap<RoomName, u64> = known.await.ok()??.into_iter().collect();
    for room in decided {
        found.entry(room).or_insert(0);
    }
    for shard in links.rooms.iter() {
        let (after, count) = (after.clone(), PAGE_ROOMS);
        let silent = ask(shard, ListSilent { after, count }).await;
        for room in silent.unwrap_or_default() {
            found.entry(room).or_insert(0);
        }
    }
    let page: Vec<_> = found.into_iter().take(PAGE_ROOMS).collect();
    let (looked_at, last) = (page.len(), page.last().map(|(room, _)| room.clone()));
    let seen = page.into_iter().filter(|(room, _)| may_see(room));
    let (rooms, newest): (Vec<_>, Vec<_>) = seen.unzip();
    let rooms: Arc<[RoomName]> = rooms.into();
    let mut members = Vec::with_capacity(links.rooms.len());
    for shard in links.rooms.iter() {
        let counted = ask(shard, CountMembers(rooms.clone())).await;
        members.push(counted.unwrap_or_default());
    }
    let (sender, written) = tokio::sync::oneshot::channel();
    links.reads.run(
        move |_| write_page(&tag, &rooms, &newest, members.clone()),
        move |page| {
            let _ = sender.send(page);
        },
    );
    let mut page: RoomsPage = written.await.ok()??;
    (page.looked_at, page.last) = (looked_at, last);
    Some(page)
}

/// `members` holds each shard's accounts, for each of the rooms.
fn write_page(
    tag: &Tag,
    rooms: &[RoomName],
    newest: &[u64],
    mut members: Vec<Vec<Vec<u64>>>,
) -> RoomsPage {
    let mut lines = Vec::new();
    for (at, (room, newest)) in rooms.iter().zip(newest).enumerate() {
        let on_shards = members.iter_mut().filter_map(|shard| shard.get_mut(at));
        let count = distinct(on_shards.map(std::mem::take)) as u64;
        reply::room(&mut lines, tag.as_str(), room.as_str(), count, *newest);
    }
    RoomsPage {
        lines,
        count: rooms.len(),
        looked_at: rooms.len(),
        last: rooms.last().cloned(),
    }
}

/// How many different numbers there are, none of the lists holding one twice.
fn distinct(lists: impl Iterator<Item = Vec<u64>>) -> usize {
    let mut lists = lists.filter(|list| !list.is_empty());
    let mut all = lists.next().unwrap_or_default();
    let first = all.len();
    for list in lists {
        all.extend(list);
    }
    if all.len() > first {
        all.sort_unstable();
        all.dedup();
    }
    all.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_counts_an_account_once_over_all_shards() {
        let rooms: Vec<_> = ["alpha", "beta", "gamma"]
            .map(|name| RoomName::parse(name).unwrap())
            .into();
        let first = vec![vec![], vec![3, 1], vec![9]];
        let second = vec![vec![], vec![2, 3], vec![]];
        // The third shard's fan-out did not answer.
        let members = vec![first, second, vec![]];
        let tag = Tag::parse("t").unwrap();
        let page = write_page(&tag, &rooms, &[0, 7, 8], members);
        let text = String::from_utf8(page.lines).unwrap();
        assert_eq!(
            text,
            "ROOM;t;alpha;0;0\nROOM;t;beta;3;7\nROOM;t;gamma;1;8\n"
        );
        assert_eq!((page.count, page.last), (3, rooms.last().cloned()));
    }
}
