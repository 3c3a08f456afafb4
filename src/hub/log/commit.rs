//! One group: from the ledger through the store to the shards, in steps that a panic may interrupt anywhere.

use std::collections::HashMap;
use std::sync::Arc;

use slog::{error, info, warn};

use crate::edge::wire::names::RoomName;
use crate::edge::wire::timestamp::Timestamp;
use crate::hub::messages::{
    Action, Answer, Batch, Done, Refused, RemovalRight, Request, RoomBlocks,
};
use crate::hub::rules::access::is_own;
use crate::hub::rules::block::text_blocks;
use crate::ops::panic_at;
use crate::store::log::{Commit, Event, EventKind, LogError, LogStore, NewEvent, Outcome};

use super::room_rates::RoomRates;
use super::{GROUP_BYTES, GROUP_REQUESTS, MessageLog};

/// The answer about a message that was told and cannot be read.
pub(in crate::hub) const NOT_IN_THE_LOG_YET: &str = "the log could not take this message yet, perhaps because the server's disk is full; try again later";

/// The group that is being committed and told.
pub(super) struct InHand {
    requests: Vec<Planned>,
    /// Number of the group in the store, if the commit goes through.
    group: u64,
    /// Set once the outcome is known; from then on the group is only told.
    decided: Option<Decided>,
}

/// A request and what is known of it.
struct Planned {
    request: Request,
    nonce: u64,
    /// Set where the request needs no commit, or its outcome is known.
    result: Option<Result<Done, Refused>>,
    /// Whether it was staged, and so has an outcome in the commit.
    is_staged: bool,
}

pub(super) struct Decided {
    pub batch: Arc<Batch>,
    pub answers: Vec<Arc<[Answer]>>,
    /// How many shards have been told.
    pub told: usize,
}

impl MessageLog {
    /// Commits and tells one group of what is in the ledger.
    pub(super) fn commit_group(&mut self) {
        if self.ledger.is_empty() && self.in_hand.is_none() {
            return;
        }
        let Some(store) = self.store.as_mut() else {
            return;
        };
        let in_hand = self.in_hand.get_or_insert_with(|| InHand {
            requests: Vec::new(),
            group: store.group() + 1,
            decided: None,
        });
        // One more message may come on top.
        let group_bytes = GROUP_BYTES.min(store.group_bytes_max() / 4);
        let told_to = self.reader.told_to();
        // Moved one by one, so that a panic finds every request in exactly one place.
        while in_hand.requests.len() < GROUP_REQUESTS && store.staged_bytes() < group_bytes {
            let Some(request) = self.ledger.pop_front() else {
                break;
            };
            self.next_nonce = self.next_nonce.wrapping_add(1);
            let nonce = self.next_nonce;
            in_hand.requests.push(Planned {
                request,
                nonce,
                result: None,
                is_staged: false,
            });
            if let Some(planned) = in_hand.requests.last_mut() {
                stage(store.as_mut(), planned, &mut self.room_rates, told_to);
            }
        }
        panic_at::point("before-commit");
        let committed = store.commit(self.clock.wall());
        panic_at::point("after-commit");
        let events = match committed {
            Ok(commit) => {
                self.refusing.is_over(&self.log);
                take_outcomes(&mut in_hand.requests, commit)
            }
            Err(error) if store.group() >= in_hand.group => {
                // Stored, but content that was to be removed is not overwritten everywhere yet; the store goes on trying.
                error!(self.log, "group committed, removals not finished"; "error" => %error);
                if matches!(error, LogError::Stopped { .. }) {
                    self.has_stopped = true;
                    (self.fatal)(&error.to_string());
                }
                let events = store.last_group().unwrap_or_default();
                recognise(&mut in_hand.requests, &events, &error);
                events
            }
            Err(error) => {
                refuse_all(&mut in_hand.requests, &error);
                self.refusing.happened(&self.log, &error);
                if matches!(error, LogError::Stopped { .. }) {
                    self.has_stopped = true;
                    (self.fatal)(&error.to_string());
                }
                Vec::new()
            }
        };
        note_ahead(&mut self.ahead, self.reader.current().newest(), &events);
        let told_to = self.ahead.values().copied().max();
        self.reader.set_told_to(told_to.unwrap_or(0));
        let in_hand_requests = &in_hand.requests;
        in_hand.decided = Some(decide(in_hand_requests, events, self.shards.len()));
        self.tell();
    }

