//! How others send messages to a client: through the supervisor of its shard's clients, which knows where it sits.

use actix::{Addr, Handler, Message};

use crate::hub::messages::ClientRef;
use crate::hub::session::{Deliver, SessionSupervisor};

use super::Client;

/// Where messages for one client go; they come to nobody once it has left.
#[derive(Debug, Clone)]
pub struct ClientAddr {
    client: ClientRef,
    sessions: Addr<SessionSupervisor>,
}

impl ClientAddr {
    /// Sends `message` on its way.
    pub fn do_send<M>(&self, message: M)
    where
        M: Message<Result = ()> + Send + 'static,
        Client: Handler<M>,
    {
        let client = self.client;
        self.sessions.do_send(Deliver { client, message });
    }
}

impl Client {
    /// Where messages for this client go.
    pub(super) fn address(&self) -> ClientAddr {
        ClientAddr {
            client: self.seat.client,
            sessions: self.shard.links().sessions.clone(),
        }
    }
}
