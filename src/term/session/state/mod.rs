//! The decisions of a session, without I/O. In: what happened (connected, a line, lost). Out: lines to write, events, and
//! whether to go on. Owns what has to outlive a connection: the last id seen and the messages without an answer.

mod answers;
mod past;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rand::Rng;
use rand::distr::Alphanumeric;

use super::backoff::Backoff;
use super::{Event, Query, Refused};
use crate::edge::wire::gc2::range::{HistoryRange, JoinFrom};
use crate::edge::wire::gc2::reply::MessageLine;
use crate::edge::wire::gc2::request;
use crate::edge::wire::gc2::server_line::ServerLine;
use crate::term::connection::Link;
use crate::term::error::TermError;
use crate::term::login::{Credentials, LogIn};
use crate::term::message::Message;
use crate::term::render::sanitized;
use past::{PAST_TAG, Past};
use zeroize::Zeroizing;

const AUTH_TAG: &str = crate::term::login::TAG;
const JOIN_TAG: &str = "join";
/// Random characters before the numbers of this process's tags: 47 bits, so that two processes of one name do not meet.
const PREFIX_CHARS: usize = 8;
/// Questions that may wait for their answers.
const QUERIES_MAX: usize = 16;
/// Deletions remembered, because a return replays those that came after the last message seen.
const GONE_MAX: usize = 256;

/// What follows from a line.
#[derive(Debug)]
pub enum Verdict {
    /// Nothing in particular.
    GoOn,
    /// This connection is of no use; try another.
    Reconnect(TermError),
    /// No other attempt would help.
    End(TermError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Offline,
    Entering,
    Live,
}

/// A message on its way.
#[derive(Debug)]
struct Outgoing {
    /// Another conversation than the session's room.
    to: Option<String>,
    text: String,
}

/// One user in one room, over any number of connections.
pub struct Session {
    who: Credentials,
    /// The name as the server has it.
    user: String,
    /// What the server gave at the last log-in, for the next one: costs neither side a slow hash. Stays in memory.
    resume: Option<Zeroizing<String>>,
    log_in: Option<LogIn>,
    /// Whether the log-in under way is by `resume`.
    resuming: bool,
    link: Link,
    room: String,
    /// Where to begin as long as nothing was seen; `None` does not join at all.
    from: Option<JoinFrom>,
    /// Only in a direct conversation.
    past: Option<Past>,
    phase: Phase,
    entered_before: bool,
    last_seen: Option<u64>,
    gone: VecDeque<u64>,
    prefix: String,
    next_number: u64,
    unanswered: BTreeMap<u64, Outgoing>,
    queries: VecDeque<(u64, Query)>,
    backoff: Backoff,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither the token nor what people say.
        f.debug_struct("Session")
            .field("who", &self.who)
            .field("room", &self.room)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session of `who` in `room`, which is joined `from` there on. A direct conversation (`@name`) needs no joining.
    pub fn new(who: impl Into<Credentials>, room: String, from: JoinFrom) -> Self {
        let who = who.into();
        let prefix = rand::rng()
            .sample_iter(Alphanumeric)
            .take(PREFIX_CHARS)
            .map(char::from)
            .collect();
        Self {
            user: who.user.to_string(),
            who,
            resume: None,
            log_in: None,
            resuming: false,
            link: Link {
                private: false,
                binding: None,
            },
            from: (!room.starts_with('@')).then_some(from),
            past: room.starts_with('@').then(|| Past::new(from)),
            room,
            phase: Phase::Offline,
            entered_before: false,
            last_seen: None,
            gone: VecDeque::new(),
            prefix,
            next_number: 0,
            unanswered: BTreeMap::new(),
            queries: VecDeque::new(),
            backoff: Backoff::default(),
        }
    }

    /// Whether the room was reached at least once.
    pub fn was_entered(&self) -> bool {
        self.entered_before
    }

    /// Whether messages travel right now.
    pub fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// Messages without an answer.
    pub fn unanswered(&self) -> usize {
        self.unanswered.len()
    }

