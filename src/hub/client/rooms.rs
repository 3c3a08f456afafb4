//! The rooms a client is in, and which of them have something for it.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::edge::wire::names::RoomName;
use crate::hub::room::{LocalRoom, Membership};
use crate::hub::rules::cursor::Cursor;

/// Up to so many rooms are found by looking at each: nearly every client is in a few.
const SCANNED_ROOMS_MAX: usize = 16;

/// A client's reading of one room.
pub(super) struct RoomFeed {
    pub room: Rc<LocalRoom>,
    pub membership: Rc<Membership>,
    pub cursor: Cursor,
    /// Whether the fan-out started anew and has not let the client in again: until then nothing is read, as it may not be let in.
    pub is_waiting: bool,
    is_parked: bool,
    is_queued: bool,
}

impl RoomFeed {
    pub(super) fn new(room: Rc<LocalRoom>, membership: Rc<Membership>, cursor: Cursor) -> Self {
        Self {
            room,
            membership,
            cursor,
            is_waiting: false,
            is_parked: false,
            is_queued: false,
        }
    }

    fn is_conversation(&self) -> bool {
        self.room.end().is_some()
    }
}

/// See the module. The numbers are those that stand in the seat's news.
#[derive(Default)]
pub(super) struct Rooms {
    feeds: Vec<Option<RoomFeed>>,
    queue: VecDeque<u32>,
    /// Only once there are several: nearly every client is in one room.
    many: Option<Box<Many>>,
}

#[derive(Default)]
struct Many {
    /// Rooms that wait for a page of the log.
    parked: Vec<u32>,
    /// Numbers that may be given again.
    free: Vec<u32>,
    /// How many are direct conversations.
    conversations: usize,
    /// Only beyond [`SCANNED_ROOMS_MAX`].
    index: Option<HashMap<RoomName, u32>>,
}

impl Rooms {
    /// How many rooms it is in; direct conversations are none.
    pub(super) fn len(&self) -> usize {
        let free = self.many.as_ref().map_or(0, |many| many.free.len());
        self.feeds.len() - free - self.conversations()
    }

    /// How many direct conversations it is in.
    pub(super) fn conversations(&self) -> usize {
        self.many.as_ref().map_or(0, |many| many.conversations)
    }

    /// The number that the next room will have.
    pub(super) fn next_number(&self) -> u32 {
        let free = self
            .many
            .as_ref()
            .and_then(|many| many.free.last().copied());
        free.unwrap_or(self.feeds.len() as u32)
    }

    /// Adds a room under the number that [`next_number`](Self::next_number) gives.
    pub(super) fn insert(&mut self, feed: RoomFeed) -> u32 {
        let name = feed.room.name().clone();
        if feed.is_conversation() {
            self.many.get_or_insert_default().conversations += 1;
        }
        let number = match self.many.as_mut().and_then(|many| many.free.pop()) {
            Some(number) => {
                self.feeds[number as usize] = Some(feed);
                number
            }
            None => {
                if self.feeds.is_empty() {
                    // Not the four that a vector begins with.
                    self.feeds.reserve_exact(1);
                }
                self.feeds.push(Some(feed));
                self.feeds.len() as u32 - 1
            }
        };
        if let Some(index) = self.many.as_mut().and_then(|many| many.index.as_mut()) {
            index.insert(name, number);
        } else if self.feeds.len() > SCANNED_ROOMS_MAX {
            let all = self
                .iter()
                .map(|(number, feed)| (feed.room.name().clone(), number));
            let index = all.collect();
            self.many.get_or_insert_default().index = Some(index);
        }
        self.enqueue(number);
        number
    }

