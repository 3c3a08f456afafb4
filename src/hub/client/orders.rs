//! What others left at the client's seat.

use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::reply;
use crate::hub::messages::{Answer, Refused};
use crate::hub::room::JoinRoom;
use crate::hub::rules::access::NO_SUCH_MESSAGE;
use crate::hub::seat::EvictReason;
use crate::hub::session::Ending;
use crate::ops::panic_at;

use super::sends::Wanted;
use super::{Client, Phase};

impl Client {
    pub(super) fn take_orders(&mut self) {
        let _place = panic_at::place("client/orders");
        if self.seat.take_rejoin_order() {
            self.join_all_again();
        }
        if self.seat.take_new_config() && self.seat.is_known() {
            self.review_meter();
        }
        if self.seat.has_rare() {
            self.take_rare();
        }
        for answer in self.seat.take_answers() {
            self.take_answer(answer);
        }
        while let Some(number) = self.seat.take_news() {
            self.rooms.enqueue(number);
        }
        if matches!(self.phase, Phase::Closing) {
            return;
        }
        if self.seat.has_rare() {
            self.take_notes();
        }
        if self.seat.take_ping_order() {
            let number = self.shard.now().as_secs();
            self.reply(|out| reply::ping(out, number));
        }
        if let Some(reason) = self.seat.eviction() {
            self.obey_eviction(reason);
        }
    }

    /// In the order in which it was left.
    fn take_rare(&mut self) {
        if let Some(result) = self.seat.take_log_in() {
            self.take_log_in(result);
        }
        for joined in self.seat.take_joined() {
            self.enter(joined);
        }
        for refused in self.seat.take_refused() {
            self.take_refused(&refused);
        }
        // Behind those that let it in: an order to leave is newer than they are.
        for (room, reason) in self.seat.take_outs() {
            self.obey_out(&room, &reason);
        }
        for (room, line) in self.seat.take_topics() {
            self.take_topic(&room, &line);
        }
        if let Some(answer) = self.seat.take_change() {
            self.take_change(answer);
        }
    }

    fn take_notes(&mut self) {
        let notes = self.seat.take_notes();
        if !notes.is_empty() && !self.outbox.is_full() {
            self.outbox.lines().extend_from_slice(&notes);
        }
    }

    fn obey_eviction(&mut self, reason: EvictReason) {
        let speaks_gc2 = matches!(self.phase, Phase::Gc2);
        match reason {
            EvictReason::Restart { seconds } => {
                // What it was promised comes first.
                if !self.pending.is_empty() || self.busy.is_some() {
                    return;
                }
                if speaks_gc2 {
                    self.reply(|out| reply::bye(out, "restart", u64::from(seconds)));
                }
            }
            EvictReason::LogInOverdue if speaks_gc2 => {
                let seconds = self.shard.config().auth.deadline.as_secs_f32();
                self.shard.links().counters.strangers_closed_total.count();
                let text = format!("log in within {seconds} s, for example: AUTH;1;GUEST;yourname");
                self.refuse("", ErrorCode::Unauthenticated, &text);
                self.reply(|out| reply::bye(out, "timeout", 0));
            }
            EvictReason::Silent if speaks_gc2 => {
                self.reply(|out| reply::bye(out, "timeout", 0));
            }
            EvictReason::Suspended => self.reply(|out| reply::bye(out, "suspended", 0)),
            EvictReason::AccountChanged => self.reply(|out| reply::bye(out, "account", 0)),
            EvictReason::NameTaken => self.reply(|out| reply::bye(out, "name-taken", 0)),
            EvictReason::TooMuch => self.reply(|out| reply::bye(out, "rate-limited", 60)),
            _ => {}
        }
        self.close(Ending::Evicted(reason));
    }

    /// Whether it is not to be waited for.
    pub(super) fn must_go_now(&self) -> bool {
        match self.seat.eviction() {
            None | Some(EvictReason::Restart { .. }) => false,
            Some(EvictReason::Unreachable) => true,
            Some(_) => self.is_blocked || self.outbox.is_empty(),
        }
    }

    fn join_all_again(&mut self) {
        // The old fan-out's rooms are gone; what was read stays, as ids.
        let client = self.seat.client;
        let room_actor = &self.shard.links().room;
        for (number, room) in self.rooms.wait_for_all() {
            room_actor.do_send(JoinRoom {
                client,
                membership: number,
                room,
                again: true,
            });
        }
        self.drop_page();
        self.join_again();
    }

    fn take_answer(&mut self, answer: Answer) {
        let Some(request) = self.pending.take(answer.number) else {
            return;
        };
        let tag = std::str::from_utf8(&request.tag).unwrap_or_default();
        let out = self.outbox.lines();
        match (answer.result, request.wanted) {
            (Ok(done), Wanted::Say) => reply::ok_send(out, tag, done.id, done.time),
            (Ok(done), Wanted::Remove) => reply::ok_number(out, tag, done.id),
            (Err(refused), _) => {
                let (code, text) = explain(&refused);
                reply::err(out, tag, code, &text);
            }
        }
    }
}

fn explain(refused: &Refused) -> (ErrorCode, String) {
    match refused {
        Refused::TagConflict => (
            ErrorCode::Conflict,
            "this tag was used for another message in the last ten minutes; choose a new tag"
                .into(),
        ),
        Refused::NotFound => (ErrorCode::NotFound, NO_SUCH_MESSAGE.into()),
        Refused::Forbidden => (
            ErrorCode::Forbidden,
            "only what this connection has sent can be deleted".into(),
        ),
        Refused::TooFast(wait) => (
            ErrorCode::RateLimited,
            format!(
                "too many messages in this room (limits.room_messages_per_second); wait {:.1} s and send it again",
                wait.as_secs_f64().max(0.1)
            ),
        ),
        Refused::Limit(key) => (
            ErrorCode::Unavailable,
            format!("the server's limit {key} is reached; try again later"),
        ),
        Refused::Unavailable(why) => (
            ErrorCode::Unavailable,
            format!("not stored, try again later: {why}"),
        ),
    }
}
