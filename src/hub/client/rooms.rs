//! The rooms a client is in, and which of them have something for it.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use smallvec::SmallVec;

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

/// See the module. The numbers are those that stand in the seat's news. Whoever is in no room pays a pointer.
#[derive(Default)]
pub(super) struct Rooms(Option<Box<Inside>>);

#[derive(Default)]
struct Inside {
    /// Nearly every client is in one room, which needs no memory of its own.
    feeds: SmallVec<[Option<RoomFeed>; 1]>,
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
        self.0.as_ref().map_or(0, |it| it.len())
    }

    /// How many direct conversations it is in.
    pub(super) fn conversations(&self) -> usize {
        self.0.as_ref().map_or(0, |it| it.conversations())
    }

    /// The number that the next room will have.
    pub(super) fn next_number(&self) -> u32 {
        self.0.as_ref().map_or(0, |it| it.next_number())
    }

    /// Adds a room under the number that [`next_number`](Self::next_number) gave.
    pub(super) fn insert(&mut self, feed: RoomFeed) -> u32 {
        self.0.get_or_insert_default().insert(feed)
    }

    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.0.as_ref()?.find(name)
    }

    pub(super) fn get(&self, number: u32) -> Option<&RoomFeed> {
        self.0.as_ref()?.get(number)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut RoomFeed> {
        self.0.as_mut()?.get_mut(number)
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<RoomFeed> {
        let inside = self.0.as_mut()?;
        let feed = inside.remove(number);
        if inside.feeds.is_empty() && inside.many.is_none() {
            self.0 = None;
        }
        feed
    }

    /// Nothing of any room is read until it is entered again; returns their numbers and names.
    pub(super) fn wait_for_all(&mut self) -> Vec<(u32, RoomName)> {
        self.0
            .as_mut()
            .map_or_else(Vec::new, |it| it.wait_for_all())
    }

    pub(super) fn into_feeds(self) -> impl Iterator<Item = RoomFeed> {
        self.0.into_iter().flat_map(|it| it.feeds).flatten()
    }

    /// This room may have something.
    pub(super) fn enqueue(&mut self, number: u32) {
        if let Some(inside) = &mut self.0 {
            inside.enqueue(number);
        }
    }

    /// The room whose turn it is.
    pub(super) fn first(&mut self) -> Option<u32> {
        self.0.as_mut()?.first()
    }

    /// Nothing more there for now.
    pub(super) fn dequeue_first(&mut self) {
        if let Some(inside) = &mut self.0 {
            inside.dequeue_first();
        }
    }

    /// The next room gets its turn.
    pub(super) fn rotate(&mut self) {
        if let Some(inside) = &mut self.0
            && inside.queue.len() > 1
        {
            inside.queue.rotate_left(1);
        }
    }

    /// This room waits for a page of the log.
    pub(super) fn park(&mut self, number: u32) {
        if let Some(inside) = &mut self.0 {
            inside.park(number);
        }
    }

    /// A page was read: whoever waited for the reading may ask again.
    pub(super) fn unpark(&mut self) {
        if let Some(inside) = &mut self.0 {
            inside.unpark();
        }
    }
}

impl Inside {
    fn len(&self) -> usize {
        let free = self.many.as_ref().map_or(0, |many| many.free.len());
        self.feeds.len() - free - self.conversations()
    }

    fn conversations(&self) -> usize {
        self.many.as_ref().map_or(0, |many| many.conversations)
    }

    fn next_number(&self) -> u32 {
        let free = self
            .many
            .as_ref()
            .and_then(|many| many.free.last().copied());
        free.unwrap_or(self.feeds.len() as u32)
    }

    fn insert(&mut self, feed: RoomFeed) -> u32 {
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

    fn find(&self, name: &str) -> Option<u32> {
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

    fn get(&self, number: u32) -> Option<&RoomFeed> {
        self.feeds.get(number as usize)?.as_ref()
    }

    fn get_mut(&mut self, number: u32) -> Option<&mut RoomFeed> {
        self.feeds.get_mut(number as usize)?.as_mut()
    }

    fn remove(&mut self, number: u32) -> Option<RoomFeed> {
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

    fn iter(&self) -> impl Iterator<Item = (u32, &RoomFeed)> {
        let numbered = self.feeds.iter().enumerate();
        numbered.filter_map(|(number, feed)| Some((number as u32, feed.as_ref()?)))
    }

    /// The fan-out started anew. Nothing of any room is read until it is entered again; returns their numbers and names. A
    /// conversation goes on with what it has: what comes next lets the client in anew.
    fn wait_for_all(&mut self) -> Vec<(u32, RoomName)> {
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

    fn enqueue(&mut self, number: u32) {
        if let Some(feed) = self.get_mut(number)
            && !std::mem::replace(&mut feed.is_queued, true)
        {
            self.queue.push_back(number);
        }
    }

    fn first(&mut self) -> Option<u32> {
        loop {
            let number = *self.queue.front()?;
            if self.get(number).is_some_and(|feed| feed.is_queued) {
                return Some(number);
            }
            self.queue.pop_front();
        }
    }

    fn dequeue_first(&mut self) {
        if let Some(number) = self.queue.pop_front()
            && let Some(feed) = self.get_mut(number)
        {
            feed.is_queued = false;
        }
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }

    fn park(&mut self, number: u32) {
        if let Some(feed) = self.get_mut(number)
            && !std::mem::replace(&mut feed.is_parked, true)
        {
            self.many.get_or_insert_default().parked.push(number);
        }
    }

    fn unpark(&mut self) {
        let Some(many) = &mut self.many else { return };
        for number in std::mem::take(&mut many.parked) {
            if let Some(feed) = self.get_mut(number) {
                feed.is_parked = false;
                self.enqueue(number);
            }
        }
    }
}