    /// Tells every shard that has not been told yet, then lets go of the group.
    fn tell(&mut self) {
        let Some(in_hand) = &mut self.in_hand else {
            return;
        };
        let Some(decided) = &mut in_hand.decided else {
            return;
        };
        while let Some(shard) = self.shards.get_mut(decided.told) {
            panic_at::point("half-told");
            let answers = decided.answers[decided.told].clone();
            shard.tell(decided.batch.clone(), answers);
            // Counted last: a shard that is told twice knows what it has, one that is never told does not.
            decided.told += 1;
        }
        self.in_hand = None;
    }

    /// After a panic and with the store open again: finishes the group that was in hand, or puts it back.
    pub(super) fn settle_in_hand(&mut self) {
        let Some(mut in_hand) = self.in_hand.take() else {
            return;
        };
        if in_hand.decided.is_none() {
            let Some(store) = self.store.as_mut() else {
                return;
            };
            if store.group() < in_hand.group {
                info!(self.log, "interrupted group was not committed; it is written again";
                    "requests" => in_hand.requests.len());
                self.put_back(in_hand.requests);
                return;
            }
            let events = match store.last_group() {
                Ok(events) => events,
                Err(error) => {
                    error!(self.log, "the last group cannot be read"; "error" => %error);
                    (self.fatal)(&error.to_string());
                    return;
                }
            };
            warn!(self.log, "interrupted group was committed; it is told now"; "events" => events.len());
            // What is not in the group was a repetition or refused: asked again, it is so again.
            let found: HashMap<u64, &Event> = events.iter().map(|e| (e.nonce, e)).collect();
            let (mut stored, mut again) = (Vec::new(), Vec::new());
            for mut planned in in_hand.requests {
                match found.get(&planned.nonce) {
                    Some(event) => {
                        planned.result = Some(Ok(done(event.id, event.time, &planned.request)));
                        stored.push(planned);
                    }
                    None => again.push(planned),
                }
            }
            self.put_back(again);
            let decided = Some(decide(&stored, events, self.shards.len()));
            in_hand = InHand {
                requests: stored,
                group: in_hand.group,
                decided,
            };
        }
        self.in_hand = Some(in_hand);
        self.tell();
    }

    fn put_back(&mut self, planned: Vec<Planned>) {
        for planned in planned.into_iter().rev() {
            self.ledger.push_front(planned.request);
        }
    }
}

/// Stages what a request wants, or refuses it right away. Up to `told_to` there are messages that cannot be read yet.
fn stage(
    store: &mut dyn LogStore,
    planned: &mut Planned,
    room_rates: &mut RoomRates,
    told_to: u64,
) {
    let request = &planned.request;
    let origin = request.client.session;
    let event = match &request.action {
        Action::Say {
            room,
            user,
            account,
            tag,
            body,
            is_exempt,
        } => {
            if !is_exempt && let Err(wait) = room_rates.take(room) {
                planned.result = Some(Err(Refused::TooFast(wait)));
                return;
            }
            let tag = std::str::from_utf8(tag).ok().filter(|tag| !tag.is_empty());
            let mark = tag.map(|tag| store.tag_mark(account, tag, room, body));
            NewEvent {
                room: room.clone(),
                user: user.clone(),
                kind: EventKind::Message(body.clone()),
                origin,
                nonce: planned.nonce,
                tag: mark,
                time: None,
            }
        }
        Action::Remove {
            id,
            user,
            standing,
            since,
            right,
        } => {
            let target = match store.reader().get(*id) {
                Ok(Some(target)) => target,
                Ok(None) if *id > store.reader().newest() && *id <= told_to => {
                    planned.result = Some(Err(Refused::Unavailable(NOT_IN_THE_LOG_YET.into())));
                    return;
                }
                Ok(None) => {
                    planned.result = Some(Err(Refused::NotFound));
                    return;
                }
                Err(error) => {
                    planned.result = Some(Err(Refused::Unavailable(error.for_clients().into())));
                    return;
                }
            };
            if *right == RemovalRight::Author
                && !is_own(*standing, &user.account(), origin, *since, &target)
            {
                planned.result = Some(Err(Refused::Forbidden));
                return;
            }
            NewEvent {
                room: target.room,
                user: user.clone(),
                kind: EventKind::Removal(*id),
                origin,
                nonce: planned.nonce,
                tag: None,
                time: None,
            }
        }
    };
    store.stage(event);
    planned.is_staged = true;
}

