//! What the answers to a session's own commands mean: by their tags, log-in, JOIN, messages and questions.

use std::collections::VecDeque;

use super::{AUTH_TAG, Event, JOIN_TAG, PAST_TAG, Phase, Query, Refused, Session, Verdict};
use crate::edge::wire::gc2::range::JoinFrom;
use crate::edge::wire::gc2::server_line::OkFields;
use crate::edge::wire::names::is_user;
use crate::edge::wire::timestamp::Timestamp;
use crate::term::error::TermError;
use crate::term::login::LogIn;
use zeroize::Zeroizing;

impl Session {
    /// A command is done.
    pub(super) fn ok(
        &mut self,
        tag: &str,
        fields: OkFields<'_>,
        out: &mut Vec<u8>,
        events: &mut VecDeque<Event>,
    ) -> Verdict {
        if let Some(number) = self.number_of(tag) {
            let id = fields.number(0);
            if let (Some(id), Some(_)) = (id, self.unanswered.remove(&number)) {
                let time = Timestamp::parse(fields.get(1)).unwrap_or_default();
                events.push_back(Event::Sent { number, id, time });
            }
        } else if let Some(query) = self.take_query(tag) {
            let count = fields.number(0).unwrap_or(0);
            events.push_back(Event::Answered { query, count });
        } else if tag == AUTH_TAG {
            return self.logged_in(fields, out, events);
        } else if tag == PAST_TAG {
            self.past_read(out, events);
        } else if tag == JOIN_TAG {
            let newest = fields.number(1).unwrap_or(0);
            if self.last_seen.is_none() && (self.from == Some(JoinFrom::Now) || newest == 0) {
                self.last_seen = Some(newest);
            }
            self.enter(newest, out, events);
        }
        Verdict::GoOn
    }

    /// The server agrees to the log-in.
    fn logged_in(
        &mut self,
        fields: OkFields<'_>,
        out: &mut Vec<u8>,
        events: &mut VecDeque<Event>,
    ) -> Verdict {
        if let Some(Err(error)) = self.log_in.as_ref().map(LogIn::agreed) {
            return Verdict::End(error);
        }
        // Another spelling of the same account is possible, and a token names its account itself: the server's name counts.
        if is_user(fields.get(0).as_bytes()) {
            self.user = fields.get(0).to_owned();
        }
        if !fields.get(1).is_empty() {
            self.resume = Some(Zeroizing::new(fields.get(1).to_owned()));
        }
        if self.from.is_none() {
            if !self.ask_past(out) {
                self.enter(0, out, events);
            }
        } else if self.joins_later() {
            self.join(out);
        }
        Verdict::GoOn
    }

    /// The server refuses the log-in, or entering the room.
    fn not_let_in(&mut self, tag: &str, error: Refused, out: &mut Vec<u8>) -> Verdict {
        // A nickname that was ours a moment ago is held by our own lost connection or by its next owner; time tells.
        let ours = self.entered_before && error.code == "conflict";
        let error = TermError::from(error);
        if error.is_passing() || ours {
            return Verdict::Reconnect(error);
        }
        if tag == AUTH_TAG && self.resuming {
            // Out of date or revoked. What the person gave may still be good.
            self.resume = None;
            return match self.log_in_afresh(out) {
                Ok(()) => Verdict::GoOn,
                Err(error) => Verdict::End(error),
            };
        }
        Verdict::End(error)
    }

    /// A command is refused.
    pub(super) fn refused(
        &mut self,
        tag: &str,
        error: Refused,
        out: &mut Vec<u8>,
        events: &mut VecDeque<Event>,
    ) -> Verdict {
        if let Some(number) = self.number_of(tag) {
            if error.code == "unavailable" {
                return Verdict::Reconnect(error.into());
            }
            if self.unanswered.remove(&number).is_some() {
                events.push_back(Event::SendRefused { number, error });
            }
        } else if let Some(query) = self.take_query(tag) {
            events.push_back(Event::NotAnswered { query, error });
        } else if tag == JOIN_TAG
            && error.code == "conflict"
            && self.from.is_some()
            && self.last_seen.is_some()
        {
            // A conversation is not joined, so nobody can refuse that.
            let last_seen = self.last_seen.take().unwrap_or(0);
            self.from = Some(JoinFrom::Now);
            events.push_back(Event::Restored { last_seen });
            self.join(out);
        } else if tag == AUTH_TAG
            || ([JOIN_TAG, PAST_TAG].contains(&tag) && self.phase == Phase::Entering)
        {
            return self.not_let_in(tag, error, out);
        } else {
            events.push_back(Event::Complaint(error));
        }
        Verdict::GoOn
    }

    fn number_of(&self, tag: &str) -> Option<u64> {
        tag.strip_prefix(&self.prefix)?
            .strip_prefix('.')?
            .parse()
            .ok()
    }

    fn take_query(&mut self, tag: &str) -> Option<Query> {
        let number: u64 = tag.strip_prefix('q')?.parse().ok()?;
        let at = self
            .queries
            .iter()
            .position(|(other, _)| *other == number)?;
        self.queries.remove(at).map(|(_, query)| query)
    }
}
