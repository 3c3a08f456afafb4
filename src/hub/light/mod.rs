//! Actors that cost next to nothing while they have nothing to do: of a kind of which there are ten thousands.
//!
//! actix's own [`Context`](actix::Context) is a future of its own for each actor, with a channel, a list of handles and a task of the runtime: more
//! than eight hundred bytes for a client that says nothing. A light actor is an [`Actor`] like any other, with the same
//! [`Handler`]s, but its [`LightContext`] exists only while it runs, and one future runs all of a thread
//! ([`turns::Turns`] knows whose turn it is). What that costs: its messages come through its supervisor, it has no timers or futures of
//! its own, and who stops is not asked whether it would rather go on (`stopping`).

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

/// Starts the actor at this place, which is empty after if that ended it.
pub fn start<A: LightActor>(place: &mut Option<A>) {
    run(place, A::started);
}

/// Gives the actor at this place its turn.
pub fn turn<A: LightActor>(place: &mut Option<A>) {
    run(place, A::turn);
}

/// Gives the actor at this place a message.
pub fn handle<A, M>(place: &mut Option<A>, message: M)
where
    A: LightActor + Handler<M>,
    M: Message<Result = ()>,
{
    run(place, |actor, ctx| {
        actor.handle(message, ctx);
    });
}

/// Runs something of an actor. Whatever it does, nobody else notices: a panic costs this actor alone.
fn run<A: LightActor>(place: &mut Option<A>, what: impl FnOnce(&mut A, &mut LightContext)) {
    let Some(actor) = place else {
        return;
    };
    let mut ctx = LightContext {
        state: ActorState::Running,
    };
    // After a panic the actor is used only to be dropped; what it shares with others are cells that are whole between any two steps.
    let outcome = catch_unwind(AssertUnwindSafe(|| what(actor, &mut ctx)));
    match outcome {
        Ok(()) if ctx.state.alive() => {}
        Ok(()) => end(place, |actor| actor.stopped(&mut ctx)),
        Err(_) => end(place, A::panicked),
    }
}

/// The last of an actor, which may fail too.
fn end<A: LightActor>(place: &mut Option<A>, last: impl FnOnce(&mut A)) {
    let Some(mut actor) = place.take() else {
        return;
    };
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

    fn log_of(probe: Probe, run: impl FnOnce(&mut Option<Probe>)) -> Vec<&'static str> {
        let log = probe.log.clone();
        let mut place = Some(probe);
        run(&mut place);
        if let Some(probe) = place {
            probe.note("alive");
        }
        log.take()
    }

    #[test]
    fn it_lives_from_turn_to_turn_until_it_stops_itself() {
        let both = |place: &mut Option<Probe>| {
            start(place);
            turn(place);
        };
        let alive = log_of(Probe::new(|_| {}), both);
        assert_eq!(alive, ["started", "turn", "alive", "dropped"]);
        let ends = Probe::new(LightContext::stop);
        assert_eq!(log_of(ends, turn), ["turn", "stopped", "dropped"]);
    }

    #[test]
    fn a_panic_in_a_turn_or_a_handler_ends_it_and_goes_no_further() {
        let panics = Probe::new(|_| panic!("provoked"));
        assert_eq!(log_of(panics, turn), ["turn", "panicked", "dropped"]);
        let handled = log_of(Probe::new(|_| {}), |place| handle(place, Panic));
        assert_eq!(handled, ["panicked", "dropped"]);
    }
}