    /// A connection stands, and `link` tells about it: log in, and join in the same breath where the server has nothing
    /// to ask. Fails if the log-in cannot be tried at all.
    pub fn connected(&mut self, link: Link, out: &mut Vec<u8>) -> Result<(), TermError> {
        self.phase = Phase::Entering;
        self.link = link;
        // Over a link on which others read along a token is not sent again, though it came that way.
        self.resuming = self.resume.is_some() && link.private;
        match &self.resume {
            Some(token) if self.resuming => {
                self.log_in = Some(LogIn::with_token(token, link, out)?);
                Ok(())
            }
            _ => self.log_in_afresh(out),
        }
    }

    /// Logs in with what the person gave.
    fn log_in_afresh(&mut self, out: &mut Vec<u8>) -> Result<(), TermError> {
        self.resuming = false;
        let log_in = LogIn::begin(&self.who, self.link, out)?;
        if log_in.is_one_step() {
            self.join(out);
        }
        self.log_in = Some(log_in);
        Ok(())
    }

    /// Whether the JOIN waits for the end of the log-in.
    fn joins_later(&self) -> bool {
        self.resuming || !self.log_in.as_ref().is_some_and(LogIn::is_one_step)
    }

    /// The connection is gone after it lived for `alive`. Returns how long to wait, with a `jitter` from 0 to 1.
    pub fn lost(
        &mut self,
        error: &TermError,
        alive: Duration,
        jitter: f64,
        events: &mut VecDeque<Event>,
    ) -> Duration {
        self.phase = Phase::Offline;
        if let Some(past) = &mut self.past {
            past.forget();
        }
        for (_, query) in self.queries.drain(..) {
            events.push_back(not_connected(query));
        }
        let asked = match error {
            TermError::Bye { seconds, .. } => Duration::from_secs(*seconds),
            _ => Duration::ZERO,
        };
        let retry_in = self.backoff.next(alive, asked, jitter);
        events.push_back(Event::Lost {
            why: error.to_string(),
            retry_in,
        });
        retry_in
    }

    /// Takes a message to send; returns its number.
    pub fn send(&mut self, text: String, out: &mut Vec<u8>) -> u64 {
        self.send_to(None, text, out)
    }

    /// The same to another conversation (`@name`) than the session's room.
    pub fn send_to(&mut self, to: Option<String>, text: String, out: &mut Vec<u8>) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        let outgoing = Outgoing { to, text };
        if self.is_live() {
            self.write(number, &outgoing, out);
        }
        self.unanswered.insert(number, outgoing);
        number
    }

    fn write(&self, number: u64, outgoing: &Outgoing, out: &mut Vec<u8>) {
        let to = outgoing.to.as_deref().unwrap_or(&self.room);
        request::send(out, &self.tag(number), to, &outgoing.text);
    }

    /// Takes a question.
    pub fn ask(&mut self, query: Query, out: &mut Vec<u8>, events: &mut VecDeque<Event>) {
        if !self.is_live() || self.queries.len() >= QUERIES_MAX {
            events.push_back(not_connected(query));
            return;
        }
        let number = self.next_number_of_query();
        let tag = format!("q{number}");
        match &query {
            Query::Who => request::who(out, &tag, &self.room),
            Query::Rooms => request::rooms(out, &tag),
            Query::History(count) => {
                let range = HistoryRange::Last(*count);
                request::history(out, &tag, &self.room, range, Some(*count));
            }
            Query::Manage { action, argument } => {
                request::room(out, &tag, &self.room, action.as_str(), argument);
            }
        }
        self.queries.push_back((number, query));
    }

