//! What comes in: the first bytes, which tell the protocol, then lines.

use std::ops::ControlFlow;

use slog::{debug, info};

use crate::edge::wire::first_bytes::{self, Protocol};
use crate::edge::wire::gc2::command::{self, Command};
use crate::edge::wire::gc2::lines::{Line, LineSplitter};
use crate::edge::wire::gc2::refusal::Refusal;
use crate::edge::wire::gc2::reply;
use crate::edge::wire::gc2::text::RoomTarget;
use crate::edge::wire::legacy;
use crate::hub::legacy::LogInPinged;
use crate::hub::session::Ending;
use crate::ops::config::lists;

use super::direct::Found;
use super::sends::SendBatch;
use super::{Client, Deferred, Held, Phase, Until};

/// Requests of one client that may be on their way through the log.
const PENDING_MAX: usize = 4096;
/// Bytes of these.
const PENDING_BYTES_MAX: u32 = 256 * 1024;

/// With more than this waiting, commands of somebody who is not logged in are not read on.
const STRANGER_OUTBOX_BYTES: usize = 4 * 1024;

/// What a browser or a probe gets on the chat port.
const HTTP_ANSWER: &[u8] = b"HTTP/1.1 501 Not Implemented\r\nConnection: close\r\n\
    Content-Type: text/plain\r\nContent-Length: 75\r\n\r\n\
    This port speaks GC/2, not HTTP. Try: gencomm chat, or nc and AUTH;1;GUEST\n";

impl Client {
    /// Whether the next command may be looked at.
    pub(super) fn may_read(&mut self) -> bool {
        if self.busy.is_some()
            || self.seat.eviction().is_some()
            || self.is_outbox_full()
            || self.pending.len() >= PENDING_MAX
            || self.pending.bytes() >= PENDING_BYTES_MAX
            || self.is_paused()
        {
            return false;
        }
        match self.deferred.as_ref().map(|deferred| deferred.until) {
            None | Some(Until::Account(Some(_))) => true,
            Some(Until::Account(None)) => false,
            Some(Until::Answered) => self.pending.is_empty(),
            Some(Until::QueueHasRoom) => !self.must_wait_for_log(),
        }
    }

    /// Somebody who is not logged in gets less room.
    fn is_outbox_full(&self) -> bool {
        let is_known = self.seat.is_known();
        self.outbox.is_full() || (!is_known && self.outbox.len() >= STRANGER_OUTBOX_BYTES)
    }

    fn must_wait_for_log(&self) -> bool {
        if !self.shard.queue.is_full() {
            return false;
        }
        self.shard.wait_for_log(&self.seat);
        // Room may have been made between the two lines.
        self.shard.queue.is_full()
    }

    /// Goes on with what was read before; returns whether there was anything.
    pub(super) fn resume_held(&mut self) -> bool {
        if let Some(deferred) = self.deferred.take() {
            let mut batch = SendBatch::default();
            // What it waited for is there, so the command is carried out, or waits for the next thing.
            let found = match deferred.until {
                Until::Account(found) => found,
                _ => None,
            };
            let _ = self.carry_out(Line::Whole(&deferred.line), found, &mut batch);
            self.submit(batch);
            return true;
        }
        let Some(mut held) = self.held.take() else {
            return false;
        };
        let (at, bytes) = (held.at, std::mem::take(&mut held.bytes));
        let consumed = self.take_lines(&bytes[at..]);
        self.hold(bytes, at + consumed);
        true
    }

    fn hold(&mut self, bytes: Vec<u8>, at: usize) {
        if at < bytes.len() && !matches!(self.phase, Phase::Closing) {
            self.held = Some(Box::new(Held { bytes, at }));
        }
    }

    /// Counts a read that gave `bytes`. What came from the socket counts: records without a word in them, as many as somebody likes,
    /// are as much work as others.
    pub(super) fn count_read(&mut self, bytes: usize) {
        let came = self.stream.take_came_bytes(bytes);
        if self.seat.is_known() {
            self.meter_bytes(came);
        } else {
            self.count_wrapping(came.saturating_sub(bytes));
        }
    }

    /// Takes what was just read.
    pub(super) fn take_input(&mut self, input: &[u8]) {
        if input.is_empty() {
            return;
        }
        self.seat.heard(self.shard.now());
        match self.phase {
            Phase::Closing => {}
            Phase::Proxy => {
                let bytes = self.with_first(input);
                self.take_proxy_header(bytes);
            }
            Phase::Gc2 => {
                let consumed = self.take_lines(input);
                if consumed < input.len() {
                    self.hold(input[consumed..].to_vec(), 0);
                }
            }
            Phase::First => {
                let bytes = self.with_first(input);
                self.meet(bytes);
            }
        }
    }

