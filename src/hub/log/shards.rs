//! What shards say to the log. In: that one is there, opens a room, or has started anew. Out: what it has to know, in the order of the groups.

use actix::{Addr, Context, Handler, Message};
use slog::warn;

use crate::edge::wire::names::RoomName;
use crate::hub::room::{Room, RoomOpened};
use crate::ops::{again, panic_at};

use super::{MessageLog, ShardLink};

/// A shard joins the log's listeners.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AddShard(pub ShardLink);

impl Handler<AddShard> for MessageLog {
    type Result = ();

    fn handle(&mut self, add: AddShard, _: &mut Context<Self>) {
        let add = again::keep(self, add);
        let _place = panic_at::place("log/AddShard");
        self.shards.push(add.take().0);
    }
}

/// A fan-out opens a room: it is told the newest id, and later ids come in batches behind that.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct OpenRoom {
    /// Which shard.
    pub shard: u16,
    /// Which room.
    pub room: RoomName,
}

impl Handler<OpenRoom> for MessageLog {
    type Result = ();

    fn handle(&mut self, open: OpenRoom, _: &mut Context<Self>) {
        let open = again::keep(self, open);
        let _place = panic_at::place("log/OpenRoom");
        // Whatever is committed has been told to the shard by now: commits and tellings are one step here.
        let readable = self.reader.current().room_newest(&open.room);
        let told = self.ahead.get(&open.room).copied().unwrap_or(0);
        let newest = readable.max(told);
        if let Some(shard) = self.shards.get(usize::from(open.shard)) {
            shard.room.opened(RoomOpened {
                room: open.room.clone(),
                newest,
            });
        }
    }
}

/// A fan-out started anew: tell it again what it has not heard to the end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Resync {
    /// Which shard.
    pub shard: u16,
    /// Where it is reached.
    pub room: Addr<Room>,
}

impl Handler<Resync> for MessageLog {
    type Result = ();

    fn handle(&mut self, resync: Resync, _: &mut Context<Self>) {
        let resync = again::keep(self, resync);
        let _place = panic_at::place("log/Resync");
        if let Some(shard) = self.shards.get_mut(usize::from(resync.shard)) {
            shard.room = Box::new(resync.room.clone());
            let again = shard.tell_again();
            warn!(self.log, "shard is told again"; "shard" => resync.shard, "batches" => again);
        }
    }
}
