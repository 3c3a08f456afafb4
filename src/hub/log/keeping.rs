//! What single rooms keep. In: their settings. Out: the same to the store, and to every shard what has expired: it is not told from memory
//! either. Owns the settings, for when the store is opened anew.

use actix::{Context, Handler, Message};
use slog::warn;

use crate::edge::wire::names::RoomName;
use crate::hub::room::RoomExpired;
use crate::ops::{again, panic_at};
use crate::store::log::RoomRetention;

use super::MessageLog;

/// What a room keeps.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) retention: RoomRetention,
    /// What the shards know to have expired.
    floor: u64,
}

impl MessageLog {
    /// Tells the store what these rooms keep, and remembers it for when the store is opened anew.
    pub(super) fn keep_rooms(&mut self, rooms: Vec<(RoomName, RoomRetention)>) {
        if rooms.is_empty() {
            return;
        }
        if let Some(store) = &mut self.store
            && let Err(error) = store.set_room_retentions(&rooms)
        {
            // It is in force all the same, and made durable by the next maintenance.
            warn!(self.log, "retention of rooms not written yet"; "error" => %error);
        }
        for (room, retention) in rooms {
            // One that has a limit no longer stays here too: what has expired already is still to leave the tails.
            let kept = self.kept.entry(room).or_default();
            kept.retention = retention;
        }
        self.expire_tails();
    }

    /// What has expired in the log is not told from memory either.
    pub(super) fn expire_tails(&mut self) {
        let reader = self.reader.current();
        for (room, kept) in &mut self.kept {
            let floor = reader.room_floor(room);
            if floor > kept.floor {
                kept.floor = floor;
                for shard in &self.shards {
                    let room = room.clone();
                    shard.room.expired(RoomExpired { room, floor });
                }
            }
        }
        let is_over = |kept: &Kept| kept.retention.is_none();
        self.kept.retain(|_, kept| !is_over(kept));
    }
}

/// What these rooms keep from now on.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct KeepRooms(pub Vec<(RoomName, RoomRetention)>);

impl Handler<KeepRooms> for MessageLog {
    type Result = ();

    fn handle(&mut self, rooms: KeepRooms, _: &mut Context<Self>) {
        let rooms = again::keep(self, rooms);
        let _place = panic_at::place("log/KeepRooms");
        self.keep_rooms(rooms.0.clone());
    }
}