    pub(super) fn find(&self, name: &str) -> Option<u32> {
        match self.many.as_ref().and_then(|many| many.index.as_ref()) {
            Some(index) => index.get(name).copied(),
            None => {
                let found = self
                    .iter()
                    .find(|(_, feed)| feed.room.name().as_str() == name);
                found.map(|(number, _)| number)
            }
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<&RoomFeed> {
        self.feeds.get(number as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut RoomFeed> {
        self.feeds.get_mut(number as usize)?.as_mut()
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<RoomFeed> {
        let feed = self.feeds.get_mut(number as usize)?.take()?;
        if feed.is_queued {
            self.queue.retain(|queued| *queued != number);
        }
        let many = self.many.get_or_insert_default();
        many.free.push(number);
        many.conversations -= usize::from(feed.is_conversation());
        if let Some(index) = &mut many.index {
            index.remove(feed.room.name());
        }
        self.trim();
        Some(feed)
    }

    /// Conversations come and go: what a client at rest has kept for them is given back.
    fn trim(&mut self) {
        let held = self.feeds.len();
        while matches!(self.feeds.last(), Some(None)) {
            self.feeds.pop();
        }
        let Some(many) = &mut self.many else { return };
        if self.feeds.len() < held {
            let end = self.feeds.len() as u32;
            many.free.retain(|number| *number < end);
            if self.feeds.len() <= 1 {
                self.feeds.shrink_to_fit();
            }
        }
        if many.free.is_empty()
            && many.parked.is_empty()
            && many.conversations == 0
            && many.index.is_none()
        {
            self.many = None;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &RoomFeed)> {
        let numbered = self.feeds.iter().enumerate();
        numbered.filter_map(|(number, feed)| Some((number as u32, feed.as_ref()?)))
    }

    /// The fan-out started anew. Nothing of any room is read until it is entered again; returns their numbers and names. A
    /// conversation goes on with what it has: what comes next lets the client in anew.
    pub(super) fn wait_for_all(&mut self) -> Vec<(u32, RoomName)> {
        let numbered = self.feeds.iter_mut().enumerate();
        let feeds = numbered.filter_map(|(number, feed)| Some((number as u32, feed.as_mut()?)));
        let mut conversations = Vec::new();
        let waiting = feeds.filter_map(|(number, feed)| {
            if feed.is_conversation() {
                feed.room.cut_off();
                feed.cursor.detach();
                conversations.push(number);
                return None;
            }
            feed.is_waiting = true;
            Some((number, feed.room.name().clone()))
        });
        let waiting = waiting.collect();
        for number in conversations {
            self.enqueue(number);
        }
        waiting
    }

    pub(super) fn into_feeds(self) -> impl Iterator<Item = RoomFeed> {
        self.feeds.into_iter().flatten()
    }

    /// This room may have something.
    pub(super) fn enqueue(&mut self, number: u32) {
        if let Some(feed) = self.get_mut(number)
            && !std::mem::replace(&mut feed.is_queued, true)
        {
            self.queue.push_back(number);
        }
    }

    /// The room whose turn it is.
    pub(super) fn first(&mut self) -> Option<u32> {
        loop {
            let number = *self.queue.front()?;
            if self.get(number).is_some_and(|feed| feed.is_queued) {
                return Some(number);
            }
            self.queue.pop_front();
        }
    }

    /// Nothing more there for now.
    pub(super) fn dequeue_first(&mut self) {
        if let Some(number) = self.queue.pop_front()
            && let Some(feed) = self.get_mut(number)
        {
            feed.is_queued = false;
        }
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }

    /// The next room gets its turn.
    pub(super) fn rotate(&mut self) {
        if self.queue.len() > 1 {
            self.queue.rotate_left(1);
        }
    }

    /// This room waits for a page of the log.
    pub(super) fn park(&mut self, number: u32) {
        if let Some(feed) = self.get_mut(number)
            && !std::mem::replace(&mut feed.is_parked, true)
        {
            self.many.get_or_insert_default().parked.push(number);
        }
    }

    /// A page was read: whoever waited for the reading may ask again.
    pub(super) fn unpark(&mut self) {
        let Some(many) = &mut self.many else { return };
        for number in std::mem::take(&mut many.parked) {
            if let Some(feed) = self.get_mut(number) {
                feed.is_parked = false;
                self.enqueue(number);
            }
        }
    }
}
