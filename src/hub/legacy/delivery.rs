//! What an original client hears: one batch at a time, each a connection to its delivery port. It is looked for whenever the lobby
//! has news, not with the heartbeat.

use std::time::Duration;

use actix::Context;
use slog::debug;
use tokio::sync::oneshot;

use crate::edge::legacy::calls;
use crate::edge::wire::legacy::BATCH_BYTES_MAX;
use crate::edge::wire::names::RoomName;
use crate::edge::wire::timestamp::Timestamp;
use crate::hub::rules::cursor::{Cursor, Next};
use crate::hub::session::Ending;
use crate::ops::panic_at;
use crate::store::log::PageQuery;

use super::batch::{self, Delivery};
use super::client::LegacyClient;

/// Between two attempts within the grace.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// Events that one page holds at most; a batch seldom holds more.
const PAGE_EVENTS: usize = 256;

impl LegacyClient {
    /// Starts the next delivery, if there is something and none is under way.
    pub(super) fn deliver_next(&mut self, ctx: &mut Context<Self>) {
        let _place = panic_at::place("legacy/deliver");
        if self.is_delivering || !self.is_logged_in() {
            return;
        }
        let (Some(room), Some(cursor)) = (self.lobby.look(), self.cursor.as_mut()) else {
            return;
        };
        let tail = room.tail(Default::default());
        loop {
            match cursor.next(&tail) {
                Next::Wait => return,
                Next::Write => match batch::from_tail(&tail, *cursor) {
                    Delivery { batch: None, up_to } => *cursor = Cursor::behind(up_to),
                    Delivery {
                        batch: Some(batch),
                        up_to,
                    } => {
                        drop(tail);
                        return self.deliver(batch, up_to, ctx);
                    }
                },
                Next::ReadLog { after } => {
                    drop(tail);
                    return self.read_log(after, ctx);
                }
            }
        }
    }

    fn deliver(&mut self, batch: Vec<u8>, up_to: u64, ctx: &mut Context<Self>) {
        self.is_delivering = true;
        let port = self.shard.config().legacy.delivery_port;
        let delivered = calls::deliver((self.address, port).into(), batch);
        self.call(ctx, delivered, move |result, client, ctx| match result {
            Ok(()) => client.go_on_behind(up_to),
            Err(error) if client.is_in_grace() => {
                debug!(client.log, "delivery failed within legacy.grace; it is tried again"; "why" => %error);
                // The batch is put together anew: what was removed meanwhile is not delivered.
                let pause = tokio::time::sleep(RETRY_PAUSE);
                client.call(ctx, pause, |(), client, _| client.look_again());
            }
            Err(error) => client.end(Ending::Failed(format!("delivery: {error}"))),
        });
    }

    fn go_on_behind(&mut self, id: u64) {
        self.cursor = Some(Cursor::behind(id));
        self.look_again();
    }

    fn look_again(&mut self) {
        self.is_delivering = false;
        self.seat.wake();
    }

    /// The tail does not reach back far enough.
    fn read_log(&mut self, after: u64, ctx: &mut Context<Self>) {
        self.is_delivering = true;
        let query = PageQuery {
            room: Some(RoomName::lobby()),
            after,
            before: u64::MAX,
            since: Timestamp::default(),
            newest_first: false,
            with_removals: false,
            events_max: PAGE_EVENTS,
            bytes_max: BATCH_BYTES_MAX,
        };
        let (sender, receiver) = oneshot::channel();
        self.shard.links().reads.run(
            move |reader| reader.page(&query).map(|page| batch::from_page(&page)),
            move |read| {
                let result = match read {
                    Some(result) => result.map_err(|error| error.to_string()),
                    None => Err("the reading failed".to_owned()),
                };
                let _ = sender.send(result);
            },
        );
        self.call(ctx, receiver, move |result, client, ctx| match result {
            Ok(Ok(delivery)) if delivery.up_to > after => match delivery.batch {
                Some(batch) => client.deliver(batch, delivery.up_to, ctx),
                None => client.go_on_behind(delivery.up_to),
            },
            Ok(Err(why)) => client.end(Ending::Failed(format!("the log: {why}"))),
            // A full disk keeps the newest messages out of the segments; they are told and kept, and will be there.
            Ok(Ok(_)) => {
                let pause = tokio::time::sleep(RETRY_PAUSE);
                client.call(ctx, pause, |(), client, _| client.look_again());
            }
            Err(_) => client.end(Ending::Refused("the log was not read")),
        });
    }
}
