//! What a log is asked to do in one life: messages, the same again, removals.

use std::time::Duration;

use bytes::Bytes;

use super::life::{Life, ROOMS};
use super::model::{Fate, Message, Removal};
use super::trouble::Lives;
use super::world::World;
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;
use crate::hub::log::Requests;
use crate::hub::messages::{Action, ClientRef, RemovalRight, Request};
use crate::hub::rules::standing::Standing;

const USERS: [&str; 3] = ["alice", "bob", "carol"];

/// What was asked.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    /// To store this message, for the first time or again.
    Say(usize),
    /// To store something else under the tag of this one.
    Conflict,
    Remove(usize),
    /// To remove what is somebody else's.
    RemoveForeign(usize),
}

impl World {
    pub(super) async fn ask(&mut self, life: &mut Life, asked: Vec<Asked>) -> Result<(), String> {
        let mut requests = Vec::new();
        for asked in asked {
            self.next_request += 1;
            let number = self.next_request;
            let shard = self.dice.index(self.shards.len()) as u16;
            if let Some((action, session)) = self.action(&asked) {
                self.tell(|| format!("request {number}: {asked:?}"));
                requests.push(Request {
                    client: ClientRef {
                        shard,
                        slot: 1,
                        session,
                    },
                    number,
                    action,
                });
                life.asked.insert(number, asked);
            }
        }
        // In one message or several: in one group or several.
        while !requests.is_empty() {
            let rest = requests.split_off(1 + self.dice.index(requests.len()));
            life.log
                .do_send(Requests(std::mem::replace(&mut requests, rest)));
            if self.dice.once_in(3) {
                self.wait(life, Duration::from_millis(1)).await?;
            }
        }
        self.wait(life, Duration::from_millis(1)).await
    }

    fn action(&mut self, asked: &Asked) -> Option<(Action, u64)> {
        let say = |message: &Message, body: Bytes| Action::Say {
            room: message.room.clone(),
            user: message.user.clone(),
            account: message.user.account().as_ref().into(),
            tag: message.tag.clone().unwrap_or_default().into(),
            body,
            is_exempt: true,
        };
        let remove = |id, user: &UserName, right| Action::Remove {
            id,
            user: user.clone(),
            standing: Standing::Guest,
            since: Timestamp::default(),
            right,
        };
        let number = match asked {
            Asked::Say(number) | Asked::Remove(number) | Asked::RemoveForeign(number) => *number,
            Asked::Conflict => {
                let tagged = |message: &Message| {
                    message.tag_known
                        && matches!(message.fate, Fate::Stored(_))
                        && message.removal == Removal::No
                        && !message.expired
                };
                let known = self.model.messages.iter().rfind(|m| tagged(m))?;
                let body = Bytes::from_static(b"something else");
                return Some((say(known, body), known.session));
            }
        };
        let message = &mut self.model.messages[number];
        let session = message.session;
        match asked {
            Asked::Say(_) => {
                if message.fate == Fate::Absent {
                    message.fate = Fate::Waiting;
                }
                Some((say(message, message.body.clone()), session))
            }
            Asked::Remove(_) => {
                let Fate::Stored(id) = message.fate else {
                    return None;
                };
                if message.removal == Removal::No {
                    message.removal = Removal::Maybe;
                }
                let right = self
                    .dice
                    .one_of(&[RemovalRight::Keeper, RemovalRight::Author]);
                Some((remove(id, &message.user, right), session))
            }
            _ => {
                let Fate::Stored(id) = message.fate else {
                    return None;
                };
                Some((remove(id, &message.user, RemovalRight::Author), session + 1))
            }
        }
    }

    pub(super) fn room(&mut self) -> RoomName {
        RoomName::parse(self.dice.one_of(&ROOMS)).expect("a room's name")
    }

    pub(super) fn some_messages(&mut self) -> Vec<Asked> {
        let (most, sizes) = match self.lives {
            Lives::Ordinary => (6, [0, 20, 100, 400, 3000]),
            Lives::Busy => (20, [20, 400, 3000, 3000, 6000]),
        };
        let count = 1 + self.dice.below(most);
        let mut asked = Vec::new();
        for _ in 0..count {
            let number = self.model.messages.len();
            let dice = &mut self.dice;
            let bytes = dice.one_of(&sizes);
            let bytes = dice.index(bytes + 1);
            let letter = b'a' + dice.below(26) as u8;
            let mut body = format!("~{number:08}~").into_bytes();
            body.resize(body.len() + bytes, letter);
            let tag = (!dice.once_in(3)).then(|| format!("t{number}"));
            let user = UserName::parse(dice.one_of(&USERS)).expect("a user's name");
            let session = 1 + dice.below(3);
            let room = self.room();
            self.model.messages.push(Message {
                room,
                user,
                session,
                tag_known: false,
                tag,
                body: body.into(),
                fate: Fate::Waiting,
                removal: Removal::No,
                removal_is_owed: false,
                time: Timestamp::default(),
                answered: Duration::ZERO,
                sure: false,
                expired: false,
            });
            asked.push(Asked::Say(number));
            let is_tagged = self.model.messages[number].tag.is_some();
            if self.dice.once_in(12) && is_tagged && !self.clock_was_set {
                // The same again, perhaps in the same group.
                asked.push(Asked::Say(number));
            }
        }
        asked
    }

    /// Messages that were sent before under a tag.
    pub(super) fn again(&mut self) -> Vec<Asked> {
        let mut asked = Vec::new();
        for _ in 0..4 {
            if self.model.messages.is_empty() {
                break;
            }
            let number = self.dice.index(self.model.messages.len());
            let message = &self.model.messages[number];
            let may_repeat = match message.fate {
                Fate::Stored(_) => message.tag_known,
                Fate::Absent => message.tag.is_some() && message.removal == Removal::No,
                Fate::Waiting | Fate::Maybe => false,
            };
            if may_repeat {
                asked.push(Asked::Say(number));
            }
        }
        if self.dice.once_in(4) {
            asked.push(Asked::Conflict);
        }
        asked
    }

    pub(super) fn some_removals(&mut self) -> Vec<Asked> {
        let mut asked = Vec::new();
        for _ in 0..1 + self.dice.below(3) {
            if self.model.messages.is_empty() {
                break;
            }
            let number = self.dice.index(self.model.messages.len());
            asked.push(match self.dice.once_in(6) {
                true => Asked::RemoveForeign(number),
                false => Asked::Remove(number),
            });
        }
        asked
    }
}