    /// Takes a line of the server.
    pub fn line(
        &mut self,
        line: ServerLine<'_>,
        out: &mut Vec<u8>,
        events: &mut VecDeque<Event>,
    ) -> Verdict {
        match line {
            ServerLine::Msg { message } => self.message(message, events),
            ServerLine::Ok { tag, fields } => return self.ok(tag, fields, out, events),
            ServerLine::Auth { tag, data, .. } if tag == AUTH_TAG => {
                let step = self.log_in.as_mut().map(|log_in| log_in.step(data, out));
                if let Some(Err(error)) = step {
                    return Verdict::End(error);
                }
            }
            ServerLine::Err { tag, code, text } => {
                let error = Refused {
                    code: sanitized(code).into_owned(),
                    text: text.to_owned(),
                };
                return self.refused(tag, error, out, events);
            }
            ServerLine::Gone { room, id }
                if room.eq_ignore_ascii_case(&self.room) && !self.gone.contains(&id) =>
            {
                if self.gone.len() == GONE_MAX {
                    self.gone.pop_front();
                }
                self.gone.push_back(id);
                events.push_back(Event::Gone { id });
            }
            ServerLine::Gap { room, first_kept } if room == self.room => {
                events.push_back(Event::Gap { first_kept });
            }
            ServerLine::Topic { room, user, topic } if room == self.room => {
                events.push_back(Event::Topic {
                    user: user.to_owned(),
                    topic: topic.to_owned(),
                });
            }
            ServerLine::Left { room, reason } if room == self.room => {
                return Verdict::End(TermError::Removed {
                    room: room.to_owned(),
                    reason: reason.to_owned(),
                });
            }
            ServerLine::Hist { tag, message } if tag == PAST_TAG => {
                if let Some(past) = &mut self.past {
                    past.take(message.into());
                }
            }
            ServerLine::Hist { message, .. } => events.push_back(Event::Past(message.into())),
            ServerLine::User { user, state, .. } => events.push_back(Event::User {
                user: user.to_owned(),
                state: state.to_owned(),
            }),
            ServerLine::Room {
                room,
                members,
                newest,
                ..
            } => events.push_back(Event::Room {
                room: room.to_owned(),
                members,
                newest,
            }),
            ServerLine::Bye { reason, seconds } => {
                let error = TermError::Bye {
                    reason: reason.to_owned(),
                    seconds,
                };
                return if error.is_passing() {
                    Verdict::Reconnect(error)
                } else {
                    Verdict::End(error)
                };
            }
            _ => {}
        }
        Verdict::GoOn
    }

    fn message(&mut self, message: MessageLine<'_>, events: &mut VecDeque<Event>) {
        // Messages of direct conversations come unasked and are not part of the room's order.
        if !message.room.eq_ignore_ascii_case(&self.room) {
            events.push_back(Event::Direct(message.into()));
            return;
        }
        let message = match &mut self.past {
            Some(past) => past.hold(message.into()),
            None => Some(message.into()),
        };
        if let Some(message) = message {
            self.show(message, events);
        }
    }

    /// A message of the room, in its turn.
    fn show(&mut self, message: Message, events: &mut VecDeque<Event>) {
        if self.last_seen.is_some_and(|last| message.id <= last) {
            return;
        }
        self.last_seen = Some(message.id);
        events.push_back(Event::Message(message));
    }

    fn join(&self, out: &mut Vec<u8>) {
        if let Some(from) = self.from {
            let from = self.last_seen.map_or(from, JoinFrom::After);
            request::join(out, JOIN_TAG, &self.room, from);
        }
    }

    fn enter(&mut self, newest: u64, out: &mut Vec<u8>, events: &mut VecDeque<Event>) {
        self.phase = Phase::Live;
        events.push_back(Event::Entered {
            user: self.user.clone(),
            newest,
            again: self.entered_before,
        });
        self.entered_before = true;
        for (number, outgoing) in &self.unanswered {
            self.write(*number, outgoing, out);
        }
    }

    fn tag(&self, number: u64) -> String {
        format!("{}.{number}", self.prefix)
    }

    fn next_number_of_query(&self) -> u64 {
        self.queries.back().map_or(0, |(number, _)| number + 1)
    }
}

fn not_connected(query: Query) -> Event {
    Event::NotAnswered {
        query,
        error: Refused {
            code: "unavailable".to_owned(),
            text: "not connected right now; ask again in a moment".to_owned(),
        },
    }
}
