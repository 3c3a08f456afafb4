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
    /// Whether the log did not have what comes next; it is asked again in a while.
    pub is_behind_log: bool,
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
            is_behind_log: false,
            is_parked: false,
            is_queued: false,
        }
    }

    /// Whether nothing can be read or written for it now.
    pub(super) fn is_at_rest(&self) -> bool {
        self.is_waiting || self.is_behind_log
    }

    fn is_conversation(&self) -> bool {
        self.room.end().is_some()
    }

    /// The fan-out started anew: its name, if it has to be entered again.
    fn wait(&mut self) -> Option<RoomName> {
        if self.is_conversation() {
            self.room.cut_off();
            self.cursor.detach();
            return None;
        }
        self.is_waiting = true;
        Some(self.room.name().clone())
    }
}

/// See the module. The numbers are those that stand in the seat's news. Nearly every client is in one room, which stands in the client itself
/// and has the number 0.
#[derive(Default)]
pub(super) struct Rooms {
    one: Option<RoomFeed>,
    /// All of them, once there was a second one. Gone with the last.
    several: Option<Box<Inside>>,
}

#[derive(Default)]
struct Inside {
    feeds: Vec<Option<RoomFeed>>,
    queue: VecDeque<u32>,
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
        let one = self.one.iter().filter(|feed| !feed.is_conversation());
        one.count() + self.several.as_ref().map_or(0, |it| it.len())
    }

    /// How many direct conversations it is in.
    pub(super) fn conversations(&self) -> usize {
        let one = self.one.iter().filter(|feed| feed.is_conversation());
        one.count() + self.several.as_ref().map_or(0, |it| it.conversations())
    }

    /// The number that the next room will have.
    pub(super) fn next_number(&self) -> u32 {
        match &self.several {
            Some(several) => several.next_number(),
            None => u32::from(self.one.is_some()),
        }
    }

    /// Adds a room under the number that [`next_number`](Self::next_number) gave.
    pub(super) fn insert(&mut self, mut feed: RoomFeed) -> u32 {
        if self.one.is_none() && self.several.is_none() {
            feed.is_queued = true;
            self.one = Some(feed);
            return 0;
        }
        let one = self.one.take();
        let several = self.several.get_or_insert_default();
        if let Some(one) = one {
            several.take_first(one);
        }
        several.insert(feed)
    }

    pub(super) fn find(&self, name: &str) -> Option<u32> {
        match &self.several {
            Some(several) => several.find(name),
            None => {
                let one = self.one.as_ref();
                one.filter(|feed| feed.room.name().as_str() == name)
                    .map(|_| 0)
            }
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<&RoomFeed> {
        match &self.several {
            Some(several) => several.get(number),
            None => self.one.as_ref().filter(|_| number == 0),
        }
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut RoomFeed> {
        match &mut self.several {
            Some(several) => several.get_mut(number),
            None => self.one.as_mut().filter(|_| number == 0),
        }
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<RoomFeed> {
        let Some(several) = &mut self.several else {
            return self.one.take_if(|_| number == 0);
        };
        let feed = several.remove(number);
        if several.feeds.is_empty() && several.many.is_none() {
            self.several = None;
        }
        feed
    }

    /// The fan-out started anew. Nothing of any room is read until it is entered again; returns their numbers and names. A
    /// conversation goes on with what it has: what comes next lets the client in anew.
    pub(super) fn wait_for_all(&mut self) -> Vec<(u32, RoomName)> {
        let one = self.one.iter_mut().map(|feed| (0, feed));
        let several = self.several.iter_mut().flat_map(|it| it.iter_mut());
        let waiting = one
            .chain(several)
            .filter_map(|(number, feed)| Some((number, feed.wait()?)))
            .collect();
        if let Some(feed) = self.one.as_mut().filter(|feed| feed.is_conversation()) {
            feed.is_queued = true;
        }
        if let Some(several) = &mut self.several {
            several.enqueue_conversations();
        }
        waiting
    }

    /// Whether what comes next in a room is not in the log yet.
    pub(super) fn is_behind_log(&self) -> bool {
        let several = self.several.iter().flat_map(|it| it.iter());
        let several = several.map(|(_, feed)| feed);
        self.one
            .iter()
            .chain(several)
            .any(|feed| feed.is_behind_log)
    }

    pub(super) fn into_feeds(self) -> impl Iterator<Item = RoomFeed> {
        let several = self.several.into_iter().flat_map(|it| it.feeds).flatten();
        self.one.into_iter().chain(several)
    }

    /// This room may have something.
    pub(super) fn enqueue(&mut self, number: u32) {
        match &mut self.several {
            Some(several) => several.enqueue(number),
            None => {
                if let Some(feed) = self.get_mut(number) {
                    feed.is_queued = true;
                }
            }
        }
    }

    /// The room whose turn it is.
    pub(super) fn first(&mut self) -> Option<u32> {
        match &mut self.several {
            Some(several) => several.first(),
            None => self.one.as_ref().filter(|feed| feed.is_queued).map(|_| 0),
        }
    }

    /// Nothing more there for now.
    pub(super) fn dequeue_first(&mut self) {
        match &mut self.several {
            Some(several) => several.dequeue_first(),
            None => {
                if let Some(feed) = &mut self.one {
                    feed.is_queued = false;
                }
            }
        }
    }

    /// The next room gets its turn.
    pub(super) fn rotate(&mut self) {
        if let Some(several) = &mut self.several
            && several.queue.len() > 1
        {
            several.queue.rotate_left(1);
        }
    }

    /// This room waits for a page of the log.
    pub(super) fn park(&mut self, number: u32) {
        match &mut self.several {
            Some(several) => several.park(number),
            None => {
                if let Some(feed) = self.get_mut(number) {
                    feed.is_parked = true;
                }
            }
        }
    }

    /// A page was read: whoever waited for the reading may ask again.
    pub(super) fn unpark(&mut self) {
        match &mut self.several {
            Some(several) => several.unpark(),
            None => {
                if let Some(feed) = self.one.as_mut().filter(|feed| feed.is_parked) {
                    feed.is_parked = false;
                    feed.is_queued = true;
                }
            }
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

    /// The room that was the only one so far, as it is.
    fn take_first(&mut self, feed: RoomFeed) {
        if feed.is_queued {
            self.queue.push_back(0);
        }
        if feed.is_parked {
            self.many.get_or_insert_default().parked.push(0);
        }
        if feed.is_conversation() {
            self.many.get_or_insert_default().conversations += 1;
        }
        self.feeds.push(Some(feed));
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
        if self.feeds.len() <= SCANNED_ROOMS_MAX {
            many.index = None;
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

    fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut RoomFeed)> {
        let numbered = self.feeds.iter_mut().enumerate();
        numbered.filter_map(|(number, feed)| Some((number as u32, feed.as_mut()?)))
    }

    fn enqueue_conversations(&mut self) {
        let numbers: Vec<u32> = self
            .iter()
            .filter(|(_, feed)| feed.is_conversation())
            .map(|(number, _)| number)
            .collect();
        for number in numbers {
            self.enqueue(number);
        }
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
