//! Who may do what: every verb asks here, and nowhere else.

use crate::store::log::Event;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor<'a> {
    /// The account: the name without regard to case.
    pub account: &'a str,
    /// A guest's account is shared by whoever bears the name next, so a guest owns only what its connection sent.
    pub is_guest: bool,
    /// The session that asks.
    pub session: u64,
}

/// Whether `actor` may remove `event`.
pub fn may_delete(actor: Actor<'_>, event: &Event) -> bool {
    if actor.is_guest {
        event.origin == actor.session
    } else {
        *event.user.account() == *actor.account
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::wire::names::{RoomName, UserName};
    use crate::edge::wire::timestamp::Timestamp;
    use crate::store::log::EventKind;

    #[test]
    fn a_guest_owns_what_its_connection_sent_an_account_what_its_name_sent() {
        let event = Event {
            id: 1,
            time: Timestamp::default(),
            room: RoomName::lobby(),
            user: UserName::parse("Ann").unwrap(),
            kind: EventKind::Message(bytes::Bytes::new()),
            origin: 7,
            nonce: 0,
        };
        for (account, is_guest, session, allowed) in [
            ("ann", true, 7, true),
            ("ann", true, 8, false),
            ("bob", true, 7, true),
            ("ann", false, 8, true),
            ("bob", false, 7, false),
        ] {
            let actor = Actor {
                account,
                is_guest,
                session,
            };
            assert_eq!(may_delete(actor, &event), allowed, "{actor:?}");
        }
    }
}
