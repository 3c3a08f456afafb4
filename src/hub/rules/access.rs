//! Who may do what in which room: every verb asks here, and nowhere else.
//!
//! In: who asks, and what is known of the room. Out: a [`Verdict`]. [`table`] is what it decides by; the same table stands in
//! docs/operations.md and is what the tests walk through.

mod page;
mod table;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::names::RoomName;
use crate::edge::wire::timestamp::Timestamp;
use crate::store::accounts::{Person, RoomPolicy, RoomRole};
use crate::store::log::Event;

use super::standing::Standing;
pub use page::as_page;
pub use table::{AGAINST, MUTED, Missing, Row, TABLE};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who<'a> {
    /// What the server knows of them.
    pub standing: Standing,
    /// The account: the name without regard to case.
    pub account: &'a str,
    /// Where they connect from.
    pub address: IpAddr,
}

/// What somebody is in a room, all things taken together. Each outranks the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// Kept out, by account or by address.
    Banned,
    /// Has no account.
    Guest,
    /// Has an account, and no role in the room.
    Account,
    /// Belongs to the room.
    Member,
    /// Keeps order in it.
    Moderator,
    /// Decides about it.
    Owner,
    /// Runs the server.
    Admin,
}

impl Rank {
    /// All of them, the lowest first: the columns of the table.
    pub const ALL: [Self; 7] = [
        Self::Banned,
        Self::Guest,
        Self::Account,
        Self::Member,
        Self::Moderator,
        Self::Owner,
        Self::Admin,
    ];

    /// What `who` is in a room with this policy; a room without one was begun by guests and knows nobody.
    pub fn of(who: Who<'_>, policy: Option<&RoomPolicy>) -> Self {
        let address = who.address.to_canonical();
        let is_banned_address = || {
            policy.is_some_and(|policy| {
                let mut networks = policy.banned_addresses.iter();
                networks.any(|network| network.contains(&address))
            })
        };
        let person = person(policy, who.account);
        match Self::of_name(who.standing, person) {
            // Who keeps order is not kept out by a ban of a network that happens to be theirs too.
            rank if rank >= Self::Moderator => rank,
            _ if is_banned_address() => Self::Banned,
            rank => rank,
        }
    }

    /// The same, of somebody whose address does not matter or is not known.
    pub fn of_name(standing: Standing, person: Person) -> Self {
        if standing == Standing::Admin {
            return Self::Admin;
        }
        if person.is_banned {
            return Self::Banned;
        }
        if standing.is_guest() {
            // A role belongs to an account; whoever bears its name without one has none.
            return Self::Guest;
        }
        match person.role {
            None => Self::Account,
            Some(RoomRole::Member) => Self::Member,
            Some(RoomRole::Moderator) => Self::Moderator,
            Some(RoomRole::Owner) => Self::Owner,
        }
    }
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Enter.
    Join,
    /// Say something.
    Send,
    /// HISTORY, GET, WHO, and to hear what is said.
    Read,
    /// Find it in ROOMS.
    See,
    /// Remove a message of one's own.
    DeleteOwn,
    /// Remove somebody else's message.
    DeleteOthers,
    /// Say what the room is about.
    Topic,
    /// Make somebody a member who has no role.
    Invite,
    /// Put somebody out, who may come back.
    Kick,
    /// Keep somebody out, or let them in again.
    Ban,
    /// Keep somebody from speaking, or let them again.
    Mute,
    /// Make it private or public.
    SetPrivacy,
    /// Decide how much of it is kept.
    Retention,
    /// Make somebody a moderator or a member, whatever below an owner they were.
    AppointModerator,
    /// Make somebody an owner, or make an owner less than that.
    AppointOwner,
    /// Begin it.
    Create,
}

impl Action {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 16] = [
        Self::Join,
        Self::Send,
        Self::Read,
        Self::See,
        Self::DeleteOwn,
        Self::DeleteOthers,
        Self::Topic,
        Self::Invite,
        Self::Kick,
        Self::Ban,
        Self::Mute,
        Self::SetPrivacy,
        Self::Retention,
        Self::AppointModerator,
        Self::AppointOwner,
        Self::Create,
    ];
}

