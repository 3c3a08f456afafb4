//! Supervision of panics, which actix does not do: an actor that panics is started again behind the same address.
//!
//! The mailbox is kept, so nothing that was queued is lost; the message being handled is, and each actor says in its
//! `restarting` what it does about that. The actor's value is kept too: `restarting` rebuilds what it owns and keeps what it
//! still owes others. Too many panics within a window end the actor and tell whoever started it, who ends the process: a server
//! that lives on half-dead is worse than one that its supervisor starts again.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use actix::dev::{ContextFut, channel};
use actix::{Actor, Addr, Context, Supervised};
use slog::{Logger, crit, error};

/// Messages that a supervised actor's mailbox takes before `try_send` refuses; what may really pile up is bounded by the senders.
const MAILBOX_CAPACITY: usize = 16;

/// Restarts of an actor within ten seconds that are survived.
const RESTARTS_MAX: usize = 5;

/// How many panics are survived.
#[derive(Debug, Clone, Copy)]
pub struct RestartLimit {
    /// So many restarts ...
    pub restarts_max: usize,
    /// ... within this time.
    pub within: Duration,
}

impl Default for RestartLimit {
    fn default() -> Self {
        #[cfg(not(feature = "fault-injection"))]
        let restarts_max = RESTARTS_MAX;
        #[cfg(feature = "fault-injection")]
        let restarts_max = super::panic_at::restarts_max().unwrap_or(RESTARTS_MAX);
        Self {
            restarts_max,
            within: Duration::from_secs(10),
        }
    }
}

/// What runs when an actor has panicked too often.
pub type GiveUp = Box<dyn FnOnce()>;

/// Starts `factory`'s actor on this thread, supervised. `name` is for the log.
pub fn start_supervised<A>(
    name: &'static str,
    log: Logger,
    limit: RestartLimit,
    give_up: GiveUp,
    factory: impl FnOnce(&mut Context<A>) -> A,
) -> Addr<A>
where
    A: Actor<Context = Context<A>> + Supervised,
{
    let (sender, receiver) = channel::channel(MAILBOX_CAPACITY);
    let mut context = Context::with_receiver(receiver);
    let actor = factory(&mut context);
    actix_rt::spawn(PanicSupervisor {
        running: Some(context.into_future(actor)),
        name,
        log,
        limit,
        panics: Vec::new(),
        give_up: Some(give_up),
    });
    Addr::new(sender)
}

struct PanicSupervisor<A>
where
    A: Actor<Context = Context<A>> + Supervised,
{
    running: Option<ContextFut<A, Context<A>>>,
    name: &'static str,
    log: Logger,
    limit: RestartLimit,
    panics: Vec<Instant>,
    give_up: Option<GiveUp>,
}

impl<A: Actor<Context = Context<A>> + Supervised> Unpin for PanicSupervisor<A> {}

impl<A: Actor<Context = Context<A>> + Supervised> Future for PanicSupervisor<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            let Some(running) = this.running.as_mut() else {
                return Poll::Ready(());
            };
            let polled =
                std::panic::catch_unwind(AssertUnwindSafe(|| Pin::new(&mut *running).poll(cx)));
            match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(())) => return Poll::Ready(()),
                Err(panic) => {
                    if !this.restart(&*panic) {
                        return Poll::Ready(());
                    }
                    // Polled again at once: what is queued would otherwise lie there without a wake-up.
                }
            }
        }
    }
}

impl<A: Actor<Context = Context<A>> + Supervised> PanicSupervisor<A> {
    /// Returns whether the actor goes on.
    fn restart(&mut self, panic: &(dyn std::any::Any + Send)) -> bool {
        let mut goes_on = self.count(panic);
        while goes_on {
            // `restarting` is the actor's own code and may panic too: that is one more, and it is begun again.
            let restarted = std::panic::catch_unwind(AssertUnwindSafe(|| {
                self.running.as_mut().is_some_and(ContextFut::restart)
            }));
            match restarted {
                Ok(true) => return true,
                Ok(false) => break,
                Err(panic) => goes_on = self.count(&*panic),
            }
        }
        crit!(self.log, "actor given up after too many panics"; "actor" => self.name);
        if let Some(give_up) = self.give_up.take() {
            give_up();
        }
        let ended = self.running.take();
        whatever_happens(|| drop(ended));
        false
    }

    /// Counts a panic; returns whether it may be survived.
    fn count(&mut self, panic: &(dyn std::any::Any + Send)) -> bool {
        let now = Instant::now();
        self.panics
            .retain(|at| now.duration_since(*at) < self.limit.within);
        self.panics.push(now);
        error!(self.log, "actor panicked"; "actor" => self.name, "reason" => panic_text(panic),
            "panics" => self.panics.len());
        self.panics.len() <= self.limit.restarts_max
    }
}

/// Does a step that those behind it must not depend on: the end of an actor tells several others, each of which has to hear of it though
/// telling another one panics. Works within a drop too, and while a panic unwinds.
pub fn whatever_happens(step: impl FnOnce()) {
    let _ = std::panic::catch_unwind(AssertUnwindSafe(step));
}

/// What a panic said.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "no reason given".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix::{Handler, Message};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Counter {
        count: u32,
    }
    impl Actor for Counter {
        type Context = Context<Self>;
    }
    impl Supervised for Counter {
        fn restarting(&mut self, _: &mut Context<Self>) {
            self.count = 100;
        }
    }
    struct Count;
    impl Message for Count {
        type Result = u32;
    }
    impl Handler<Count> for Counter {
        type Result = u32;
        fn handle(&mut self, _: Count, _: &mut Context<Self>) -> u32 {
            self.count += 1;
            self.count
        }
    }
    struct Boom;
    impl Message for Boom {
        type Result = ();
    }
    impl Handler<Boom> for Counter {
        type Result = ();
        fn handle(&mut self, _: Boom, _: &mut Context<Self>) {
            panic!("provoked");
        }
    }

    #[test]
    fn queued_messages_survive_and_the_limit_holds() {
        let gave_up = Arc::new(AtomicU32::new(0));
        let seen = gave_up.clone();
        actix_rt::System::new().block_on(async move {
            let log = Logger::root(slog::Discard, slog::o!());
            let limit = RestartLimit {
                restarts_max: 2,
                within: Duration::from_secs(60),
            };
            let give_up = Box::new(move || {
                seen.fetch_add(1, Ordering::SeqCst);
            });
            let addr = start_supervised("counter", log, limit, give_up, |_| Counter { count: 0 });
            assert_eq!(addr.send(Count).await.ok(), Some(1));
            let boom = addr.send(Boom);
            let queued = (addr.send(Count), addr.send(Count));
            assert!(boom.await.is_err());
            assert_eq!(
                (queued.0.await.ok(), queued.1.await.ok()),
                (Some(101), Some(102))
            );
            assert!(addr.send(Boom).await.is_err());
            assert_eq!(addr.send(Count).await.ok(), Some(101));
            assert!(addr.send(Boom).await.is_err());
            assert!(addr.send(Count).await.is_err());
        });
        assert_eq!(gave_up.load(Ordering::SeqCst), 1);
    }
}
