//! An original client's place in the lobby, and the name it is seen under.
//!
//! The name is known only with a message. Until the first one WHO shows `legacy-` and the address; from then on the name of the
//! latest message. A new name means leaving the lobby and entering it again, while the cursor stays where it is: others see one go and
//! another come, and nothing is missed.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::edge::wire::names::{RoomName, UserName};
use crate::hub::room::{JoinRoom, JoinedRoom, LocalRoom, Membership};
use crate::hub::rules::cursor::Cursor;
use crate::hub::rules::standing::Standing;
use crate::hub::seat::Identity;
use crate::hub::session::Ending;

use super::client::LegacyClient;

/// A client that changes its name with every message is shown under a new one only so often; its records bear each name.
const RENAME_PAUSE: Duration = Duration::from_secs(1);

/// Of their own, so a GC/2 guest of the same name is another account.
static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The name of a client that has not said anything yet. Characters that a name cannot have become `_` (colons of IPv6), and
/// what is too long for a name is cut.
pub(super) fn name_before_any(address: IpAddr) -> UserName {
    UserName::repaired(&format!("legacy-{address}")).0
}

/// Who an original client is under a name: always a guest.
pub(super) fn identity(user: &UserName) -> Identity {
    let account = user.account();
    Identity {
        user: user.clone(),
        key: KEYS.hash_one(&account),
        account,
        standing: Standing::Guest,
        epoch: 0,
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Lobby {
    inside: Option<(Rc<LocalRoom>, Rc<Membership>)>,
    /// The number of the request to enter that counts; an answer to an earlier one is given back.
    asked: u32,
    renamed_at: Option<Instant>,
}

impl Lobby {
    pub(super) fn is_in(&self) -> bool {
        self.inside.is_some()
    }

    /// The room for reading, as of now: what comes later is told again.
    pub(super) fn look(&self) -> Option<&Rc<LocalRoom>> {
        let (room, membership) = self.inside.as_ref()?;
        membership.seen();
        Some(room)
    }
}

impl LegacyClient {
    /// Asks the fan-out to be let in; `again` if others were told already.
    pub(super) fn ask_lobby(&mut self, again: bool) {
        self.lobby.asked = self.lobby.asked.wrapping_add(1);
        self.shard.links().room.do_send(JoinRoom {
            client: self.seat.client,
            membership: self.lobby.asked,
            room: RoomName::lobby(),
            again,
        });
    }

    pub(super) fn take_lobby_orders(&mut self) {
        if self.seat.take_rejoin_order() {
            // The old fan-out's room is gone; what was heard stays, as an id.
            let was_in = self.lobby.inside.take().is_some();
            self.ask_lobby(was_in);
        }
        for joined in self.seat.take_joined() {
            self.enter(joined);
        }
        // This protocol has no word for it but the end; who was only kicked may log in again.
        if !self.seat.take_refused().is_empty() {
            self.end(Ending::Refused("banned from the lobby"));
        }
        // It is known by its name and address in other rooms too, where it never is.
        let outs = self.seat.take_outs();
        if outs.iter().any(|(room, _)| room.is_lobby()) {
            self.end(Ending::Refused("put out of the lobby"));
        }
        drop(self.seat.take_topics());
    }

    fn enter(&mut self, joined: JoinedRoom) {
        if joined.number() != self.lobby.asked {
            self.leave(&joined.room, &joined.membership);
            return;
        }
        let newest = joined.newest;
        let cursor = self.cursor.get_or_insert(Cursor::behind(newest));
        cursor.detach();
        self.lobby.inside = Some((joined.room, joined.membership));
    }

    /// Takes the name of a message, if it is another one and not too soon.
    pub(super) fn be_called(&mut self, user: &UserName) {
        let is_same = self.seat.identity().is_some_and(|who| who.user == *user);
        let too_soon = |at: Instant| at.elapsed() < RENAME_PAUSE;
        if is_same || self.lobby.renamed_at.is_some_and(too_soon) {
            return;
        }
        // On its way in it is counted under the name it came with; the next message gives it its name.
        let Some((room, membership)) = self.lobby.inside.take() else {
            return;
        };
        self.leave(&room, &membership);
        self.lobby.renamed_at = Some(Instant::now());
        self.seat.set_identity(identity(user));
        self.ask_lobby(false);
    }

    pub(super) fn leave_lobby_for_good(&mut self) {
        for joined in self.seat.take_joined() {
            self.leave(&joined.room, &joined.membership);
        }
        if let Some((room, membership)) = self.lobby.inside.take() {
            self.leave(&room, &membership);
        }
    }

    fn leave(&self, room: &LocalRoom, membership: &Rc<Membership>) {
        self.shard.leave_room(room, membership);
    }
}
