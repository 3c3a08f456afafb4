//! What an original client says: from the gate to the log, in the order in which its connections were accepted.

use std::collections::{HashSet, VecDeque};

use actix::{Context, Handler, Message};
use bytes::Bytes;
use slog::{debug, info, warn};

use crate::edge::wire::escape::escape_into;
use crate::edge::wire::names::{RoomName, UserName};
use crate::hub::log::Requests;
use crate::hub::messages::{Action, Refused, Request};
use crate::hub::rules::access::{self, Who};
use crate::hub::rules::standing::Standing;
use crate::ops::config::lists;
use crate::ops::{again, panic_at};

use super::client::LegacyClient;

/// Requests of one client that may be on their way through the log.
const PENDING_MAX: usize = 4096;
/// Bytes that may wait for room in the log's queue; what comes on top is refused.
const HELD_BYTES_MAX: usize = 1024 * 1024;

/// One message, read and checked by the gate.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Said {
    /// The name in the message, within the grammar.
    pub user: UserName,
    /// Whether it had to be changed for that.
    pub is_repaired: bool,
    /// The raw bytes behind the name.
    pub content: Vec<u8>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Speech {
    held: VecDeque<Action>,
    held_bytes: usize,
    pending: HashSet<u32>,
    next_number: u32,
}

impl Speech {
    /// Whether everything is in the log, or was refused.
    pub(super) fn is_done(&self) -> bool {
        self.held.is_empty() && self.pending.is_empty()
    }
}

impl Handler<Said> for LegacyClient {
    type Result = ();

    fn handle(&mut self, said: Said, _: &mut Context<Self>) {
        // The client was thanked for it.
        let said = again::keep(self, said);
        let _place = panic_at::place("legacy/Said");
        if said.is_repaired {
            info!(self.log, "name of an original client was outside the grammar and is repaired";
                "user" => %said.user);
        }
        if self.shard.links().registered.is_like(&said.user) {
            // This protocol cannot tell its user; the operator may.
            warn!(self.log, "message refused: its name is, or looks like, somebody's account"; "user" => %said.user);
            return;
        }
        self.be_called(&said.user);
        let said = said.take();
        let mut body = Vec::with_capacity(said.content.len());
        escape_into(&said.content, &mut body);
        let action = Action::Say {
            room: RoomName::lobby(),
            account: said.user.account(),
            user: said.user,
            tag: Bytes::new(),
            body: body.into(),
            is_exempt: lists(&self.shard.config().limits.exempt, self.address),
        };
        let cost_bytes = action.cost_bytes();
        if self.speech.held_bytes + cost_bytes > HELD_BYTES_MAX {
            warn!(
                self.log,
                "message refused: the log does not keep up (limits.log_queue_bytes)"
            );
            return;
        }
        self.speech.held_bytes += cost_bytes;
        self.speech.held.push_back(action);
        self.submit_held();
    }
}

impl LegacyClient {
    /// Sends on what waits, as far as the log has room for it.
    pub(super) fn submit_held(&mut self) {
        let mut requests = Vec::new();
        while !self.speech.held.is_empty() && self.may_submit() {
            let Some(action) = self.speech.held.pop_front() else {
                break;
            };
            let cost_bytes = action.cost_bytes();
            self.speech.held_bytes -= cost_bytes;
            // Asked now: its name may have been muted while it was held.
            if !self.may_say(&action) {
                info!(
                    self.log,
                    "message refused: its name or address may not speak in the lobby"
                );
                continue;
            }
            self.shard.queue.enter(cost_bytes);
            self.speech.next_number = self.speech.next_number.wrapping_add(1);
            let number = self.speech.next_number;
            self.speech.pending.insert(number);
            requests.push(Request {
                client: self.seat.client,
                number,
                action,
            });
        }
        if !requests.is_empty() {
            self.shard.links().log.do_send(Requests(requests));
        }
    }

    /// Whether somebody of this name may speak in the lobby from this client's address.
    fn may_say(&self, action: &Action) -> bool {
        let Action::Say { room, account, .. } = action else {
            return true;
        };
        let who = Who {
            standing: Standing::Guest,
            account,
            address: self.address,
        };
        let policies = &self.shard.policies;
        policies.with(room.as_str(), |policy| {
            access::judge(who, room, policy, access::Action::Send).is_allowed()
        })
    }

    fn may_submit(&self) -> bool {
        // An answer wakes the client when too many are under way.
        if self.speech.pending.len() >= PENDING_MAX {
            return false;
        }
        if self.shard.queue.is_full() {
            self.shard.wait_for_log(&self.seat);
            // Room may have been made between the two lines.
            return !self.shard.queue.is_full();
        }
        true
    }

    pub(super) fn take_answers(&mut self) {
        for answer in self.seat.take_answers() {
            // One that is not pending was told twice, after a restart of the log.
            if !self.speech.pending.remove(&answer.number) {
                continue;
            }
            match answer.result {
                Ok(done) => debug!(self.log, "message stored"; "id" => done.id),
                Err(refused) => {
                    warn!(self.log, "message not stored"; "why" => explain(&refused));
                }
            }
        }
    }
}

fn explain(refused: &Refused) -> String {
    match refused {
        Refused::TooFast(_) => {
            "too many messages in the lobby (limits.room_messages_per_second)".to_owned()
        }
        Refused::Limit(key) => format!("the limit {key} is reached"),
        Refused::Unavailable(why) => why.to_string(),
        // Only tags and removals get these.
        Refused::TagConflict | Refused::NotFound | Refused::Forbidden => format!("{refused:?}"),
    }
}
