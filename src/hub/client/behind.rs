//! A reader at the end of a log that does not reach as far as its room: a full disk keeps the newest groups out of the segments. They
//! are in the journal and have been told, and will be in the segments; until then the reader waits and nothing is lost.

use std::time::Duration;

use actix::{Handler, Message};

use crate::hub::light::LightContext;
use crate::ops::panic_at;

use super::Client;

/// Before the log is asked again for what it did not have.
const PAUSE: Duration = Duration::from_millis(200);

impl Client {
    /// Has this room looked at again in a while.
    pub(super) fn wait_for_log(&mut self, number: u32) {
        let Some(feed) = self.rooms.get_mut(number) else {
            return;
        };
        if std::mem::replace(&mut feed.is_behind_log, true) {
            return;
        }
        let client = self.address();
        actix_rt::spawn(async move {
            tokio::time::sleep(PAUSE).await;
            client.do_send(LookAgain { number });
        });
    }
}

/// The log may have what this room's reader waits for.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct LookAgain {
    /// The room's number; perhaps another room's by now, which is then looked at for nothing.
    number: u32,
}

impl Handler<LookAgain> for Client {
    type Result = ();

    fn handle(&mut self, again: LookAgain, _: &mut LightContext) {
        let _place = panic_at::place("client/LookAgain");
        if let Some(feed) = self.rooms.get_mut(again.number) {
            feed.is_behind_log = false;
            self.rooms.enqueue(again.number);
        }
    }
}
