//! The end, in order: stop accepting, send the clients home, commit and close the log, end the threads; a deadline for each. Or the same for
//! another process that takes over: there the log is closed as soon as every client has been told, and the slow ones get their last lines
//! while the other process serves already.

use std::pin::pin;
use std::time::{Duration, Instant};

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, MailboxError, Message};
use actix_rt::Arbiter;
use futures::future::join_all;
use slog::{Logger, error, info, warn};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::hub::leaving::{AwaitTold, SendHome};
use crate::hub::log::CloseLog;

use super::boot::{Door, Running};
use super::notify;
use super::takeover::offer::{HandOver, Outcome, Takers};

/// Shares of the whole deadline, in percent.
const DOORS_SHARE: u32 = 5;
const CLIENTS_SHARE: u32 = 35;
const LOG_SHARE: u32 = 40;
const THREADS_SHARE: u32 = 15;

/// Clients come back within so many seconds at least, each after another time ...
const SPREAD_SECONDS_MIN: u32 = 5;
/// ... and within so many at most.
const SPREAD_SECONDS_MAX: u32 = 60;
/// So many of them come back in each second: a log-in is cheap with a resume token, a TLS handshake is not.
const RETURNS_PER_SECOND: usize = 500;

/// At a hand-over: so long a client may take to come to a point at which it can be told to go. What it was promised is committed in any case.
const TOLD_DEADLINE: Duration = Duration::from_millis(500);
/// How often is said that the other process does not serve yet.
const WAIT_TOLD_EVERY: Duration = Duration::from_secs(10);

