//! GET and DELETE: the message is read first, and then decided about by the room that it is in.

use actix::{Handler, Message};
use bytes::Bytes;

use crate::edge::wire::gc2::options::BodyForm;
use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::reply;
use crate::edge::wire::gc2::text::TagText;
use crate::edge::wire::names::Tag;
use crate::hub::codec::EncodeEvent;
use crate::hub::log::NOT_IN_THE_LOG_YET;
use crate::hub::messages::{Action as LogAction, RemovalRight};
use crate::hub::registry::Wish;
use crate::hub::rules::access::{
    self, Action, NO_SUCH_MESSAGE, Rank, Verdict, Who, decide_against, is_own,
};
use crate::hub::rules::standing::Standing;
use crate::store::log::{Event, EventKind};

use crate::hub::light::LightContext;
use crate::ops::panic_at;

use super::answers::unread;
use super::history::write_page_line;
use super::room_change::Then;
use super::sends::Wanted;
use super::{Busy, Client, PageFor};

/// A message that is being read.
pub(super) struct EventWanted {
    tag: Tag,
    ticket: u32,
    purpose: Purpose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Get,
    Delete,
}

impl Client {
    /// GET.
    pub(super) fn get(&mut self, tag: TagText<'_>, id: u64) {
        self.read_event(tag, id, Purpose::Get);
    }

    /// DELETE.
    pub(super) fn delete(&mut self, tag: TagText<'_>, id: u64) {
        self.read_event(tag, id, Purpose::Delete);
    }

    fn read_event(&mut self, tag: TagText<'_>, id: u64, purpose: Purpose) {
        let (ticket, client) = (self.next_ticket(), self.address());
        self.busy = Some(Box::new(Busy::Event(EventWanted {
            tag: tag.owned(),
            ticket,
            purpose,
        })));
        let reads = self.shard.links().reads.clone();
        let (told, log) = (reads.clone(), self.shard.log.clone());
        reads.run(
            move |reader| {
                let told_to = told.told_to();
                match reader.get(id).map_err(|error| unread(&log, &error))? {
                    None if id > reader.newest() && id <= told_to => {
                        Err(NOT_IN_THE_LOG_YET.to_owned())
                    }
                    found => Ok(found),
                }
            },
            move |found| {
                let result = found.unwrap_or_else(|| Err("reading the log failed".to_owned()));
                client.do_send(EventRead { ticket, result });
            },
        );
    }

    fn take_event(&mut self, read: EventRead) {
        let is_awaited = matches!(self.busy.as_deref(), Some(Busy::Event(wanted)) if wanted.ticket == read.ticket);
        if !is_awaited {
            return;
        }
        let Some(Busy::Event(wanted)) = self.busy.take().map(|busy| *busy) else {
            return;
        };
        let tag = wanted.tag;
        let is_for_it = |event: &Event| event.time >= self.may_read_since(&event.room);
        let result = read.result.map(|event| event.filter(is_for_it));
        match (result, wanted.purpose) {
            (Err(why), _) => self.refuse(tag.as_str(), ErrorCode::Unavailable, &why),
            (Ok(None), _) => self.refuse(tag.as_str(), ErrorCode::NotFound, NO_SUCH_MESSAGE),
            (Ok(Some(event)), Purpose::Get) => self.tell_event(tag, event),
            (Ok(Some(event)), Purpose::Delete) => self.decide_removal(tag, &event),
        }
    }

    fn tell_event(&mut self, tag: Tag, event: Event) {
        match self.judge(&event.room, Action::Read) {
            Verdict::NotFound => {
                self.refuse(tag.as_str(), ErrorCode::NotFound, NO_SUCH_MESSAGE);
            }
            verdict if self.refuse_unless_allowed(tag.as_str(), verdict) => {}
            _ if self.seat.body_form() == BodyForm::C16 => {
                let client = self.address();
                let ticket = self.await_lines(tag.clone(), event.room.clone());
                let reader = self.account();
                self.shard.links().codec.do_send(EncodeEvent {
                    client,
                    ticket,
                    tag,
                    reader,
                    event,
                });
            }
            _ => {
                if let EventKind::Message(body) = &event.kind {
                    let purpose = PageFor::History(tag.clone());
                    let account = self.account();
                    write_page_line(&event, body, &purpose, &account, self.outbox.lines());
                }
                self.reply(|out| reply::ok_number(out, tag.as_str(), 1));
            }
        }
    }

    fn decide_removal(&mut self, tag: Tag, event: &Event) {
        let Some(identity) = self.seat.identity() else {
            return;
        };
        let room = &event.room;
        let session = self.seat.client.session;
        let since = self.account_since();
        if is_own(identity.standing, &identity.account, session, since, event) {
            return match self.judge(room, Action::DeleteOwn) {
                Verdict::Allowed => self.remove(&tag, event.id, RemovalRight::Author),
                _ => self.refuse(tag.as_str(), ErrorCode::NotFound, NO_SUCH_MESSAGE),
            };
        }
        match self.judge(room, Action::DeleteOthers) {
            // As in a room that may not be read: there is no such message.
            Verdict::NotFound => {
                self.refuse(tag.as_str(), ErrorCode::NotFound, NO_SUCH_MESSAGE);
            }
            Verdict::Allowed if self.outranks_author(event) => {
                let wish = Wish::Remove {
                    id: event.id,
                    author: event.user.clone(),
                };
                self.ask_registry(tag, room.clone(), true, wish, Then::Remove(event.id));
            }
            Verdict::Allowed => {
                let verdict = Verdict::Forbidden(access::Missing::Rank);
                self.refuse_unless_allowed(tag.as_str(), verdict);
            }
            _ => {
                let own = if identity.standing.is_guest() {
                    "what this connection has sent"
                } else {
                    "what you have sent"
                };
                let text = format!("you can delete {own}; the rest is for the room's moderators");
                self.refuse(tag.as_str(), ErrorCode::Forbidden, &text);
            }
        }
    }

    /// As far as the shard knows; the registry knows who is an admin.
    fn outranks_author(&self, event: &Event) -> bool {
        let author = event.user.account();
        let judged = self.seat.with_identity(|identity| {
            self.shard.policies.with(event.room.as_str(), |policy| {
                let who = Who {
                    standing: identity.standing,
                    account: &identity.account,
                    address: self.seat.peer().ip(),
                };
                let author = access::person(policy, &author);
                let author = Rank::of_name(Standing::Member, author);
                decide_against(Rank::of(who, policy), author, Action::DeleteOthers)
            })
        });
        judged.is_some_and(Verdict::is_allowed)
    }

    /// Has the log remove a message.
    pub(super) fn remove(&mut self, tag: &Tag, id: u64, right: RemovalRight) {
        let Some(identity) = self.seat.identity() else {
            return;
        };
        let action = LogAction::Remove {
            since: self.account_since(),
            id,
            user: identity.user,
            standing: identity.standing,
            right,
        };
        let tag = Bytes::copy_from_slice(tag.as_str().as_bytes());
        let request = self.enroll(action, tag, Wanted::Remove);
        self.hand_in(vec![request]);
    }
}

/// A message, if there is one.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct EventRead {
    ticket: u32,
    result: Result<Option<Event>, String>,
}

impl Handler<EventRead> for Client {
    type Result = ();

    fn handle(&mut self, read: EventRead, _: &mut LightContext) {
        let _place = panic_at::place("client/EventRead");
        self.take_event(read);
    }
}
