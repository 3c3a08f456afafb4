//! Actors that cost next to nothing while they have nothing to do: of a kind of which there are ten thousands.
//!
//! actix's own [`Context`](actix::Context) is a future of its own for each actor, with a channel, a list of handles and a task of the runtime: more
//! eight hundred bytes for a client that says nothing. A light actor is an [`Actor`] like any other, with the same
//! [`Handler`](actix::Handler)s, but its [`LightContext`] exists only while it runs, and one future runs all of a thread
//! ([`turns::Turns`] knows whose turn it is). What that costs: its messages come through its supervisor, and it has no timers or futures of
//! its own.

pub mod turns;

use std::panic::{AssertUnwindSafe, catch_unwind};

use actix::{Actor, ActorContext, ActorState, Handler, Message};

/// What a light actor can do about itself; there is one while it runs.
#[derive(Debug)]
pub struct LightContext {
    state: ActorState,
}

impl ActorContext for LightContext {
    fn stop(&mut self) {
        if self.state.alive() {
            self.state = ActorState::Stopping;
        }
    }

    fn terminate(&mut self) {
        self.state = ActorState::Stopped;
    }

    fn state(&self) -> ActorState {
        self.state
    }
}

/// An actor that gets a turn when something woke it.
pub trait LightActor: Actor<Context = LightContext> {
    /// Does everything there is to do now.
    fn turn(&mut self, ctx: &mut LightContext);

    /// Learns that it has panicked, just before it is dropped.
    fn panicked(&mut self);
}

/// Starts an actor; `None` if it ended or panicked at once.
pub fn start<A: LightActor>(actor: Box<A>) -> Option<Box<A>> {
    run(actor, A::started)
}

/// Gives an actor its turn; `None` if it is no more.
pub fn turn<A: LightActor>(actor: Box<A>) -> Option<Box<A>> {
    run(actor, A::turn)
}

/// Gives an actor a message; `None` if it is no more.
pub fn handle<A, M>(actor: Box<A>, message: M) -> Option<Box<A>>
where
    A: LightActor + Handler<M>,
    M: Message<Result = ()>,
{
    run(actor, |actor, ctx| {
        actor.handle(message, ctx);
    })
}

/// Runs something of an actor. Whatever it does, nobody else notices: a panic costs this actor alone.
fn run<A: LightActor>(
    mut actor: Box<A>,
    what: impl FnOnce(&mut A, &mut LightContext),
) -> Option<Box<A>> {
    let mut ctx = LightContext {
        state: ActorState::Running,
    };
    // The actor is not used any more after a panic, but for its drop; what it shares with others are cells that are whole
    // between any two steps.
    let outcome = catch_unwind(AssertUnwindSafe(|| what(&mut actor, &mut ctx)));
    match outcome {
        Ok(()) if ctx.state.alive() => Some(actor),
        Ok(()) => {
            end(actor, |actor| {
                actor.stopping(&mut ctx);
                actor.stopped(&mut ctx);
            });
            None
        }
        Err(_) => {
            end(actor, A::panicked);
            None
        }
    }
}

/// The last of an actor, which may fail too.
fn end<A: LightActor>(mut actor: Box<A>, last: impl FnOnce(&mut A)) {
    let _ = catch_unwind(AssertUnwindSafe(|| last(&mut actor)));
    let _ = catch_unwind(AssertUnwindSafe(|| drop(actor)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    struct Probe {
        log: Rc<RefCell<Vec<&'static str>>>,
        in_turn: fn(&mut LightContext),
    }

    impl Probe {
        fn new(in_turn: fn(&mut LightContext)) -> Self {
            let log = Rc::default();
            Self { log, in_turn }
        }

        fn note(&self, what: &'static str) {
            self.log.borrow_mut().push(what);
        }
    }

    impl Actor for Probe {
        type Context = LightContext;

        fn started(&mut self, _: &mut LightContext) {
            self.note("started");
        }

        fn stopped(&mut self, _: &mut LightContext) {
            self.note("stopped");
        }
    }

    impl LightActor for Probe {
        fn turn(&mut self, ctx: &mut LightContext) {
            self.note("turn");
            (self.in_turn)(ctx);
        }

        fn panicked(&mut self) {
            self.note("panicked");
        }
    }

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Panic;

    impl Handler<Panic> for Probe {
        type Result = ();

        fn handle(&mut self, _: Panic, _: &mut LightContext) {
            panic!("provoked");
        }
    }

    impl Drop for Probe {
        fn drop(&mut self) {
            self.note("dropped");
        }
    }

    fn log_of(
        probe: Probe,
        run: impl FnOnce(Box<Probe>) -> Option<Box<Probe>>,
    ) -> Vec<&'static str> {
        let log = probe.log.clone();
        let alive = run(Box::new(probe));
        if let Some(probe) = alive {
            probe.note("alive");
        }
        log.take()
    }

    #[test]
    fn it_lives_from_turn_to_turn_until_it_stops_itself() {
        let both = |probe| start(probe).and_then(turn);
        let alive = log_of(Probe::new(|_| {}), both);
        assert_eq!(alive, ["started", "turn", "alive", "dropped"]);
        let ends = Probe::new(LightContext::stop);
        assert_eq!(log_of(ends, turn), ["turn", "stopped", "dropped"]);
    }

    #[test]
    fn a_panic_in_a_turn_or_a_handler_ends_it_and_goes_no_further() {
        let panics = Probe::new(|_| panic!("provoked"));
        assert_eq!(log_of(panics, turn), ["turn", "panicked", "dropped"]);
        let handled = log_of(Probe::new(|_| {}), |probe| handle(probe, Panic));
        assert_eq!(handled, ["panicked", "dropped"]);
    }
}
