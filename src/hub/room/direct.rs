//! Direct conversations on one shard. In: their parts of the batches. Out: the same as of rooms. Owns what is being told of them.
//!
//! Nobody joins one: with the first news each end's connections on this shard are let in, their cursors just before it. Each end sees
//! the conversation under the other's name, so each has a tail of its own. Who has written everything leaves again, so what is held here
//! is what somebody has not taken yet, and the log does not have to be asked for the newest id: the tail begins with the batch.
//!
//! After a panic of the fan-out nobody comes back by itself either: an old tail stays as it is until it is written, and what comes
//! next, told again or new, lets everybody in anew. Their cursors know what they have.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use crate::edge::wire::gc2::options::BodyForm;
use crate::edge::wire::names::RoomName;
use crate::hub::codec::EncodeBlocks;
use crate::hub::messages::RoomBlocks;
use crate::hub::rules::block::text_blocks_for;
use crate::hub::seat::Seat;

use super::{JoinedRoom, LocalRoom, Room};

/// What is told of conversations, by each end that has something to hear of them here.
#[derive(Default)]
pub(super) struct Conversations(HashMap<RoomName, Vec<Rc<LocalRoom>>>);

impl Conversations {
    /// What this end sees of it.
    pub(super) fn find(&self, room: &RoomName, end: &str) -> Option<&Rc<LocalRoom>> {
        let seen = self.0.get(room)?;
        seen.iter().find(|seen| seen.end() == Some(end))
    }

    fn put(&mut self, room: &RoomName, seen: Rc<LocalRoom>) {
        self.0.entry(room.clone()).or_default().push(seen);
    }

    /// Lets go of what nobody here has to hear any more.
    pub(super) fn tidy(&mut self, room: &RoomName) {
        if let Some(seen) = self.0.get_mut(room) {
            seen.retain(|seen| !seen.is_empty());
            if seen.is_empty() {
                self.0.remove(room);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Room {
    /// A conversation's part of the batch with this number.
    pub(super) fn hear_direct(&mut self, part: &RoomBlocks, batch: u64) {
        let Some((first, second)) = part.room.ends() else {
            return;
        };
        self.hear_at(part, first, batch);
        if second != first {
            self.hear_at(part, second, batch);
        }
    }

    fn hear_at(&mut self, part: &RoomBlocks, end: &str, batch: u64) {
        let Some(first_id) = part.events.first().map(|event| event.id) else {
            return;
        };
        let seats = self.shard.seats_of(end);
        let room = match self.conversations.find(&part.room, end) {
            Some(room) => room.clone(),
            None if seats.is_empty() => return,
            None => {
                let room = self.new_conversation(part, end, first_id);
                self.conversations.put(&part.room, room.clone());
                room
            }
        };
        room.set_batch(batch);
        if part.removed_up_to > 0 {
            room.drop_through(part.removed_up_to);
        }
        // Before the blocks: C16 is encoded for those who are in.
        admit_all(&room, seats, first_id - 1);
        let previous_end = room.end_id();
        for block in text_blocks_for(end, part.events.iter()) {
            room.push(Arc::new(block));
        }
        room.wake_members(BodyForm::Text);
        if room.has_members(BodyForm::C16) {
            self.shard.links().codec.do_send(EncodeBlocks {
                room: part.room.clone(),
                reader: Some(end.into()),
                behind: previous_end,
                events: part.events.clone(),
            });
        }
    }

    fn new_conversation(&self, part: &RoomBlocks, end: &str, first_id: u64) -> Rc<LocalRoom> {
        let tail_bytes = self.tail_bytes();
        let room = LocalRoom::new(part.room.clone(), first_id - 1, tail_bytes, &self.tails);
        Rc::new(room.seen_from(end.into()))
    }
}

/// Lets in those who are not in yet: they have everything up to `after`.
fn admit_all(room: &Rc<LocalRoom>, seats: Vec<Rc<Seat>>, after: u64) {
    // Members are seated, so as many of them as there are seats are all of them.
    if room.members() == seats.len() {
        return;
    }
    let mut inside = HashSet::new();
    room.each_member(|seat| {
        inside.insert(seat.client.slot);
    });
    for seat in seats {
        if inside.contains(&seat.client.slot) || seat.closing_since().is_some() {
            continue;
        }
        // The client gives it its number when it takes it.
        let (membership, _) = room.admit(&seat, u32::MAX);
        seat.leave_joined(JoinedRoom {
            room: room.clone(),
            membership,
            newest: room.end_id(),
            unasked_after: Some(after),
        });
    }
}
