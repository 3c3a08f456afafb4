//! Carries a [`Session`] over real connections. Owns the socket, the clock and the dice; decides nothing about messages.

use std::collections::VecDeque;
use std::time::Duration;

use rand::Rng;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::state::{Session, Verdict};
use super::{Event, Request, WINDOW};
use crate::edge::wire::gc2::request;
use crate::term::connection::Connection;
use crate::term::dialer::Dialer;
use crate::term::error::TermError;

/// Longest wait for the answers to log-in and JOIN.
const ENTER_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence after which this side asks whether the server is there. Longer than a server's usual heartbeat.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// Longest wait for the answer to that.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest time that the last words may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// Events that wait for the program; a program that does not look stops the reading of the socket.
const EVENTS_MAX: usize = 1024;
/// Bytes that wait for the socket before further requests wait with their giver.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// A running session.
#[derive(Debug)]
pub struct Live {
    /// Takes requests; full when [`WINDOW`] messages have no answer. Dropping it ends the session.
    pub requests: mpsc::Sender<Request>,
    /// Gives events; ends with the session.
    pub events: mpsc::Receiver<Event>,
    task: JoinHandle<Result<(), TermError>>,
}

impl Live {
    /// Why the session ended; waits for its end.
    pub async fn end(self) -> Result<(), TermError> {
        let Self {
            requests,
            mut events,
            task,
        } = self;
        drop(requests);
        while events.recv().await.is_some() {}
        // The task is never aborted, so this can only be a panic, and that has printed itself.
        task.await.unwrap_or(Ok(()))
    }
}

/// Starts `session` against `server` on the current runtime. If nobody answers there at the very first
/// attempt, the session ends with that; later it comes back again and again.
pub fn start(server: impl Into<Dialer>, session: Session) -> Live {
    let (requests, requests_in) = mpsc::channel(WINDOW);
    let (events_out, events) = mpsc::channel(EVENTS_MAX);
    let driver = Driver {
        server: server.into(),
        session,
        requests: requests_in,
        events: events_out,
        pending: VecDeque::new(),
    };
    let task = tokio::spawn(driver.run());
    Live {
        requests,
        events,
        task,
    }
}

struct Driver {
    server: Dialer,
    session: Session,
    requests: mpsc::Receiver<Request>,
    events: mpsc::Sender<Event>,
    pending: VecDeque<Event>,
}

/// The program wants no more, or is gone.
struct Leave;

/// Why a connection came to its end.
enum End {
    Leave,
    Lost(TermError),
    Fatal(TermError),
}

impl From<Leave> for End {
    fn from(_: Leave) -> Self {
        Self::Leave
    }
}

impl From<TermError> for End {
    fn from(error: TermError) -> Self {
        match error {
            error if error.is_passing() => Self::Lost(error),
            error => Self::Fatal(error),
        }
    }
}

impl Driver {
    async fn run(mut self) -> Result<(), TermError> {
        loop {
            let server = self.server.clone();
            let begun = Instant::now();
            let end = match self.meanwhile(server.open()).await {
                Err(Leave) => return Ok(()),
                Ok(Err(error)) if !self.session.was_entered() => return Err(error),
                Ok(Err(error)) => (Duration::ZERO, End::from(error)),
                Ok(Ok(connection)) => {
                    let end = self.converse(connection).await;
                    (begun.elapsed(), end)
                }
            };
            let (alive, error) = match end {
                (_, End::Leave) => return Ok(()),
                (_, End::Fatal(error)) => {
                    // What was learnt before the end still counts.
                    let _ = self.tell().await;
                    return Err(error);
                }
                (alive, End::Lost(error)) => (alive, error),
            };
            let jitter = rand::rng().random();
            let wait = self.session.lost(&error, alive, jitter, &mut self.pending);
            let rested = async {
                self.tell().await?;
                self.meanwhile(sleep(wait)).await
            };
            if rested.await.is_err() {
                return Ok(());
            }
        }
    }

    /// One connection, from log-in to its end.
    async fn converse(&mut self, mut connection: Connection) -> End {
        let mut out = Vec::new();
        if let Err(error) = self.session.connected(connection.link(), &mut out) {
            return End::Fatal(error);
        }
        connection.queue(&out);
        let began = Instant::now();
        // When the program took the last line: while it does not, the server is not the silent one.
        let mut taken = began;
        let mut asked = began;
        loop {
            let heard = connection.heard().max(taken);
            let due = if !self.session.is_live() {
                began + ENTER_TIMEOUT
            } else if asked > heard {
                asked + ANSWER_TIMEOUT
            } else {
                heard + SILENCE_MAX
            };
            let may_take =
                self.session.unanswered() < WINDOW && connection.queued_bytes() < OUTPUT_BYTES_MAX;
            out.clear();
            let step = tokio::select! {
                received = connection.next() => match received {
                    Ok(received) => {
                        match self.session.line(received.line(), &mut out, &mut self.pending) {
                            Verdict::GoOn => {
                                let told = self.tell().await.map_err(End::from);
                                taken = Instant::now();
                                told
                            }
                            Verdict::Reconnect(error) => Err(End::Lost(error)),
                            Verdict::End(error) => Err(End::Fatal(error)),
                        }
                    }
                    Err(error) => Err(error.into()),
                },
                request = self.requests.recv(), if may_take => {
                    match self.take(request, &mut out) {
                        Ok(()) => self.tell().await.map_err(End::from),
                        Err(Leave) => {
                            request::bye(&mut out, "");
                            connection.queue(&out);
                            connection.flush(FAREWELL).await;
                            return End::Leave;
                        }
                    }
                },
                () = sleep_until(due) => {
                    if connection.heard() > heard {
                        // Only its heartbeat, which nobody else sees.
                        Ok(())
                    } else if self.session.is_live() && asked <= heard {
                        asked = Instant::now();
                        request::ping(&mut out, "alive", "");
                        Ok(())
                    } else {
                        let (server, after) = (self.server.server().to_owned(), heard.elapsed());
                        Err(End::Lost(TermError::Silent { server, after }))
                    }
                }
            };
            if let Err(end) = step {
                return end;
            }
            connection.queue(&out);
        }
    }

    /// Waits for `other` and takes requests meanwhile, as if offline.
    async fn meanwhile<T>(&mut self, other: impl Future<Output = T>) -> Result<T, Leave> {
        tokio::pin!(other);
        loop {
            let may_take = self.session.unanswered() < WINDOW;
            tokio::select! {
                done = &mut other => return Ok(done),
                request = self.requests.recv(), if may_take => {
                    self.take(request, &mut Vec::new())?;
                    self.tell().await?;
                }
            }
        }
    }

    fn take(&mut self, request: Option<Request>, out: &mut Vec<u8>) -> Result<(), Leave> {
        match request {
            Some(Request::Send(text)) => {
                self.session.send(text, out);
            }
            Some(Request::Tell { to, text }) => {
                self.session.send_to(Some(to), text, out);
            }
            Some(Request::Ask(query)) => self.session.ask(query, out, &mut self.pending),
            Some(Request::Leave) | None => return Err(Leave),
        }
        Ok(())
    }

    async fn tell(&mut self) -> Result<(), Leave> {
        while let Some(event) = self.pending.pop_front() {
            self.events.send(event).await.map_err(|_| Leave)?;
        }
        Ok(())
    }
}
