//! What ROOM can change: from the words of the line to what is to be written. Pure.
//!
//! [`Change::parse`] reads the line; [`plan`] says what it means for a room, which also asks whether it may be done to the person it is
//! done to. Whether the one who asks may do it at all is [`access`]'s matter, and is asked before.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::edge::wire::escape::unescape_sent;
use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::names::UserName;
use crate::edge::wire::timestamp::Timestamp;
use crate::ops::config::parse_duration;
use crate::store::accounts::{Person, RetentionRule, RoomEdit, RoomPolicy, RoomRole, Topic};

use super::access::{self, Action, Missing, Rank, Verdict};
use super::standing::Standing;

/// Longest topic, in bytes before escaping.
pub const TOPIC_BYTES_MAX: usize = 512;
/// The widest network that can be banned: more would be a continent.
pub const BAN_BITS_V4_MIN: u8 = 8;
/// The same for IPv6: what a provider has.
pub const BAN_BITS_V6_MIN: u8 = 32;

/// The actions of ROOM, as an answer lists them.
pub const ACTIONS: &str = "create topic private public invite kick ban unban mute unmute owner moderator member retention";

/// Why something is not done.
pub type Refusal = (ErrorCode, String);

/// What is to change in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It comes to be.
    Create,
    /// What it is about; empty for nothing.
    Topic(String),
    /// Private, or public again.
    Private(bool),
    /// Somebody becomes a member.
    Invite(UserName),
    /// Somebody is put out and may come back.
    Kick(UserName),
    /// Somebody, or a network, is kept out.
    Ban(Target),
    /// Not any longer.
    Unban(Target),
    /// Somebody may not speak.
    Mute(UserName),
    /// Not any longer.
    Unmute(UserName),
    /// Somebody gets this role, whatever they were.
    Appoint(UserName, RoomRole),
    /// How much is kept.
    Retention(RetentionRule),
}

/// Whom a ban is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An account.
    User(UserName),
    /// An address is a network of one.
    Network(IpNet),
}

impl Change {
    /// Reads action and argument of a ROOM line.
    pub fn parse(action: &str, argument: &str) -> Result<Self, Refusal> {
        let user = || user(action, argument);
        Ok(match action {
            "create" => Self::Create,
            "topic" => Self::Topic(topic(argument)?),
            "private" => Self::Private(true),
            "public" => Self::Private(false),
            "invite" => Self::Invite(user()?),
            "kick" => Self::Kick(user()?),
            "ban" => Self::Ban(target(action, argument)?),
            "unban" => Self::Unban(target(action, argument)?),
            "mute" => Self::Mute(user()?),
            "unmute" => Self::Unmute(user()?),
            "owner" => Self::Appoint(user()?, RoomRole::Owner),
            "moderator" => Self::Appoint(user()?, RoomRole::Moderator),
            "member" => Self::Appoint(user()?, RoomRole::Member),
            "retention" => Self::Retention(retention(argument)?),
            _ => {
                let text = format!("ROOM has no such action; there are {ACTIONS}");
                return Err((ErrorCode::BadRequest, text));
            }
        })
    }

    /// The right it takes.
    pub fn action(&self) -> Action {
        match self {
            Self::Create => Action::Create,
            Self::Topic(_) => Action::Topic,
            Self::Private(_) => Action::SetPrivacy,
            Self::Invite(_) => Action::Invite,
            Self::Kick(_) => Action::Kick,
            Self::Ban(_) | Self::Unban(_) => Action::Ban,
            Self::Mute(_) | Self::Unmute(_) => Action::Mute,
            Self::Appoint(_, RoomRole::Owner) => Action::AppointOwner,
            Self::Appoint(..) => Action::AppointModerator,
            Self::Retention(_) => Action::Retention,
        }
    }

