//! Asking an actor for something that changes nothing: a panic over the question is no answer, so it is asked once more.

use actix::dev::ToEnvelope;
use actix::{Addr, Handler, Message};

/// What `whom` answers; `None` if it panicked twice, or is no more.
pub(super) async fn ask<A, M>(whom: &Addr<A>, question: M) -> Option<M::Result>
where
    A: Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Clone + Send + 'static,
    M::Result: Send,
{
    match whom.send(question.clone()).await {
        Ok(answer) => Some(answer),
        Err(_) => whom.send(question).await.ok(),
    }
}
