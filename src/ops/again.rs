//! Messages that must not be lost when the actor panics while it handles them: they are handled once more, as the last thing of its
//! `restarting`, and so before anything that stands in its mailbox.
//!
//! In: a message, kept from the first line of its handler until it is taken out (what is done with it cannot be done twice) or to the end (it can).
//! Out: the same message, once more. One that panics again is dropped: it would go on like that until the actor is given up.
//!
//! What is kept lies on the stack of the handler; only a panic moves it, to a list of the thread, where the actor that panicked finds it.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::ops::Deref;

use actix::{Actor, Handler, Message};

/// What an actor does with one message.
type Handling<A> = Box<dyn FnOnce(&mut A, &mut <A as Actor>::Context)>;

thread_local! {
    /// [`Handling`]s of whichever actor of this thread has just panicked.
    static LOST: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
    /// What is handled now is handled for the second time.
    static IS_SECOND: Cell<bool> = const { Cell::new(false) };
}

/// A message that is handled again if the handler panics while it holds this.
pub struct Kept<A, M>
where
    A: Actor + Handler<M>,
    M: Message + 'static,
{
    message: Option<M>,
    is_second: bool,
    actor: PhantomData<fn(A)>,
}

/// Keeps a message that `_actor` is about to handle.
pub fn keep<A, M>(_actor: &A, message: M) -> Kept<A, M>
where
    A: Actor + Handler<M>,
    M: Message + 'static,
{
    Kept {
        message: Some(message),
        is_second: IS_SECOND.get(),
        actor: PhantomData,
    }
}

impl<A, M> Kept<A, M>
where
    A: Actor + Handler<M>,
    M: Message + 'static,
{
    /// Whether it was handled before, and a panic will drop it.
    pub fn is_second(&self) -> bool {
        self.is_second
    }

    /// Takes the message out: from here on a panic loses it.
    pub fn take(mut self) -> M {
        self.message.take().expect("a kept message")
    }
}

impl<A, M> Deref for Kept<A, M>
where
    A: Actor + Handler<M>,
    M: Message + 'static,
{
    type Target = M;

    fn deref(&self) -> &M {
        self.message.as_ref().expect("a kept message")
    }
}

impl<A, M> Drop for Kept<A, M>
where
    A: Actor + Handler<M>,
    M: Message + 'static,
{
    fn drop(&mut self) {
        if let Some(message) = self.message.take()
            && std::thread::panicking()
            && !self.is_second
        {
            let handling: Handling<A> = Box::new(|actor, ctx| {
                let _ = actor.handle(message, ctx);
            });
            LOST.with_borrow_mut(|lost| lost.push(Box::new(handling)));
        }
    }
}

/// Handles once more what `actor` was handling when it panicked; at the end of its `restarting`.
pub fn handle_again<A: Actor>(actor: &mut A, ctx: &mut A::Context) {
    while let Some(lost) = LOST.with_borrow_mut(Vec::pop) {
        if let Ok(handling) = lost.downcast::<Handling<A>>() {
            let _second = Second::begin();
            handling(actor, ctx);
        }
    }
}

/// Forgets what was in hand on this thread, as the end of a process does.
#[cfg(test)]
pub(crate) fn forget() {
    LOST.with_borrow_mut(Vec::clear);
}

struct Second;

impl Second {
    fn begin() -> Self {
        IS_SECOND.set(true);
        Self
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        IS_SECOND.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::supervise::{RestartLimit, start_supervised};
    use actix::{Context, Supervised};
    use slog::Logger;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// Panics over each message so often, before or after it was taken out.
    struct Clumsy {
        panics: u32,
        done: Rc<RefCell<Vec<u32>>>,
    }

    impl Actor for Clumsy {
        type Context = Context<Self>;
    }

    impl Supervised for Clumsy {
        fn restarting(&mut self, ctx: &mut Context<Self>) {
            handle_again(self, ctx);
        }
    }

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Do {
        number: u32,
        is_taken_first: bool,
    }

    impl Handler<Do> for Clumsy {
        type Result = ();

        fn handle(&mut self, what: Do, _: &mut Context<Self>) {
            let what = keep(self, what);
            let (number, is_taken_first) = (what.number, what.is_taken_first);
            let mut what = Some(what);
            if is_taken_first {
                let _ = what.take().map(Kept::take);
            }
            if self.panics > 0 {
                self.panics -= 1;
                panic!("provoked");
            }
            self.done.borrow_mut().push(number);
        }
    }

    /// What is done of three messages, if the first one panics so often.
    fn done_of_three(panics: u32, is_taken_first: bool) -> Vec<u32> {
        let done = Rc::<RefCell<Vec<u32>>>::default();
        let kept = done.clone();
        actix_rt::System::new().block_on(async move {
            let log = Logger::root(slog::Discard, slog::o!());
            let give_up = Box::new(|| panic!("given up"));
            let clumsy = start_supervised("clumsy", log, RestartLimit::default(), give_up, |_| {
                Clumsy { panics, done }
            });
            for number in 1..3 {
                clumsy.do_send(Do {
                    number,
                    is_taken_first,
                });
            }
            let last = Do {
                number: 3,
                is_taken_first,
            };
            assert!(clumsy.send(last).await.is_ok());
        });
        kept.take()
    }

    #[test]
    fn what_was_in_hand_comes_once_more_and_before_the_rest() {
        assert_eq!(done_of_three(0, false), [1, 2, 3]);
        assert_eq!(done_of_three(1, false), [1, 2, 3]);
    }

    #[test]
    fn what_panics_twice_or_was_taken_out_is_dropped() {
        assert_eq!(done_of_three(2, false), [2, 3]);
        assert_eq!(done_of_three(1, true), [2, 3]);
    }
}
