//! What others leave at a seat seldom.

use std::sync::Arc;

use crate::edge::wire::names::RoomName;
use crate::hub::auth::LogInResult;
use crate::hub::registry::ChangeAnswer;
use crate::hub::room::{JoinRefused, JoinedRoom};

/// What is left at a seat seldom; an idle client has none of it.
#[derive(Default)]
pub(super) struct Rare {
    pub(super) joined: Vec<JoinedRoom>,
    pub(super) refused: Vec<JoinRefused>,
    /// Rooms that the client is put out of, and why. Each room stands here once.
    pub(super) outs: Vec<(RoomName, Arc<str>)>,
    /// The newest TOPIC line of each room that got one.
    pub(super) topics: Vec<(RoomName, Arc<[u8]>)>,
    pub(super) change: Option<ChangeAnswer>,
    pub(super) log_in: Option<LogInResult>,
    pub(super) notes: Vec<u8>,
}

impl Rare {
    pub(super) fn is_empty(&self) -> bool {
        self.joined.is_empty()
            && self.refused.is_empty()
            && self.outs.is_empty()
            && self.topics.is_empty()
            && self.change.is_none()
            && self.log_in.is_none()
            && self.notes.is_empty()
    }
}

/// The newest value of a room takes the place of the one before.
pub(super) fn put<T>(list: &mut Vec<(RoomName, T)>, room: &RoomName, value: T) {
    match list.iter_mut().find(|(known, _)| known == room) {
        Some(known) => known.1 = value,
        None => list.push((room.clone(), value)),
    }
}
