//! What comes to a client as a message: pages, places and lines from the threads that read the log, bodies from the codec.

use actix::{Handler, Message};
use slog::{Logger, warn};

use crate::edge::wire::names::Tag;
use crate::hub::codec::{BodyError, DecodedBody};
use crate::hub::light::LightContext;
use crate::hub::rules::access::Action;
use crate::hub::rules::block::Block;
use crate::ops::panic_at;
use crate::store::log::LogError;

use super::{Busy, Client};

/// What a page is read for.
#[derive(Debug, Clone)]
pub enum PageFor {
    /// A room's reader that has to catch up; the number of its room.
    Feed(u32),
    /// A HISTORY with this tag.
    History(Tag),
}

/// A page of the log, encoded for this client.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct PageRead {
    /// The client's own number for the reading.
    pub ticket: u32,
    /// What it is for.
    pub purpose: PageFor,
    /// The client's account.
    pub reader: std::sync::Arc<str>,
    /// The lines; `None` if nothing matched.
    pub block: Option<Block>,
    /// Everything that matched up to this id is in it.
    pub scanned_to: u64,
    /// Set if retention has taken events behind the reader's place: the first id kept.
    pub gap: Option<u64>,
    /// How many messages it holds.
    pub count: usize,
    /// Whether more may follow.
    pub more: bool,
    /// Why there is none.
    pub error: Option<std::sync::Arc<str>>,
}

impl PageRead {
    /// The same page with its lines.
    pub fn with_block(self, block: Option<Block>) -> Self {
        Self { block, ..self }
    }

    /// A page that could not be read.
    pub fn failed(self, why: &str) -> Self {
        Self {
            block: None,
            error: Some(why.into()),
            ..self
        }
    }
}

impl Handler<PageRead> for Client {
    type Result = ();

    fn handle(&mut self, page: PageRead, _: &mut LightContext) {
        let _place = panic_at::place("client/PageRead");
        match page.purpose {
            PageFor::Feed(_) => self.take_feed_page(page),
            PageFor::History(_) => self.take_history_page(page),
        }
    }
}

/// Bodies from the codec, in the order they were given.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct BodiesDecoded {
    /// One for each.
    pub bodies: Vec<Result<DecodedBody, BodyError>>,
}

impl Handler<BodiesDecoded> for Client {
    type Result = ();

    fn handle(&mut self, decoded: BodiesDecoded, _: &mut LightContext) {
        let _place = panic_at::place("client/BodiesDecoded");
        if let Some(Busy::Decode(batch)) = self.busy.take().map(|busy| *busy) {
            self.take_decoded(batch, decoded.bodies);
        }
    }
}

/// The place where a JOIN begins was looked up.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StartResolved {
    /// See [`PageRead::ticket`].
    pub ticket: u32,
    /// The place, and the log's newest id.
    pub result: Result<(crate::store::log::Start, u64), String>,
}

impl Handler<StartResolved> for Client {
    type Result = ();

    fn handle(&mut self, resolved: StartResolved, _: &mut LightContext) {
        let _place = panic_at::place("client/StartResolved");
        self.take_start(resolved);
    }
}

/// The answer to GET or WHO, ready to be sent.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct LinesReady {
    /// See [`PageRead::ticket`].
    pub ticket: u32,
    /// Whole lines.
    pub lines: Vec<u8>,
}

impl Handler<LinesReady> for Client {
    type Result = ();

    fn handle(&mut self, ready: LinesReady, _: &mut LightContext) {
        let _place = panic_at::place("client/LinesReady");
        if !matches!(self.busy.as_deref(), Some(Busy::Lines(due)) if due.ticket == ready.ticket) {
            return;
        }
        let Some(Busy::Lines(due)) = self.busy.take().map(|busy| *busy) else {
            return;
        };
        // It may have become another's business meanwhile.
        let (room, tag) = due.into_parts();
        let verdict = self.judge(&room, Action::Read);
        if !self.refuse_unless_allowed(tag.as_str(), verdict) {
            self.outbox.lines().extend_from_slice(&ready.lines);
        }
    }
}

/// Says in the log what could not be read, and returns what the client is told of it.
pub(super) fn unread(log: &Logger, error: &LogError) -> String {
    warn!(log, "what a client asked for could not be read"; "error" => %error);
    error.for_clients()
}
