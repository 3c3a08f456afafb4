//! The table of rights: actor, action, state of the room.

use super::{Action, Rank, RoomState, Verdict};

/// What somebody lacks who may not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// An account.
    Account,
    /// To be at least a moderator.
    Moderator,
    /// To be an owner.
    Owner,
    /// Not to be banned.
    Entry,
    /// Not to be muted.
    Voice,
    /// A higher rank than the other one's.
    Rank,
    /// A room: a direct conversation has no such thing.
    Room,
}

impl Missing {
    /// What to tell who asked.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Account => "that needs an account; guests have none",
            Self::Moderator => "that is for the room's moderators and owners",
            Self::Owner => "that is for the room's owners",
            Self::Entry => "you are banned from this room; ask its moderators",
            Self::Voice => "you are muted in this room; ask its moderators",
            Self::Rank => {
                "that can be done only to somebody of a lower rank than your own in this room"
            }
            Self::Room => "a direct conversation has no such thing",
        }
    }

    /// The same in a cell of the page.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Moderator => "moderator",
            Self::Owner => "owner",
            Self::Entry => "banned",
            Self::Voice => "muted",
            Self::Rank => "rank",
            Self::Room => "room",
        }
    }
}

/// What who is muted may not do, whatever else they are; it does not touch admins.
pub const MUTED: [Action; 2] = [Action::Send, Action::Topic];

/// What can be done only to somebody of a lower rank.
pub const AGAINST: [Action; 4] = [
    Action::DeleteOthers,
    Action::Kick,
    Action::Ban,
    Action::Mute,
];

/// One action: a cell for each rank, in the order of [`Rank::ALL`], or one for all.
#[derive(Debug)]
pub struct Row {
    /// Which.
    pub action: Action,
    /// In a room that is not there.
    pub absent: [Verdict; 7],
    /// In a public room.
    pub public: [Verdict; 7],
    /// In a private room.
    pub private: [Verdict; 7],
    /// In a direct conversation of one's own.
    pub own_direct: Verdict,
    /// In one of others.
    pub foreign_direct: Verdict,
}

const YES: Verdict = Verdict::Allowed;
const HID: Verdict = Verdict::NotFound;
const ACC: Verdict = Verdict::Forbidden(Missing::Account);
const MOD: Verdict = Verdict::Forbidden(Missing::Moderator);
const OWN: Verdict = Verdict::Forbidden(Missing::Owner);
const BAN: Verdict = Verdict::Forbidden(Missing::Entry);
const DIR: Verdict = Verdict::Forbidden(Missing::Room);
const HAD: Verdict = Verdict::Taken;

const fn row(
    action: Action,
    absent: [Verdict; 7],
    public: [Verdict; 7],
    private: [Verdict; 7],
    own_direct: Verdict,
) -> Row {
    Row {
        action,
        absent,
        public,
        private,
        own_direct,
        foreign_direct: HID,
    }
}

const NONE: [Verdict; 7] = [HID; 7];

// What every row but the last says of a room that is not there is why HISTORY, WHO and the rest cannot tell it from a private one.
//
// The columns: banned, guest, account, member, moderator, owner, admin.
/// The rights.
#[rustfmt::skip]
pub const TABLE: [Row; 16] = [
    row(Action::Join,             NONE, [BAN, YES, YES, YES, YES, YES, YES], [HID, HID, HID, YES, YES, YES, YES], DIR),
    row(Action::Send,             NONE, [BAN, YES, YES, YES, YES, YES, YES], [HID, HID, HID, YES, YES, YES, YES], YES),
    row(Action::Read,             NONE, [BAN, YES, YES, YES, YES, YES, YES], [HID, HID, HID, YES, YES, YES, YES], YES),
    row(Action::See,              NONE, [YES, YES, YES, YES, YES, YES, YES], [HID, HID, HID, YES, YES, YES, YES], DIR),
    row(Action::DeleteOwn,        NONE, [HID, YES, YES, YES, YES, YES, YES], [HID, HID, HID, YES, YES, YES, YES], YES),
    row(Action::DeleteOthers,     NONE, [HID, MOD, MOD, MOD, YES, YES, YES], [HID, HID, HID, MOD, YES, YES, YES], DIR),
    row(Action::Topic,            NONE, [BAN, MOD, MOD, MOD, YES, YES, YES], [HID, HID, HID, MOD, YES, YES, YES], DIR),
    row(Action::Invite,           NONE, [BAN, MOD, MOD, MOD, YES, YES, YES], [HID, HID, HID, MOD, YES, YES, YES], DIR),
    row(Action::Kick,             NONE, [BAN, MOD, MOD, MOD, YES, YES, YES], [HID, HID, HID, MOD, YES, YES, YES], DIR),
    row(Action::Ban,              NONE, [BAN, MOD, MOD, MOD, YES, YES, YES], [HID, HID, HID, MOD, YES, YES, YES], DIR),
    row(Action::Mute,             NONE, [BAN, MOD, MOD, MOD, YES, YES, YES], [HID, HID, HID, MOD, YES, YES, YES], DIR),
    row(Action::SetPrivacy,       NONE, [BAN, OWN, OWN, OWN, OWN, YES, YES], [HID, HID, HID, OWN, OWN, YES, YES], DIR),
    row(Action::Retention,        NONE, [BAN, OWN, OWN, OWN, OWN, YES, YES], [HID, HID, HID, OWN, OWN, YES, YES], DIR),
    row(Action::AppointModerator, NONE, [BAN, OWN, OWN, OWN, OWN, YES, YES], [HID, HID, HID, OWN, OWN, YES, YES], DIR),
    row(Action::AppointOwner,     NONE, [BAN, OWN, OWN, OWN, OWN, YES, YES], [HID, HID, HID, OWN, OWN, YES, YES], DIR),
    row(Action::Create, [ACC, ACC, YES, YES, YES, YES, YES], [HAD, ACC, HAD, HAD, HAD, HAD, HAD], [HAD, ACC, HAD, HAD, HAD, HAD, HAD], DIR),
];

/// One cell.
pub(super) fn cell(rank: Rank, state: RoomState, action: Action) -> Verdict {
    // Both enumerations are written in the order of the table; a test sees to it.
    let row = &TABLE[action as usize];
    match state {
        RoomState::Absent => row.absent[rank as usize],
        RoomState::Public => row.public[rank as usize],
        RoomState::Private => row.private[rank as usize],
        RoomState::OwnDirect => row.own_direct,
        RoomState::ForeignDirect => row.foreign_direct,
    }
}
