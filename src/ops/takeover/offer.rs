//! The running server. In: connections of the control socket that said `takeover`. Out: a [`HandOver`] to whoever runs the server, when a new
//! process is ready. Owns copies of the listening sockets; one conversation at a time.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use slog::{Logger, info, warn};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::wire::{END, LEGACY_AUTH, LEGACY_MESSAGE, LINE_BYTES_MAX, MAIN, send_socket};
use super::{Listeners, VERB, VERSION};

/// How long the new process may take for each of its steps before it is ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is said of a process that closed the connection, as one does that was killed.
const SILENT_END: &str = "it ended without a word";

/// See the module.
pub(in crate::ops) struct Offer {
    listeners: Rc<Listeners>,
    /// How long the end may take.
    deadline: Box<dyn Fn() -> Duration>,
    /// See [`alive_within`](super::claim::Claim::alive_within).
    alive_within: Option<Duration>,
    log: Logger,
    ready: mpsc::Sender<HandOver>,
    is_open: watch::Receiver<bool>,
    taker: Rc<Cell<Option<i32>>>,
}

/// For whoever runs the server.
pub(in crate::ops) struct Takers {
    ready: mpsc::Receiver<HandOver>,
    is_open: watch::Sender<bool>,
}

/// A new process that is ready.
pub(in crate::ops) struct HandOver {
    stream: UnixStream,
    pid: i32,
    /// Of a line that has not ended, and why it failed if it said so: who waits for the outcome may stop waiting, and begin again.
    partial: Vec<u8>,
    why: Option<String>,
    _one: OneAtATime,
}

/// Whether the new process made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ops) enum Outcome {
    /// It accepts.
    Serving,
    /// It will not; why.
    Failed(String),
}

struct OneAtATime(Rc<Cell<Option<i32>>>);

impl Drop for OneAtATime {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

impl Takers {
    /// Waits for a process that is ready.
    pub(in crate::ops) async fn next(&mut self) -> HandOver {
        match self.ready.recv().await {
            Some(hand_over) => hand_over,
            // Nobody can come any more: there is no control socket.
            None => std::future::pending().await,
        }
    }

    /// The server ends: whoever is here is told so, and whoever comes.
    pub(in crate::ops) fn close(&self) {
        self.is_open.send_replace(false);
    }
}

impl Offer {
    /// Offers `listeners`.
    pub(in crate::ops) fn new(
        listeners: Rc<Listeners>,
        deadline: impl Fn() -> Duration + 'static,
        alive_within: Option<Duration>,
        log: Logger,
    ) -> (Self, Takers) {
        let (ready_in, ready) = mpsc::channel(1);
        let (is_open_in, is_open) = watch::channel(true);
        let offer = Self {
            listeners,
            deadline: Box::new(deadline),
            alive_within,
            log,
            ready: ready_in,
            is_open,
            taker: Rc::default(),
        };
        let takers = Takers {
            ready,
            is_open: is_open_in,
        };
        (offer, takers)
    }

    /// One conversation, up to `ready`.
    pub(in crate::ops) async fn converse(&self, mut stream: UnixStream) {
        let pid = match self.admit(&stream) {
            Ok(pid) => pid,
            Err(why) => {
                warn!(self.log, "takeover refused"; "why" => &why);
                return say(&mut stream, &format!("failed\n{why}"))
                    .await
                    .unwrap_or(());
            }
        };
        self.taker.set(Some(pid));
        let one = OneAtATime(self.taker.clone());
        info!(self.log, "takeover: another process prepares to take over"; "pid" => pid);
        let mut is_open = self.is_open.clone();
        let prepared = tokio::select! {
            prepared = self.prepare(&mut stream) => prepared,
            _ = is_open.wait_for(|is_open| !is_open) => {
                // Whoever reads this knows what to do without it, too.
                let _ = say(&mut stream, "failed the server is stopping").await;
                Err("the server is stopping".to_owned())
            }
        };
        if let Err(why) = prepared {
            warn!(self.log, "takeover came to nothing; this process goes on"; "pid" => pid, "why" => why);
            return;
        }
        let hand_over = HandOver {
            stream,
            pid,
            partial: Vec::new(),
            why: None,
            _one: one,
        };
        // If nobody waits any more, the server ends: the stream goes with this, and the new process learns of it.
        let _ = self.ready.send(hand_over).await;
    }

