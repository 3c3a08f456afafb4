//! The end, in order: stop accepting, send the clients home, commit and close the log, end the threads; a deadline for each.

use std::time::Duration;

use actix::{Addr, MailboxError};
use actix_rt::Arbiter;
use slog::{Logger, error, info, warn};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::hub::log::{CloseLog, MessageLog};
use crate::hub::session::SendHome;

use super::boot::Running;

/// Shares of the whole deadline, in percent.
const CLIENTS_SHARE: u32 = 40;
const LOG_SHARE: u32 = 40;
const THREADS_SHARE: u32 = 15;

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
}

/// Waits for SIGTERM or SIGINT (`Ok`), or for a fault that ends the server (its reason).
pub(super) async fn wait_for_end(
    log: &Logger,
    mut signals: Signals,
    faults: &mut UnboundedReceiver<String>,
) -> Result<(), String> {
    tokio::select! {
        _ = signals.terminate.recv() => info!(log, "stopping: SIGTERM"),
        _ = signals.interrupt.recv() => info!(log, "stopping: SIGINT"),
        Some(reason) = faults.recv() => {
            error!(log, "stopping: {}", reason);
            return Err(reason);
        }
    }
    Ok(())
}

/// Takes the server apart; says what was not done in time.
pub(super) async fn stop(log: &Logger, running: Running, deadline: Duration) -> Result<(), String> {
    let share = |percent| deadline * percent / 100;
    drop(running.accepting);
    let order = SendHome {
        deadline: share(CLIENTS_SHARE),
    };
    let leaving: Vec<_> = running
        .sessions
        .iter()
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
    let mut stayed = 0;
    for sessions in leaving {
        // Its own deadline ends it; the extra is for a thread that no longer turns.
        let left = tokio::time::timeout(order.deadline + share(5), sessions).await;
        stayed += left.ok().and_then(Result::ok).unwrap_or(0);
    }
    if stayed > 0 {
        warn!(log, "clients did not take their last lines in time"; "clients" => stayed);
    }
    let closed = tokio::time::timeout(share(LOG_SHARE), close(&running.log)).await;
    let result = match closed {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(reason))) => Err(format!("the log was not closed: {reason}")),
        Ok(Err(_)) => Err("the log's actor was gone before it was closed".to_owned()),
        Err(_) => Err("the log was not closed in time".to_owned()),
    };
    let threads = running.shards.into_iter().chain([
        running.log_thread,
        running.auth_thread,
        running.registry_thread,
    ]);
    join(log, threads.collect(), share(THREADS_SHARE)).await;
    info!(log, "stopped"; "clean" => result.is_ok());
    result
}

/// Closes the log; once more if it panicked over that.
async fn close(log: &Addr<MessageLog>) -> Result<Result<(), String>, MailboxError> {
    match log.send(CloseLog).await {
        Err(MailboxError::Closed) if log.connected() => log.send(CloseLog).await,
        closed => closed,
    }
}

async fn join(log: &Logger, threads: Vec<Arbiter>, deadline: Duration) {
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