    /// Its name in the audit log.
    pub fn audit_name(&self) -> &'static str {
        match self {
            Self::Create => "room.create",
            Self::Topic(_) => "room.topic",
            Self::Private(true) => "room.private",
            Self::Private(false) => "room.public",
            Self::Invite(_) => "room.invite",
            Self::Kick(_) => "room.kick",
            Self::Ban(_) => "room.ban",
            Self::Unban(_) => "room.unban",
            Self::Mute(_) => "room.mute",
            Self::Unmute(_) => "room.unmute",
            Self::Appoint(_, RoomRole::Owner) => "room.owner",
            Self::Appoint(_, RoomRole::Moderator) => "room.moderator",
            Self::Appoint(_, RoomRole::Member) => "room.member",
            Self::Retention(_) => "room.retention",
        }
    }

    /// The user it is done to.
    pub fn user(&self) -> Option<&UserName> {
        match self {
            Self::Invite(user)
            | Self::Kick(user)
            | Self::Ban(Target::User(user))
            | Self::Unban(Target::User(user))
            | Self::Mute(user)
            | Self::Unmute(user)
            | Self::Appoint(user, _) => Some(user),
            Self::Create
            | Self::Topic(_)
            | Self::Private(_)
            | Self::Ban(Target::Network(_))
            | Self::Unban(Target::Network(_))
            | Self::Retention(_) => None,
        }
    }

    /// Whom or what it is done to, in the audit log.
    pub fn subject(&self) -> Option<String> {
        match self {
            Self::Ban(Target::Network(network)) | Self::Unban(Target::Network(network)) => {
                Some(network.to_string())
            }
            _ => self.user().map(|user| user.account().to_string()),
        }
    }

    /// The rest of it, in the audit log.
    pub fn detail(&self) -> String {
        match self {
            Self::Topic(topic) => topic.clone(),
            Self::Retention(rule) if *rule == RetentionRule::default() => "none".to_owned(),
            Self::Retention(rule) => {
                format!("age={}s messages={}", rule.age.as_secs(), rule.messages)
            }
            _ => String::new(),
        }
    }
}

fn bad(text: impl Into<String>) -> Refusal {
    (ErrorCode::BadRequest, text.into())
}

fn user(action: &str, argument: &str) -> Result<UserName, Refusal> {
    UserName::parse(argument).map_err(|error| bad(format!("{action} needs a name: {error}")))
}

fn topic(argument: &str) -> Result<String, Refusal> {
    let raw = unescape_sent(argument.as_bytes()).into_owned();
    if raw.len() > TOPIC_BYTES_MAX {
        let text = format!("a topic is at most {TOPIC_BYTES_MAX} bytes; say it in fewer");
        return Err((ErrorCode::TooLarge, text));
    }
    // Escapes are characters of their own, so what was text stays text.
    String::from_utf8(raw).map_err(|_| bad("the topic is not UTF-8"))
}

/// What reads as an address is one, though a user may be called so.
fn target(action: &str, argument: &str) -> Result<Target, Refusal> {
    if let Ok(address) = argument.parse::<IpAddr>() {
        return Ok(Target::Network(IpNet::from(address.to_canonical())));
    }
    if !argument.contains(['/', ':']) {
        return user(action, argument).map(Target::User);
    }
    let network = argument.parse::<IpNet>().map_err(|_| {
        bad(format!(
            "{action} needs an account, an address, or a network such as 192.0.2.0/24 or 2001:db8::/48"
        ))
    })?;
    let network = canonical(network).trunc();
    let bits_min = match network {
        IpNet::V4(_) => BAN_BITS_V4_MIN,
        IpNet::V6(_) => BAN_BITS_V6_MIN,
    };
    if network.prefix_len() < bits_min {
        let text = format!(
            "a network of /{} is too wide to ban; at most /{BAN_BITS_V4_MIN} of IPv4 and /{BAN_BITS_V6_MIN} of IPv6",
            network.prefix_len()
        );
        return Err(bad(text));
    }
    Ok(Target::Network(network))
}

/// An IPv4 network in IPv6 dress is that IPv4 network: addresses are compared so.
fn canonical(network: IpNet) -> IpNet {
    let mapped = |address: Ipv6Addr| address.to_ipv4_mapped();
    match network {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => match mapped(v6.network()) {
            Some(v4) => Ipv4Net::new(v4, v6.prefix_len() - 96).map_or(network, IpNet::V4),
            None => network,
        },
        _ => network,
    }
}

fn retention(argument: &str) -> Result<RetentionRule, Refusal> {
    const FORM: &str = "retention is none, or age=30d, messages=1000, or both with a space between";
    let mut rule = RetentionRule::default();
    if argument == "none" {
        return Ok(rule);
    }
    for pair in argument.split_ascii_whitespace() {
        match pair.split_once('=') {
            Some(("age", age)) => {
                rule.age = parse_duration(age).map_err(|error| bad(format!("{FORM}: {error}")))?;
            }
            Some(("messages", count)) => {
                rule.messages = count
                    .parse()
                    .map_err(|_| bad(format!("{FORM}: messages is a whole number")))?;
            }
            _ => return Err(bad(FORM)),
        }
    }
    if rule == RetentionRule::default() {
        return Err(bad(FORM));
    }
    Ok(rule)
}

/// What a change comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// It is so already.
    Nothing,
    /// Write this.
    Edit(RoomEdit),
    /// Nothing to write but the entry in the audit log: somebody is put out.
    Kick,
}