    /// The process id of whoever may.
    fn admit(&self, stream: &UnixStream) -> Result<i32, String> {
        let who = stream
            .peer_cred()
            .map_err(|error| format!("it is not known who asks: {error}"))?;
        let own = rustix::process::geteuid().as_raw();
        if who.uid() != own {
            return Err(format!(
                "user {} asks, and only user {own} may; take over as that user",
                who.uid()
            ));
        }
        if let Some(pid) = self.taker.get() {
            return Err(format!("process {pid} is taking over already"));
        }
        if !*self.is_open.borrow() {
            return Err("the server is stopping".to_owned());
        }
        Ok(who.pid().unwrap_or(0))
    }

    async fn prepare(&self, stream: &mut UnixStream) -> Result<(), String> {
        let told = |error: io::Error| format!("the connection broke: {error}");
        let (pid, deadline) = (std::process::id(), (self.deadline)().as_millis());
        let alive_ms = self.alive_within.map_or(0, |within| within.as_millis());
        let greeting = format!("{VERB} {VERSION} {pid} {deadline} {alive_ms}");
        say(stream, &greeting).await.map_err(told)?;
        expect(stream, "sockets").await?;
        let main = self
            .listeners
            .main
            .iter()
            .map(|socket| (MAIN, Some(socket)));
        let legacy = self.listeners.legacy.as_ref().map(|legacy| {
            let (auth, message) = legacy.listeners();
            [(LEGACY_AUTH, Some(auth)), (LEGACY_MESSAGE, Some(message))]
        });
        let all = main.chain(legacy.into_iter().flatten());
        for (kind, socket) in all.chain([(END, None)]) {
            let sent = stream.async_io(Interest::WRITABLE, || send_socket(stream, kind, socket));
            timeout(PATIENCE, sent)
                .await
                .map_err(|_| told(ErrorKind::TimedOut.into()))?
                .map_err(told)?;
        }
        expect(stream, "ready").await
    }
}

impl HandOver {
    /// The new process.
    pub(in crate::ops) fn pid(&self) -> i32 {
        self.pid
    }

    /// The log is closed: it is the new process's.
    pub(in crate::ops) async fn done(&mut self) {
        // If it is gone, the outcome tells.
        let _ = say(&mut self.stream, "done").await;
    }

    /// The log was not closed as it should, and this process ends all the same.
    pub(in crate::ops) async fn unclosed(&mut self, why: &str) {
        let _ = say(&mut self.stream, &format!("unclosed {why}")).await;
    }

    /// Waits until it serves, or is gone.
    pub(in crate::ops) async fn outcome(&mut self) -> Outcome {
        loop {
            match read_line(&mut self.stream, &mut self.partial).await {
                Ok(Some(line)) if line == "serving" => return Outcome::Serving,
                // It still holds the log until it is gone.
                Ok(Some(line)) => {
                    let told = line.strip_prefix("failed ").map(str::to_owned);
                    self.why = told.or_else(|| Some(format!("it said {line:?}")));
                }
                Ok(None) => {
                    let why = self.why.take();
                    return Outcome::Failed(why.unwrap_or_else(|| SILENT_END.to_owned()));
                }
                Err(error) => return Outcome::Failed(error.to_string()),
            }
        }
    }
}

async fn say(stream: &mut UnixStream, line: &str) -> io::Result<()> {
    let line = format!("{line}\n");
    match timeout(PATIENCE, stream.write_all(line.as_bytes())).await {
        Ok(written) => written,
        Err(_) => Err(ErrorKind::TimedOut.into()),
    }
}

async fn expect(stream: &mut UnixStream, wanted: &str) -> Result<(), String> {
    let mut partial = Vec::new();
    match timeout(PATIENCE, read_line(stream, &mut partial)).await {
        Ok(Ok(Some(line))) if line == wanted => Ok(()),
        Ok(Ok(Some(line))) => Err(match line.strip_prefix("failed ") {
            Some(why) => why.to_owned(),
            None => format!("it said {line:?} instead of {wanted:?}"),
        }),
        Ok(Ok(None)) => Err(SILENT_END.to_owned()),
        Ok(Err(error)) => Err(format!("the connection broke: {error}")),
        Err(_) => Err(format!("it did not say {wanted:?} within {PATIENCE:?}")),
    }
}

/// The next line without its newline, cut at [`LINE_BYTES_MAX`]; `None` at the end. `partial` holds what was read of it when this is dropped.
async fn read_line(stream: &mut UnixStream, partial: &mut Vec<u8>) -> io::Result<Option<String>> {
    let mut byte = [0];
    while partial.len() < LINE_BYTES_MAX {
        match stream.read(&mut byte).await? {
            0 => return Ok(None),
            _ if byte[0] == b'\n' => break,
            _ => partial.push(byte[0]),
        }
    }
    let line = std::mem::take(partial);
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}