fn take_outcomes(requests: &mut [Planned], commit: Commit) -> Vec<Event> {
    let staged = requests.iter_mut().filter(|planned| planned.is_staged);
    for (planned, outcome) in staged.zip(commit.outcomes) {
        planned.result = Some(match outcome {
            Outcome::Stored { id, time } | Outcome::Repeated { id, time } => {
                Ok(done(id, time, &planned.request))
            }
            Outcome::TagConflict => Err(Refused::TagConflict),
            Outcome::NotFound => Err(Refused::NotFound),
            Outcome::Limit(key) => Err(Refused::Limit(key)),
        });
    }
    commit.events
}

/// Answers what is in a group that was stored although its commit failed: messages are kept, removals not yet done.
fn recognise(requests: &mut [Planned], events: &[Event], error: &LogError) {
    let found: HashMap<u64, &Event> = events.iter().map(|event| (event.nonce, event)).collect();
    refuse_all(requests, error);
    for planned in requests.iter_mut().filter(|planned| planned.is_staged) {
        if let (Action::Say { .. }, Some(event)) =
            (&planned.request.action, found.get(&planned.nonce))
        {
            planned.result = Some(Ok(done(event.id, event.time, &planned.request)));
        }
    }
}

fn refuse_all(requests: &mut [Planned], error: &LogError) {
    let why: Arc<str> = error.for_clients().into();
    for planned in requests.iter_mut().filter(|planned| planned.is_staged) {
        planned.result = Some(Err(Refused::Unavailable(why.clone())));
    }
}

/// A removal is answered with the id of what was removed.
fn done(id: u64, time: Timestamp, request: &Request) -> Done {
    let id = if let Action::Remove { id: target, .. } = request.action {
        target
    } else {
        id
    };
    Done { id, time }
}

fn decide(requests: &[Planned], events: Vec<Event>, shards: usize) -> Decided {
    let mut answers = vec![Vec::new(); shards];
    let mut queue_bytes = 0;
    let mut removals = Vec::new();
    for planned in requests {
        let client = planned.request.client;
        queue_bytes += planned.request.action.cost_bytes();
        let Some(list) = answers.get_mut(usize::from(client.shard)) else {
            continue;
        };
        let gone = || {
            Err(Refused::Unavailable(
                "the log lost this request; send it again".into(),
            ))
        };
        let result = planned.result.clone().unwrap_or_else(gone);
        let is_removal = matches!(planned.request.action, Action::Remove { .. }) && result.is_ok();
        let list = if is_removal { &mut removals } else { list };
        list.push(Answer {
            client,
            number: planned.request.number,
            result,
        });
    }
    let mut batch = encode(events);
    batch.removals = removals;
    batch.queue_bytes = queue_bytes;
    batch.unheard = shards.into();
    let answers = answers.into_iter().map(Arc::from).collect();
    Decided {
        batch: Arc::new(batch),
        answers,
        told: 0,
    }
}

/// Remembers what is told but cannot be read yet; forgets it once the readers have everything.
fn note_ahead(ahead: &mut HashMap<RoomName, u64>, readable: u64, events: &[Event]) {
    if events.last().is_some_and(|newest| newest.id > readable) {
        ahead.extend(events.iter().map(|event| (event.room.clone(), event.id)));
    } else if ahead.values().all(|newest| *newest <= readable) {
        ahead.clear();
    }
}

/// Encodes each room's part once, for all shards and readers.
fn encode(events: Vec<Event>) -> Batch {
    let mut order: Vec<RoomName> = Vec::new();
    let mut by_room: HashMap<RoomName, Vec<Event>> = HashMap::new();
    for event in events {
        if let Some(list) = by_room.get_mut(&event.room) {
            list.push(event);
        } else {
            order.push(event.room.clone());
            by_room.insert(event.room.clone(), vec![event]);
        }
    }
    let rooms = order.into_iter().filter_map(|room| {
        let events = by_room.remove(&room)?;
        let removed = events.iter().filter_map(|event| match event.kind {
            EventKind::Removal(target) => Some(target),
            EventKind::Message(_) => None,
        });
        let removed_up_to = removed.max().unwrap_or(0);
        let blocks = if room.is_direct() {
            Vec::new()
        } else {
            text_blocks(events.iter())
                .into_iter()
                .map(Arc::new)
                .collect()
        };
        Some(RoomBlocks {
            room,
            blocks,
            events: events.into(),
            removed_up_to,
        })
    });
    Batch {
        rooms: rooms.collect(),
        ..Batch::default()
    }
}