/// What somebody who may make this change does to the room by it. `target` is what the server knows of the user it is done to:
/// `None` if there is no such account.
pub fn plan(
    change: &Change,
    by: (&UserName, Rank),
    policy: &RoomPolicy,
    target: Option<Standing>,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let edit = match change {
        // A room comes to be without a policy to change.
        Change::Create => return Ok(Plan::Nothing),
        Change::Topic(text) => {
            let topic = (!text.is_empty()).then(|| Topic {
                text: text.clone(),
                by: by.0.clone(),
                at: now,
            });
            let text_of = |topic: &Option<Topic>| topic.as_ref().map(|topic| topic.text.clone());
            if text_of(&policy.topic) == text_of(&topic) {
                return Ok(Plan::Nothing);
            }
            RoomEdit::Topic(topic)
        }
        Change::Private(wanted) if *wanted == policy.is_private => return Ok(Plan::Nothing),
        Change::Private(wanted) => RoomEdit::Private(*wanted),
        Change::Retention(rule) if *rule == policy.retention => return Ok(Plan::Nothing),
        Change::Retention(rule) => RoomEdit::Retention(*rule),
        Change::Ban(Target::Network(network)) => {
            if policy.banned_addresses.contains(network) {
                return Ok(Plan::Nothing);
            }
            RoomEdit::BanAddress(*network)
        }
        Change::Unban(Target::Network(network)) => {
            if !policy.banned_addresses.contains(network) {
                let text = format!("{network} is not banned here; a ban is lifted as it was made");
                return Err((ErrorCode::NotFound, text));
            }
            RoomEdit::UnbanAddress(*network)
        }
        Change::Invite(user)
        | Change::Kick(user)
        | Change::Ban(Target::User(user))
        | Change::Unban(Target::User(user))
        | Change::Mute(user)
        | Change::Unmute(user)
        | Change::Appoint(user, _) => return plan_person(change, user, by.1, policy, target),
    };
    Ok(Plan::Edit(edit))
}

/// A change of what a room knows of one user.
fn plan_person(
    change: &Change,
    user: &UserName,
    by: Rank,
    policy: &RoomPolicy,
    target: Option<Standing>,
) -> Result<Plan, Refusal> {
    let account = user.account();
    let before = access::person(Some(policy), &account);
    let rank = Rank::of_name(target.unwrap_or(Standing::Guest), before);
    // Which acts are against somebody, the table knows. To lift a mute is one of them: nobody gives the word back to themselves.
    if let Verdict::Forbidden(missing) = access::decide_against(by, rank, change.action()) {
        return Err((ErrorCode::Forbidden, missing.text().to_owned()));
    }
    let mut person = before;
    match change {
        Change::Kick(_) => return Ok(Plan::Kick),
        Change::Ban(_) if target.is_none() => {
            let text = format!(
                "there is no account {user}; a guest is kept out by address: ROOM;tag;room;ban;address"
            );
            return Err((ErrorCode::NotFound, text));
        }
        Change::Ban(_) => {
            person.role = None;
            person.is_banned = true;
        }
        Change::Unban(_) if !before.is_banned => return Err(not_so(user, "banned")),
        Change::Unban(_) => person.is_banned = false,
        Change::Mute(_) => person.is_muted = true,
        Change::Unmute(_) if !before.is_muted => return Err(not_so(user, "muted")),
        Change::Unmute(_) => person.is_muted = false,
        Change::Invite(_) | Change::Appoint(..) if target.is_none() => {
            let text = format!("there is no account {user}; only accounts have roles in rooms");
            return Err((ErrorCode::NotFound, text));
        }
        Change::Invite(_) | Change::Appoint(..) if before.is_banned => {
            let text = format!("{user} is banned from this room; unban comes first");
            return Err((ErrorCode::Conflict, text));
        }
        Change::Invite(_) => person.role = before.role.or(Some(RoomRole::Member)),
        Change::Appoint(_, role) => {
            // Making an owner less is more than appointing a moderator.
            if before.role == Some(RoomRole::Owner) && by < Rank::Owner {
                return Err((ErrorCode::Forbidden, Missing::Owner.text().to_owned()));
            }
            person.role = Some(*role);
        }
        Change::Create | Change::Topic(_) | Change::Private(_) | Change::Retention(_) => {}
    }
    if person == before {
        return Ok(Plan::Nothing);
    }
    let is_owner = |person: &Person| person.role == Some(RoomRole::Owner);
    let owners = policy.people.values().filter(|person| is_owner(person));
    if is_owner(&before) && !is_owner(&person) && owners.count() == 1 {
        let text = format!("{user} is the room's last owner; make somebody else one first");
        return Err((ErrorCode::Conflict, text));
    }
    Ok(Plan::Edit(RoomEdit::Person { account, person }))
}

fn not_so(user: &UserName, what: &str) -> Refusal {
    (
        ErrorCode::NotFound,
        format!("{user} is not {what} in this room"),
    )
}
