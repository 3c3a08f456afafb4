//! SEND: from the line to the log.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::edge::wire::escape::{canonical_body, unescape_stored};
use crate::edge::wire::gc2::options::BodyForm;
use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::text::{RoomTarget, TagText};
use crate::edge::wire::names::{RoomName, UserName};
use crate::hub::codec::{BodyError, DecodeBodies, DecodedBody};
use crate::hub::log::Requests;
use crate::hub::messages::{Action as LogAction, Request};
use crate::hub::rules::access::{Action, refusal_of};
use crate::ops::panic_at;

use super::direct::{Found, NO_SUCH_ACCOUNT};
use super::{Busy, Client};

/// Why a SEND goes no further.
type Refusal = (ErrorCode, String);

/// Requests for which a client that has none waiting keeps memory.
const WAITING_KEPT: usize = 64;

/// A request that the log has not answered.
pub(super) struct Pending {
    number: u32,
    pub tag: Bytes,
    pub wanted: Wanted,
    cost_bytes: u32,
}

/// The requests of one client that the log has not answered, in the order sent. Whoever never sent any pays a pointer.
#[derive(Default)]
pub(super) struct Unanswered(Option<Box<Sent>>);

#[derive(Default)]
struct Sent {
    waiting: VecDeque<Pending>,
    /// Of those that wait, together.
    bytes: u32,
    /// The number of the newest.
    number: u32,
}

impl Unanswered {
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |sent| sent.waiting.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What those that wait weigh in the log's queue.
    pub(super) fn bytes(&self) -> u32 {
        self.0.as_ref().map_or(0, |sent| sent.bytes)
    }

    /// Adds one; returns its number.
    fn add(&mut self, tag: Bytes, wanted: Wanted, cost_bytes: u32) -> u32 {
        let sent = self.0.get_or_insert_default();
        sent.number = sent.number.wrapping_add(1);
        let number = sent.number;
        sent.waiting.push_back(Pending {
            number,
            tag,
            wanted,
            cost_bytes,
        });
        sent.bytes = sent.bytes.saturating_add(cost_bytes);
        number
    }

    /// Takes the one that was answered; `None` if it was told twice, after a restart of the log.
    pub(super) fn take(&mut self, number: u32) -> Option<Pending> {
        let sent = self.0.as_mut()?;
        let at = sent.waiting.iter().position(|it| it.number == number)?;
        let request = sent.waiting.remove(at)?;
        sent.bytes = sent.bytes.saturating_sub(request.cost_bytes);
        if sent.waiting.is_empty() && sent.waiting.capacity() > WAITING_KEPT {
            sent.waiting.shrink_to(0);
        }
        Some(request)
    }
}

/// What a pending request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Say,
    Remove,
}

/// The sends of one read: their tags and bodies lie in one piece of memory.
#[derive(Default)]
pub(super) struct SendBatch {
    text: Vec<u8>,
    items: Vec<Item>,
}

struct Item {
    room: RoomName,
    tag_end: usize,
    body_end: usize,
}

impl SendBatch {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    fn push(&mut self, room: RoomName, tag: &str, body: &[u8]) {
        self.text.extend_from_slice(tag.as_bytes());
        let tag_end = self.text.len();
        self.text.extend_from_slice(body);
        self.items.push(Item {
            room,
            tag_end,
            body_end: self.text.len(),
        });
    }

    /// Room, tag and body of each.
    fn into_parts(self) -> impl Iterator<Item = (RoomName, Bytes, Bytes)> {
        let text = Bytes::from(self.text);
        let mut start = 0;
        self.items.into_iter().map(move |item| {
            let tag = text.slice(start..item.tag_end);
            let body = text.slice(item.tag_end..item.body_end);
            start = item.body_end;
            (item.room, tag, body)
        })
    }
}

impl Client {
    /// Checks a SEND and puts it into `batch`.
    pub(super) fn say(
        &mut self,
        tag: TagText<'_>,
        target: RoomTarget<'_>,
        found: Option<Found>,
        body: &[u8],
        batch: &mut SendBatch,
    ) {
        match self.checked(target, found, body) {
            Ok((room, body)) => batch.push(room, tag.as_str(), &body),
            Err((code, text)) => self.refuse(tag.as_str(), code, &text),
        }
    }

