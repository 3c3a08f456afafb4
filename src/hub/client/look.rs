//! Whether a room is there: for a room without a policy, the log and all fan-outs have to be asked.
//!
//! Who may not know of a room is answered after the same look as for one that is not there.

use actix::{Handler, Message};

use crate::edge::wire::gc2::range::{HistoryRange, JoinFrom};
use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::names::{RoomName, Tag};
use crate::hub::ask::ask;
use crate::hub::auth::HasAccount;
use crate::hub::registry::Wish;
use crate::hub::room::HasMembers;
use crate::hub::rules::access::{Action, NO_SUCH_ROOM};
use crate::hub::rules::room_change::Change;
use crate::hub::shard::Links;

use crate::hub::light::LightContext;
use crate::ops::panic_at;

use super::direct::NO_SUCH_ACCOUNT;
use super::room_change::Then;
use super::{Busy, Client};

/// A look under way.
pub(super) struct Look {
    tag: Tag,
    room: RoomName,
    ticket: u32,
    then: AfterLook,
}

/// What the look is for.
pub(super) enum AfterLook {
    /// To answer that there is no such room, whatever is found.
    NotFound,
    /// To read of its past.
    Read(HistoryRange, u16),
    /// To tell who is in it.
    Who,
    /// To join it, or begin it.
    Join(JoinFrom),
    /// To change it.
    Change(Change),
}

impl Client {
    /// Whether the room is there without a look: it has a policy, is the lobby, or this client is in it.
    pub(super) fn is_surely_there(&self, room: &RoomName) -> bool {
        room.is_lobby()
            || self.shard.policies.has(room.as_str())
            || self.rooms.find(room.as_str()).is_some()
    }

    pub(super) fn look_for(&mut self, tag: Tag, room: RoomName, then: AfterLook) {
        let ticket = self.next_ticket();
        let (links, client) = (self.shard.links().clone(), self.address());
        let wanted = room.clone();
        let is_hidden = matches!(then, AfterLook::NotFound);
        self.busy = Some(Box::new(Busy::Look(Look {
            tag,
            room,
            ticket,
            then,
        })));
        actix_rt::spawn(async move {
            let is_there = is_there(&links, &wanted, is_hidden).await;
            client.do_send(RoomLooked { ticket, is_there });
        });
    }

    fn take_look(&mut self, looked: &RoomLooked) {
        let is_awaited =
            matches!(self.busy.as_deref(), Some(Busy::Look(look)) if look.ticket == looked.ticket);
        if !is_awaited {
            return;
        }
        let Some(Busy::Look(look)) = self.busy.take().map(|busy| *busy) else {
            return;
        };
        let tag = look.tag.as_str();
        let Some(is_there) = looked.is_there else {
            let text = "looking for the room failed; try again";
            self.refuse(tag, ErrorCode::Unavailable, text);
            return;
        };
        match look.then {
            AfterLook::NotFound => self.refuse(tag, ErrorCode::NotFound, NO_SUCH_ROOM),
            AfterLook::Read(range, limit) if is_there => {
                if self.may_still_read(tag, &look.room) {
                    self.begin_history(look.tag, look.room, range, limit);
                }
            }
            AfterLook::Who if is_there => {
                if self.may_still_read(tag, &look.room) {
                    self.begin_list_members(look.tag, look.room);
                }
            }
            AfterLook::Join(from) if is_there => self.begin_join(look.tag, look.room, from),
            AfterLook::Join(from) if self.shard.config().rooms.auto_create => {
                let then = Then::Join(from);
                self.ask_registry(look.tag, look.room, false, Wish::Begin, then);
            }
            AfterLook::Change(change) if is_there || change == Change::Create => {
                let wish = Wish::Change(change);
                self.ask_registry(look.tag, look.room, is_there, wish, Then::Answer);
            }
            AfterLook::Read(..) if look.room.is_direct() => {
                self.refuse(tag, ErrorCode::NotFound, NO_SUCH_ACCOUNT);
            }
            // Without asking the registry: it may be waiting for the disk, which nobody waits for who asks for a room that is hidden.
            AfterLook::Read(..) | AfterLook::Who | AfterLook::Join(_) | AfterLook::Change(_) => {
                self.refuse(tag, ErrorCode::NotFound, NO_SUCH_ROOM);
            }
        }
    }

    /// The room may have become another's business during the look.
    fn may_still_read(&mut self, tag: &str, room: &RoomName) -> bool {
        let verdict = self.judge(room, Action::Read);
        !self.refuse_unless_allowed(tag, verdict)
    }
}

/// Whether the log knows the room or anybody is in it; of a direct conversation, whether the log knows it or there are accounts that
/// could have it. `None` if nobody could be asked. A hidden room is looked for to the end, as one that is not there: how long the answer
/// takes must not tell them apart.
async fn is_there(links: &Links, room: &RoomName, is_hidden: bool) -> Option<bool> {
    let (sender, known) = tokio::sync::oneshot::channel();
    let wanted = room.clone();
    links.reads.run(
        move |reader| reader.room_newest(&wanted) > 0,
        move |known| {
            let _ = sender.send(known);
        },
    );
    let mut is_there = known.await.ok()??;
    if let Some((one, other)) = room.ends() {
        for end in [one, other].into_iter().filter(|_| !is_there) {
            if !ask(&links.auth, HasAccount(end.into())).await?? {
                return Some(false);
            }
        }
        return Some(true);
    }
    for shard in links.rooms.iter() {
        if is_there && !is_hidden {
            break;
        }
        is_there |= ask(shard, HasMembers(room.clone())).await == Some(true);
    }
    Some(is_there)
}

/// Whether a room is there.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct RoomLooked {
    ticket: u32,
    is_there: Option<bool>,
}

impl Handler<RoomLooked> for Client {
    type Result = ();

    fn handle(&mut self, looked: RoomLooked, _: &mut LightContext) {
        let _place = panic_at::place("client/RoomLooked");
        self.take_look(&looked);
    }
}