/// The signals that end a server. Listened for from the moment this is made: before that, one would kill the process.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Begins to listen; needs a running runtime.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for either; its name.
    async fn any(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// What ends a server.
pub(super) enum End {
    /// SIGTERM or SIGINT.
    Signal,
    /// It cannot go on; why.
    Fault(String),
    /// Another process is ready to take over.
    HandOver(HandOver),
}

/// Waits for the end.
pub(super) async fn wait_for_end(
    log: &Logger,
    signals: &mut Signals,
    faults: &mut UnboundedReceiver<String>,
    takers: &mut Takers,
) -> End {
    tokio::select! {
        name = signals.any() => {
            info!(log, "stopping: {}", name);
            End::Signal
        }
        Some(reason) = faults.recv() => {
            error!(log, "stopping: {}", reason);
            End::Fault(reason)
        }
        to = takers.next() => {
            info!(log, "handing over"; "to" => to.pid());
            End::HandOver(to)
        }
    }
}

/// Takes the server apart; says what was not done in time. Another signal means that clients are not waited for.
pub(super) async fn stop(
    log: &Logger,
    mut running: Running,
    signals: &mut Signals,
    deadline: Duration,
) -> Result<(), String> {
    let share = |percent| deadline * percent / 100;
    close(log, std::mem::take(&mut running.doors), share(DOORS_SHARE)).await;
    let open = running.connections.open();
    let spread = spread_seconds(open).max(SPREAD_SECONDS_MIN);
    tokio::select! {
        () = send_home(log, &running, share(CLIENTS_SHARE), spread) => {}
        name = signals.any() => warn!(log, "{} once more: clients are not waited for", name),
    }
    let result = close_log(&running, share(LOG_SHARE)).await;
    join(log, running, share(THREADS_SHARE)).await;
    info!(log, "stopped"; "clean" => result.is_ok());
    result
}

/// What became of a hand-over.
pub(super) enum HandedOver {
    /// The other process serves.
    Served,
    /// A signal came while it was not known if it does: this process ends in any case.
    Signal,
    /// The other process failed; why. The log is closed, and the threads have ended.
    Nobody(String),
}

/// Takes the server apart for the process that takes over.
pub(super) async fn hand_over(
    log: &Logger,
    mut running: Running,
    signals: &mut Signals,
    deadline: Duration,
    mut to: HandOver,
) -> Result<HandedOver, String> {
    let share = |percent| deadline * percent / 100;
    let begun = Instant::now();
    close(log, std::mem::take(&mut running.doors), share(DOORS_SHARE)).await;
    let spread = spread_seconds(running.connections.open());
    // On a task of its own: clients leave while the log is closed, and the other process opens it.
    let home = send_home(log, &running, share(CLIENTS_SHARE), spread);
    let mut home = actix_rt::spawn(home);
    let untold = await_told(&running, TOLD_DEADLINE).await;
    if untold != Some(0) {
        warn!(log, "clients could not be told in time; their connections just end"; "clients" => untold);
    }
    if let Err(why) = close_log(&running, share(LOG_SHARE)).await {
        to.unclosed(&why).await;
        // It serves as soon as this process is gone; the end of the main process would be the end of the service, and of both.
        notify_main(&to);
        join(log, running, share(THREADS_SHARE)).await;
        return Err(why);
    }
    to.done().await;
    info!(log, "the log is closed, and the other process may have it"; "to" => to.pid(),
        "after_ms" => begun.elapsed().as_millis() as u64);
    let outcome = tokio::select! {
        biased;
        outcome = to.outcome() => Some(outcome),
        _ = &mut home => None,
    };
    if outcome == Some(Outcome::Serving) {
        tokio::select! {
            // Its end is its deadline, too.
            _ = &mut home => {}
            name = signals.any() => warn!(log, "{}: clients are not waited for", name),
        }
    }
    join(log, running, share(THREADS_SHARE)).await;
    let outcome = match outcome {
        Some(outcome) => outcome,
        None => match wait_for_outcome(log, signals, &mut to).await {
            Some(outcome) => outcome,
            None => return Ok(HandedOver::Signal),
        },
    };
    match outcome {
        Outcome::Serving => {
            notify_main(&to);
            info!(log, "handed over"; "to" => to.pid());
            Ok(HandedOver::Served)
        }
        Outcome::Failed(why) => Ok(HandedOver::Nobody(why)),
    }
}

/// Tells the service manager who is the server; before this process ends, since of another one it would not believe it.
fn notify_main(to: &HandOver) {
    if let Ok(pid) = u32::try_from(to.pid()) {
        notify::main_pid(pid);
    }
}

/// `None` if a signal came first.
async fn wait_for_outcome(
    log: &Logger,
    signals: &mut Signals,
    to: &mut HandOver,
) -> Option<Outcome> {
    let (pid, begun) = (to.pid(), Instant::now());
    let mut outcome = pin!(to.outcome());
    loop {
        tokio::select! {
            biased;
            outcome = &mut outcome => return Some(outcome),
            name = signals.any() => {
                warn!(log, "{}: ending, though it is not known if the other process serves", name; "to" => pid);
                return None;
            }
            () = tokio::time::sleep(WAIT_TOLD_EVERY) => {
                warn!(log, "the other process does not serve yet; if it ends, this one goes on";
                    "to" => pid, "since_s" => begun.elapsed().as_secs());
            }
        }
    }
}

/// Within how many seconds so many clients are to come back.
fn spread_seconds(clients: usize) -> u32 {
    let seconds = clients.div_ceil(RETURNS_PER_SECOND).max(1);
    u32::try_from(seconds).map_or(SPREAD_SECONDS_MAX, |seconds| {
        seconds.min(SPREAD_SECONDS_MAX)
    })
}

/// Done when nothing more is accepted, so that whatever is ordered then is behind everybody who came.
async fn close(log: &Logger, doors: Vec<Door>, deadline: Duration) {
    // Closed together, then waited for.
    let closed: Vec<_> = doors.into_iter().map(Door::close).collect();
    let all = join_all(closed);
    if tokio::time::timeout(deadline, all).await.is_err() {
        warn!(log, "a thread went on accepting");
    }
}

/// Tells everybody at once; done when all have left, or their time is over.
fn send_home(
    log: &Logger,
    running: &Running,
    deadline: Duration,
    spread_seconds: u32,
) -> impl Future<Output = ()> + use<> {
    let order = SendHome {
        deadline,
        spread_seconds,
    };
    let leaving: Vec<_> = running
        .sessions
        .iter()
        .cloned()
        .map(|sessions| {
            let sent = sessions.send(order);
            async move {
                match sent.await {
                    // It panicked over the order, and is there again.
                    Err(MailboxError::Closed) if sessions.connected() => sessions.send(order).await,
                    left => left,
                }
            }
        })
        .collect();
    let log = log.clone();
    async move {
        // Its own deadline ends it; the extra is for a thread that no longer turns.
        let extra = deadline / 8;
        let left = tokio::time::timeout(deadline + extra, join_all(leaving)).await;
        let stayed: usize = left.map_or(0, |left| left.into_iter().flatten().sum());
        if stayed > 0 {
            warn!(log, "clients did not take their last lines in time"; "clients" => stayed);
        }
    }
}

/// How many clients could not be told to go; not known where a thread no longer turns.
async fn await_told(running: &Running, deadline: Duration) -> Option<usize> {
    let asked = running
        .sessions
        .iter()
        .map(|sessions| send_once_more(sessions, AwaitTold { deadline }));
    let told = tokio::time::timeout(deadline * 2, join_all(asked)).await;
    told.ok()?.into_iter().map(Result::ok).sum()
}

/// Gives an order; once more if the actor panicked over it, and is there again.
async fn send_once_more<A, M>(to: &Addr<A>, order: M) -> Result<M::Result, MailboxError>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Copy + Send + 'static,
    M::Result: Send,
{
    match to.send(order).await {
        Err(MailboxError::Closed) if to.connected() => to.send(order).await,
        answered => answered,
    }
}

async fn close_log(running: &Running, deadline: Duration) -> Result<(), String> {
    match tokio::time::timeout(deadline, send_once_more(&running.log, CloseLog)).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(reason))) => Err(format!("the log was not closed: {reason}")),
        Ok(Err(_)) => Err("the log's actor was gone before it was closed".to_owned()),
        Err(_) => Err("the log was not closed in time".to_owned()),
    }
}

async fn join(log: &Logger, running: Running, deadline: Duration) {
    let threads = running.shards.into_iter().chain([
        running.log_thread,
        running.auth_thread,
        running.registry_thread,
    ]);
    let threads: Vec<Arbiter> = threads.collect();
    for thread in &threads {
        thread.stop();
    }
    let count = threads.len();
    let join_all = || {
        threads
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .count()
    };
    // Joining blocks, and a thread that hangs must not hold up the end: the process ends without it.
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || sender.send(join_all()));
    match tokio::time::timeout(deadline, receiver).await {
        Ok(Ok(joined)) if joined == count => {}
        _ => warn!(log, "not all threads ended in time"; "threads" => count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_clients_the_longer_they_take_to_come_back() {
        let spreads = [0, 1, 500, 501, 1000, 15_000, usize::MAX].map(spread_seconds);
        assert_eq!(spreads, [1, 1, 1, 2, 2, 30, 60]);
    }
}