/// What kind of room it is, for the one who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoomState {
    /// Nowhere known: no policy, no message, nobody in it.
    Absent,
    /// For everybody.
    Public,
    /// For those with a role in it.
    Private,
    /// A direct conversation of which the asker is one end.
    OwnDirect,
    /// A direct conversation of others.
    ForeignDirect,
}

impl RoomState {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Absent,
        Self::Public,
        Self::Private,
        Self::OwnDirect,
        Self::ForeignDirect,
    ];

    /// The state of a room that is there, be it without a policy.
    pub fn of(who: Who<'_>, room: &RoomName, policy: Option<&RoomPolicy>) -> Self {
        if room.is_direct() {
            // A guest may bear the name of an account that is gone.
            let is_end = !who.standing.is_guest() && room.other_end(who.account).is_some();
            return if is_end {
                Self::OwnDirect
            } else {
                Self::ForeignDirect
            };
        }
        match policy {
            Some(policy) if policy.is_private => Self::Private,
            _ => Self::Public,
        }
    }
}

/// What the rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Go on.
    Allowed,
    /// Answer exactly as if there were no such room or message.
    NotFound,
    /// Say what is missing.
    Forbidden(Missing),
    /// The room is there already.
    Taken,
}

impl Verdict {
    /// Whether to go on.
    pub fn is_allowed(self) -> bool {
        self == Self::Allowed
    }
}

/// What whoever asks is told of a room that is not there, and of one that is not there for them.
pub const NO_SUCH_ROOM: &str = "there is no such room";
/// The same of a message.
pub const NO_SUCH_MESSAGE: &str = "there is no such message";

/// The answer to what is not allowed.
pub fn refusal_of(verdict: Verdict) -> Option<(ErrorCode, String)> {
    let (code, text) = match verdict {
        Verdict::Allowed => return None,
        Verdict::NotFound => (ErrorCode::NotFound, NO_SUCH_ROOM),
        Verdict::Forbidden(missing) => (ErrorCode::Forbidden, missing.text()),
        Verdict::Taken => (
            ErrorCode::Conflict,
            "there is a room of this name already; choose another",
        ),
    };
    Some((code, text.to_owned()))
}

/// The rule for a room that is there, be it without a policy: whether `who` may do this in it.
pub fn judge(
    who: Who<'_>,
    room: &RoomName,
    policy: Option<&RoomPolicy>,
    action: Action,
) -> Verdict {
    let rank = Rank::of(who, policy);
    let is_muted = person(policy, who.account).is_muted;
    decide(rank, is_muted, RoomState::of(who, room, policy), action)
}

/// The rule itself.
pub fn decide(rank: Rank, is_muted: bool, state: RoomState, action: Action) -> Verdict {
    let verdict = table::cell(rank, state, action);
    if verdict.is_allowed() && is_muted && rank < Rank::Admin && MUTED.contains(&action) {
        return Verdict::Forbidden(Missing::Voice);
    }
    verdict
}

/// Whether somebody of this rank, who may do this, may do it to somebody of that rank.
pub fn decide_against(actor: Rank, target: Rank, action: Action) -> Verdict {
    if AGAINST.contains(&action) && target >= actor {
        return Verdict::Forbidden(Missing::Rank);
    }
    Verdict::Allowed
}

/// What a room knows of an account or guest.
pub fn person(policy: Option<&RoomPolicy>, account: &str) -> Person {
    let known = policy.and_then(|policy| policy.people.get(account));
    known.copied().unwrap_or_default()
}

/// Whether `event` was said by this account, made at `since`, or, for a guest, by this session: whoever bore the name before, as a guest or
/// as an account that was removed, was somebody else.
pub fn is_own(
    standing: Standing,
    account: &str,
    session: u64,
    since: Timestamp,
    event: &Event,
) -> bool {
    if standing.is_guest() {
        event.origin == session
    } else {
        *event.user.account() == *account && event.time >= since
    }
}
