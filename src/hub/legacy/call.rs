//! Calls of an original client's actor: each is a task of its own, and what comes of it comes back as a message. So a panic of the actor
//! neither breaks a delivery off, of which nobody could say then whether it was taken, nor loses what came of it. A call that panics itself ends
//! the session.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use actix::{AsyncContext, Context, Handler, Message};
use futures::FutureExt;

use crate::hub::session::Ending;
use crate::ops::{again, panic_at};

use super::client::LegacyClient;

type Then = Box<dyn FnOnce(&mut LegacyClient, &mut Context<LegacyClient>) + Send>;

/// A call is over: what there is to do about it.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Called(Then);

impl LegacyClient {
    /// Does `work` beside the actor, and `then` in it with what came of that. Dropped with the actor.
    pub(super) fn call<T: Send + 'static>(
        &mut self,
        ctx: &Context<Self>,
        work: impl Future<Output = T> + 'static,
        then: impl FnOnce(T, &mut Self, &mut Context<Self>) + Send + 'static,
    ) {
        while self.calls.try_join_next().is_some() {}
        let client = ctx.address();
        let work = async {
            let _place = panic_at::place("fatal/call");
            work.await
        };
        self.calls.spawn_local(async move {
            let done: Then = match AssertUnwindSafe(work).catch_unwind().await {
                Ok(result) => Box::new(|client, ctx| then(result, client, ctx)),
                Err(_) => Box::new(|client, _| client.end(Ending::Panicked)),
            };
            client.do_send(Called(done));
        });
    }
}

impl Handler<Called> for LegacyClient {
    type Result = ();

    fn handle(&mut self, called: Called, ctx: &mut Context<Self>) {
        let called = again::keep(self, called);
        // It comes a third time no more.
        self.is_taking_call = called.is_second();
        let _place = panic_at::place("legacy/Called");
        let Called(then) = called.take();
        self.is_taking_call = true;
        then(self, ctx);
        self.is_taking_call = false;
    }
}
