//! The client's turn: what it does whenever something wakes it.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::ops::ControlFlow;

use actix::ActorContext;

use crate::edge::tls::session::Input;
use crate::hub::light::{LightActor, LightContext};
use crate::hub::session::Ending;
use crate::ops::panic_at;

use super::feed::Work;
use super::{Busy, Client, Phase};

/// Bytes that are read in one go, into a buffer that the thread owns.
pub const READ_BYTES: usize = 64 * 1024;
/// Bytes that are read in one go from somebody who is not logged in: there is little to say before that.
const STRANGER_READ_BYTES: usize = 4 * 1024;
/// Answers that may wait for another one are at most so many bytes.
const HELD_BACK_BYTES_MAX: usize = 4 * 1024;
/// Rounds of writing and reading before the other clients of the thread get their turn.
const ROUNDS_MAX: u32 = 2;

thread_local! {
    /// What the socket of whichever client runs has to say.
    static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into_boxed_slice());
}

impl LightActor for Client {
    fn turn(&mut self, ctx: &mut LightContext) {
        let _place = panic_at::place("client/turn");
        self.stream.note(self.seat.take_readiness());
        if self.seat.take_page_offer() {
            self.take_page_slot();
        }
        if self.take_turn().is_break() {
            ctx.terminate();
        }
        self.settle_page_slot();
    }

    fn panicked(&mut self) {
        self.ending = Some(Box::new(Ending::Panicked));
    }
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Something; another may follow.
    Moved,
    /// Nothing: whatever is missing will wake the client.
    Idle,
}

impl Client {
    /// Breaks when the client is at its end.
    fn take_turn(&mut self) -> ControlFlow<()> {
        for _ in 0..ROUNDS_MAX {
            self.take_orders();
            // What was read already may have a quick answer, which goes out with those before it.
            if self.held.is_some() && self.outbox.len() < HELD_BACK_BYTES_MAX && self.may_read() {
                self.resume_held();
            }
            if self.holds_back() {
                self.seat.wake_later();
                return ControlFlow::Continue(());
            }
            let wrote = match self.write() {
                Ok(step) => step,
                Err(error) => return self.fail(&error),
            };
            if matches!(self.phase, Phase::Closing) {
                let must_go = self.must_go_now();
                if self.has_nothing_to_say() || must_go {
                    if self.stream.say_goodbye() && !must_go {
                        continue;
                    }
                    self.say_goodbye_to_kernel();
                    return ControlFlow::Break(());
                }
                if wrote == Step::Idle {
                    return ControlFlow::Continue(());
                }
                continue;
            }
            let read = match self.read() {
                Ok(step) => step,
                Err(error) => return self.fail(&error),
            };
            // Writing goes on until nothing is left or nothing is taken, so only what was read can make more of it.
            if read == Step::Idle {
                return ControlFlow::Continue(());
            }
        }
        self.seat.wake();
        ControlFlow::Continue(())
    }

    /// Whether the next answer is likely to come from this thread at once, so that those that are there wait for it, for one round: who
    /// logs in and joins gets both answers in one write.
    fn holds_back(&mut self) -> bool {
        let waits = matches!(self.busy.as_deref(), Some(Busy::Join(_)))
            && !self.outbox.is_empty()
            && self.outbox.len() < HELD_BACK_BYTES_MAX
            && self.seat.eviction().is_none();
        let had_its_round = std::mem::replace(&mut self.has_held_back, waits);
        waits && !had_its_round
    }

    fn fail(&mut self, error: &std::io::Error) -> ControlFlow<()> {
        let how = match error.kind() {
            // The usual way in which programs leave.
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
                Ending::Left
            }
            _ => Ending::Failed(error.to_string()),
        };
        self.ending.get_or_insert_with(|| Box::new(how));
        ControlFlow::Break(())
    }

    /// Writes what waits: answers first, then what the rooms have.
    fn write(&mut self) -> std::io::Result<Step> {
        let _place = panic_at::place("client/write");
        let mut step = Step::Idle;
        loop {
            // What TLS holds goes before anything new, so that it never holds more than one write.
            if self.stream.has_unsent() {
                if self.wait_to_write() {
                    return Ok(step);
                }
                match self.stream.flush() {
                    Ok(()) => step = Step::Moved,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
                continue;
            }
            match self.find_work() {
                Work::Ready => {}
                Work::Nothing => {
                    self.note_unblocked();
                    return Ok(step);
                }
                Work::Blocked => {
                    self.note_blocked();
                    return Ok(step);
                }
            }
            if self.wait_to_write() {
                return Ok(step);
            }
            match self.write_once() {
                Ok(()) => step = Step::Moved,
                // The next round registers for the event.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the socket takes nothing now; it wakes the client when it does.
    fn wait_to_write(&mut self) -> bool {
        let is_full = !self.stream.may_write();
        if is_full {
            self.drop_page();
            self.note_blocked();
        }
        is_full
    }

    fn note_blocked(&mut self) {
        self.is_blocked = true;
        self.seat.set_unsent(true);
    }

    fn note_unblocked(&mut self) {
        if std::mem::take(&mut self.is_blocked) {
            self.seat.set_unsent(false);
            self.seat.restart_question(self.shard.now());
        }
    }

    /// Reads and carries out commands, as long as nothing stands against that.
    fn read(&mut self) -> std::io::Result<Step> {
        let _place = panic_at::place("client/read");
        let may_read = self.may_read();
        self.seat.set_unread(!may_read, self.shard.now());
        if !may_read {
            return Ok(Step::Idle);
        }
        if self.resume_held() {
            return Ok(Step::Moved);
        }
        let bytes_max = if self.seat.is_known() {
            READ_BYTES
        } else {
            STRANGER_READ_BYTES
        };
        READ_BUFFER.with_borrow_mut(|buffer| {
            let Some(input) = self.stream.read(buffer, bytes_max)? else {
                return Ok(Step::Idle);
            };
            match input {
                Input::Bytes(bytes) => {
                    self.count_read(bytes);
                    self.take_input(&buffer[..bytes]);
                }
                Input::Nothing => self.count_read(0),
                Input::End => {
                    // It sends nothing more, but may still listen (`nc -N`): it gets what it asked for.
                    self.seat.set_half_closed();
                    self.finish(Ending::Left);
                }
                Input::Failed(error) => self.fail_tls(&error),
            }
            Ok(Step::Moved)
        })
    }

    fn say_goodbye_to_kernel(&mut self) {
        // Of TLS, what still waits is out by now, except for somebody who is not waited for.
        let _ = self.stream.flush();
        READ_BUFFER.with_borrow_mut(|buffer| self.stream.close(buffer));
    }
}
