//! Whether an original client is alive: a heartbeat call to its own port, again and again.

use actix::Context;
use slog::debug;

use crate::edge::legacy::calls::{self, CallError};
use crate::hub::session::Ending;

use super::client::LegacyClient;

impl LegacyClient {
    /// The first beat comes one interval from now, each further one an interval behind the one before.
    pub(super) fn start_heartbeat(&mut self, ctx: &mut Context<Self>) {
        let pause = tokio::time::sleep(self.shard.config().legacy.heartbeat_interval);
        self.call(ctx, pause, |(), client, ctx| client.beat(ctx));
    }

    fn beat(&mut self, ctx: &mut Context<Self>) {
        let port = self.shard.config().legacy.heartbeat_port;
        let beat = calls::beat((self.address, port).into());
        self.call(ctx, beat, |result, client, ctx| match result {
            Ok(_) => {
                client.seat.heard(client.shard.now());
                client.start_heartbeat(ctx);
            }
            Err(CallError::Refused) if client.is_in_grace() => {
                debug!(client.log, "heartbeat refused within legacy.grace");
                client.start_heartbeat(ctx);
            }
            Err(error) => client.end(Ending::Failed(format!("heartbeat: {error}"))),
        });
    }
}