    /// Finds out what this connection speaks.
    pub(super) fn meet(&mut self, bytes: Vec<u8>) {
        let peer = self.seat.peer();
        match first_bytes::detect(&bytes) {
            Protocol::Undecided => self.keep_first(bytes),
            Protocol::Gc2 => {
                self.phase = Phase::Gc2;
                self.note_tls();
                let consumed = self.take_lines(&bytes);
                self.hold(bytes, consumed);
            }
            // The original knows no TLS: this is somebody else.
            Protocol::Legacy if self.stream.tls().is_some() => {
                self.close(Ending::Refused("an original client's log-in over TLS"));
            }
            Protocol::Legacy => match &self.shard.links().legacy {
                Some(_) if !lists(&self.shard.config().legacy.allow, peer.ip()) => {
                    info!(self.shard.log, "original client refused: not in legacy.allow"; "peer" => %peer);
                    self.close(Ending::Refused("not in legacy.allow"));
                }
                Some(gate) => {
                    gate.do_send(LogInPinged { address: peer.ip() });
                    self.reply(|out| out.extend_from_slice(legacy::PONG));
                    self.close(Ending::Left);
                }
                None => {
                    info!(self.shard.log, "original client refused: legacy.enabled is false"; "peer" => %peer);
                    self.close(Ending::Refused("legacy clients are not let in"));
                }
            },
            Protocol::Http => {
                self.reply(|out| out.extend_from_slice(HTTP_ANSWER));
                self.close(Ending::Refused("HTTP on the chat port"));
            }
            Protocol::Tls => self.start_tls(&bytes),
        }
    }

    /// Carries out the lines in `input`; returns how many bytes are done with.
    fn take_lines(&mut self, input: &[u8]) -> usize {
        let placeholder = LineSplitter::new(0);
        let mut splitter = std::mem::replace(&mut self.splitter, placeholder);
        // The configuration may have changed since the last read.
        splitter.set_limit(self.line_bytes());
        let mut batch = SendBatch::default();
        let consumed = splitter.feed(input, |line| {
            let flow = match self.meter_command(line) {
                ControlFlow::Continue(()) => self.carry_out(line, None, &mut batch),
                ControlFlow::Break(()) => ControlFlow::Break(()),
            };
            if flow.is_continue() && self.must_pause(&batch) {
                ControlFlow::Break(())
            } else {
                flow
            }
        });
        self.splitter = splitter;
        self.submit(batch);
        consumed
    }

    /// Longest line it may send now.
    pub(super) fn line_bytes(&self) -> usize {
        let config = self.shard.config();
        let bytes = if self.seat.is_known() {
            config.limits.line_bytes
        } else {
            config.limits.line_bytes.min(config.auth.bytes)
        };
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    fn must_pause(&self, batch: &SendBatch) -> bool {
        self.busy.is_some()
            || self.deferred.is_some()
            || self.is_outbox_full()
            || matches!(self.phase, Phase::Closing)
            || self.is_paused()
            || self.pending.len() + batch.len() >= PENDING_MAX
            || self.pending.bytes() as usize + batch.bytes() >= PENDING_BYTES_MAX as usize
    }

    /// Carries out one line, or keeps it for when the requests before it are answered. `found` says whether there is an account of the
    /// name that it is for, if that had to be asked.
    fn carry_out(
        &mut self,
        line: Line<'_>,
        found: Option<Found>,
        batch: &mut SendBatch,
    ) -> ControlFlow<()> {
        let line = match line {
            Line::Whole(line) => line,
            Line::Oversized { head } => {
                let refusal = Refusal::oversized(head, self.line_bytes());
                self.refuse(refusal.tag.as_str(), refusal.code, &refusal.text);
                // What was skipped took no memory.
                return self.count_stranger(head.len());
            }
        };
        #[cfg(feature = "fault-injection")]
        if self.provoke(line) {
            return ControlFlow::Continue(());
        }
        self.count_stranger(line.len() + 1)?;
        match command::parse(line) {
            Err(refusal) => {
                // Not its text: whoever mistypes a log-in has a password in it.
                debug!(self.shard.log, "bad line"; "peer" => %self.seat.peer(), "code" => refusal.code.as_str());
                self.reply(|out| reply::refusal(out, &refusal));
            }
            Ok(Command::Send { .. }) if self.must_wait_for_log() => {
                return self.defer(line, Until::QueueHasRoom);
            }
            Ok(Command::Send {
                target: target @ RoomTarget::Direct(other),
                ..
            }) if found.is_none() && self.must_look_up(target) => {
                return self.look_up(line, other);
            }
            Ok(Command::Send { tag, target, body }) => self.say(tag, target, found, body, batch),
            Ok(command) => {
                let waits = !self.pending.is_empty() || batch.len() > 0;
                if waits && builds_on_requests(&command) {
                    return self.defer(line, Until::Answered);
                }
                self.obey(command);
            }
        }
        ControlFlow::Continue(())
    }
}

impl Client {
    fn defer(&mut self, line: &[u8], until: Until) -> ControlFlow<()> {
        let line = line.to_vec();
        self.deferred = Some(Box::new(Deferred { line, until }));
        ControlFlow::Break(())
    }
}

/// Whether a command must see what the requests before it did.
fn builds_on_requests(command: &Command<'_>) -> bool {
    !matches!(
        command,
        Command::Hello { .. } | Command::Ping { .. } | Command::Pong { .. } | Command::Who { .. }
    )
}
