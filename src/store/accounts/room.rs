//! What a room is like, as far as it has to be kept: who may do what in it, its topic, how long its messages stay.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;

/// What somebody is in a room; each may do what the one before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoomRole {
    /// Belongs to it: comes in though it is private.
    Member,
    /// Keeps order.
    Moderator,
    /// Decides about it.
    Owner,
}

impl RoomRole {
    /// The word for it, in the database and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Moderator => "moderator",
            Self::Owner => "owner",
        }
    }
}

impl FromStr for RoomRole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "member" => Ok(Self::Member),
            "moderator" => Ok(Self::Moderator),
            "owner" => Ok(Self::Owner),
            _ => Err(format!("\"{text}\" is no role in a room")),
        }
    }
}

/// What a room is about, in somebody's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// The words, at most [`super::TOPIC_BYTES_MAX`] bytes.
    pub text: String,
    /// Who set it.
    pub by: UserName,
    /// When.
    pub at: Timestamp,
}

/// How much of a room is kept. Zero means that the room sets no limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetentionRule {
    /// For how long, in whole milliseconds.
    pub age: Duration,
    /// How many messages.
    pub messages: u64,
}

/// What a room knows of one account or guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Person {
    /// What they are in it.
    pub role: Option<RoomRole>,
    /// Whether they may not come in.
    pub is_banned: bool,
    /// Whether they may not speak.
    pub is_muted: bool,
}

/// A room as it is kept. Who has no entry in `people` is nobody in particular.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomPolicy {
    /// Its name.
    pub name: RoomName,
    /// Whether only those with a role come in, and nobody else learns that it exists.
    pub is_private: bool,
    /// What it is about.
    pub topic: Option<Topic>,
    /// How much of it is kept.
    pub retention: RetentionRule,
    /// By account key.
    pub people: HashMap<Arc<str>, Person>,
    /// Networks that may not come in.
    pub banned_addresses: Vec<IpNet>,
    /// When it was made.
    pub created: Timestamp,
    /// Who made it: an account key; `None` for the server or an account that is gone.
    pub created_by: Option<Arc<str>>,
}

/// What changes in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomEdit {
    /// It comes to be; who made it is its owner.
    Create {
        /// See [`RoomPolicy::is_private`].
        is_private: bool,
        /// The maker's account key.
        created_by: Option<Arc<str>>,
    },
    /// It becomes private or public.
    Private(bool),
    /// It gets a topic or loses it.
    Topic(Option<Topic>),
    /// It keeps more or less.
    Retention(RetentionRule),
    /// This is what it knows of somebody from now on; [`Person::default`] forgets them.
    Person {
        /// The account key.
        account: Arc<str>,
        /// All of it, not only what is new.
        person: Person,
    },
    /// A network may not come in.
    BanAddress(IpNet),
    /// A network may again.
    UnbanAddress(IpNet),
    /// It is no more; nothing of all this is kept.
    Remove,
}

impl RoomPolicy {
    /// A room of which nothing is known but its name: public, without people.
    pub fn new(name: RoomName, created: Timestamp) -> Self {
        Self {
            name,
            is_private: false,
            topic: None,
            retention: RetentionRule::default(),
            people: HashMap::new(),
            banned_addresses: Vec::new(),
            created,
            created_by: None,
        }
    }

    /// The same change here that [`super::Accounts::edit_room`] makes on the disk, so that a snapshot in memory need not be read
    /// anew. `now` is the time of a creation.
    pub fn apply(&mut self, edit: &RoomEdit, now: Timestamp) {
        match edit {
            RoomEdit::Create {
                is_private,
                created_by,
            } => {
                *self = Self::new(self.name.clone(), now);
                self.is_private = *is_private;
                self.created_by.clone_from(created_by);
                if let Some(account) = created_by {
                    let person = Person {
                        role: Some(RoomRole::Owner),
                        ..Person::default()
                    };
                    self.people.insert(account.clone(), person);
                }
            }
            RoomEdit::Private(is_private) => self.is_private = *is_private,
            RoomEdit::Topic(topic) => self.topic.clone_from(topic),
            RoomEdit::Retention(rule) => self.retention = *rule,
            RoomEdit::Person { account, person } => {
                if *person == Person::default() {
                    self.people.remove(account);
                } else {
                    self.people.insert(account.clone(), *person);
                }
            }
            RoomEdit::BanAddress(net) => {
                let net = net.trunc();
                if let Err(at) = self.banned_addresses.binary_search(&net) {
                    self.banned_addresses.insert(at, net);
                }
            }
            RoomEdit::UnbanAddress(net) => {
                let net = net.trunc();
                self.banned_addresses.retain(|known| *known != net);
            }
            RoomEdit::Remove => *self = Self::new(self.name.clone(), self.created),
        }
    }
}