    fn checked<'b>(
        &self,
        target: RoomTarget<'_>,
        found: Option<Found>,
        body: &'b [u8],
    ) -> Result<(RoomName, Cow<'b, [u8]>), Refusal> {
        if !self.seat.is_known() {
            return Err((
                ErrorCode::Unauthenticated,
                super::commands::LOG_IN_FIRST.to_owned(),
            ));
        }
        let room = match target {
            RoomTarget::Room(room) => self.check_may_send(room.as_str())?,
            RoomTarget::Direct(_) => {
                let room = self.room_of(target)?;
                check_found(found)?;
                self.check_allowed(&room)?;
                room
            }
        };
        if self.seat.body_form() == BodyForm::C16 {
            // The codec looks at these.
            return Ok((room, body.into()));
        }
        if let Err(error) = std::str::from_utf8(body) {
            let text = format!(
                "the body is not UTF-8 at byte {}; for any bytes say HELLO;;2;name;body=c16",
                error.valid_up_to()
            );
            return Err((ErrorCode::BadRequest, text));
        }
        if memchr::memchr(0, body).is_some() {
            let text = "the body holds NUL; for any bytes say HELLO;;2;name;body=c16";
            return Err((ErrorCode::BadRequest, text.to_owned()));
        }
        let stored = canonical_body(body);
        self.check_size(&stored)?;
        Ok((room, stored))
    }

    /// The room of this name, if the client is in it and may speak there.
    fn check_may_send(&self, room: &str) -> Result<RoomName, Refusal> {
        let feed = self
            .rooms
            .find(room)
            .and_then(|number| self.rooms.get(number));
        let Some(feed) = feed else {
            let text = format!("join the room before you send: JOIN;;{room}");
            return Err((ErrorCode::Forbidden, text));
        };
        let room = feed.room.name().clone();
        self.check_allowed(&room)?;
        Ok(room)
    }

    fn check_allowed(&self, room: &RoomName) -> Result<(), Refusal> {
        refusal_of(self.judge(room, Action::Send)).map_or(Ok(()), Err)
    }

    fn check_size(&self, stored: &[u8]) -> Result<(), Refusal> {
        let max = usize::try_from(self.shard.config().limits.message_bytes).unwrap_or(usize::MAX);
        // The stored form is never shorter than the raw bytes.
        if stored.len() <= max || unescape_stored(stored).len() <= max {
            return Ok(());
        }
        Err(too_large(max))
    }

    /// Sends the batch on its way: to the log, or to the codec first.
    pub(super) fn submit(&mut self, batch: SendBatch) {
        if batch.items.is_empty() {
            return;
        }
        if self.seat.body_form() == BodyForm::C16 {
            let text = Bytes::copy_from_slice(&batch.text);
            let bodies = batch
                .items
                .iter()
                .map(|item| text.slice(item.tag_end..item.body_end));
            let bodies = bodies.collect();
            self.shard.links().codec.do_send(DecodeBodies {
                client: self.address(),
                bodies,
            });
            self.busy = Some(Box::new(Busy::Decode(batch)));
            return;
        }
        let Some(user) = self.seat.user() else {
            return;
        };
        let requests = batch
            .into_parts()
            .map(|(room, tag, body)| self.request(room, &user, tag, body))
            .collect();
        self.hand_in(requests);
    }

    /// The codec is done with a batch.
    pub(super) fn take_decoded(
        &mut self,
        batch: SendBatch,
        bodies: Vec<Result<DecodedBody, BodyError>>,
    ) {
        let Some(user) = self.seat.user() else {
            return;
        };
        let max = usize::try_from(self.shard.config().limits.message_bytes).unwrap_or(usize::MAX);
        let mut requests = Vec::with_capacity(bodies.len());
        for ((room, tag, _), body) in batch.into_parts().zip(bodies) {
            // It may have been muted or put out while the codec was at work.
            let checked = if room.is_direct() {
                self.check_allowed(&room)
            } else {
                self.check_may_send(room.as_str()).map(|_| ())
            };
            let refusal = match checked.map(|()| body) {
                Err(refusal) => refusal,
                Ok(body) => match body {
                    Ok(body) if body.raw_bytes <= max => {
                        requests.push(self.request(room, &user, tag, body.body));
                        continue;
                    }
                    Ok(_) => too_large(max),
                    Err(error @ BodyError::NotC16(_)) => (ErrorCode::BadRequest, error.to_string()),
                    Err(error @ BodyError::Codec) => (ErrorCode::Unavailable, error.to_string()),
                },
            };
            let tag = std::str::from_utf8(&tag).unwrap_or_default();
            self.refuse(tag, refusal.0, &refusal.1);
        }
        if !requests.is_empty() {
            self.hand_in(requests);
        }
    }

    /// To the log. Counted here and together: of a client that panics over the last of many nothing stays in the queue for ever.
    pub(super) fn hand_in(&self, requests: Vec<Request>) {
        let bytes = requests.iter().map(|request| request.action.cost_bytes());
        self.shard.queue.enter(bytes.sum());
        self.shard.links().log.do_send(Requests(requests));
    }

    fn request(
        &mut self,
        room: RoomName,
        (user, account): &(UserName, Arc<str>),
        tag: Bytes,
        body: Bytes,
    ) -> Request {
        let action = LogAction::Say {
            room,
            user: user.clone(),
            account: account.clone(),
            tag: tag.clone(),
            body,
            is_exempt: !self.is_metered,
        };
        self.enroll(action, tag, Wanted::Say)
    }

    pub(super) fn enroll(&mut self, action: LogAction, tag: Bytes, wanted: Wanted) -> Request {
        // A line has at most 16 MiB.
        let cost_bytes = u32::try_from(action.cost_bytes()).unwrap_or(u32::MAX);
        let number = self.pending.add(tag, wanted, cost_bytes);
        panic_at::point("client/enrolled");
        Request {
            client: self.seat.client,
            number,
            action,
        }
    }
}

/// Nobody writes to a name that is nobody's.
fn check_found(found: Option<Found>) -> Result<(), Refusal> {
    match found {
        None | Some(Found::Yes) => Ok(()),
        Some(Found::No) => Err((ErrorCode::NotFound, NO_SUCH_ACCOUNT.to_owned())),
        Some(Found::Unknown) => {
            let text = "the server cannot read its accounts now; try again later";
            Err((ErrorCode::Unavailable, text.to_owned()))
        }
    }
}

fn too_large(max: usize) -> Refusal {
    (
        ErrorCode::TooLarge,
        format!("a message is at most {max} bytes (limits.message_bytes); send less"),
    )
}
