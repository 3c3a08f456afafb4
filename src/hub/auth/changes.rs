//! What is done to accounts while their owners are connected: `gencomm user suspend`, a new password, a revoked token. It is in force
//! within a second, since the accounts are asked several times a second whether anybody has changed them.

use std::time::Duration;

use slog::{info, warn};

use crate::hub::session::AccountChanged;
use crate::store::accounts::{State, What};

use super::AuthSupervisor;

/// Changes that are not older than this are seen a little later.
const JUST_NOW: Duration = Duration::from_millis(2);

impl AuthSupervisor {
    /// The same, unless that was just done: of the many who come back at once each would look again.
    pub(super) fn look_for_changes_once_more(&mut self) {
        if self.now().saturating_sub(self.looked_at) >= JUST_NOW {
            self.look_for_changes();
        }
    }

    /// Finds out what was changed, and tells every shard.
    pub(super) fn look_for_changes(&mut self) {
        self.looked_at = self.now();
        let changes = match self.book.changes() {
            Ok(changes) => changes,
            Err(error) => {
                warn!(self.log, "changes of accounts cannot be read; trying again"; "error" => %error);
                return;
            }
        };
        for change in changes {
            let (epoch, is_suspended) = match &change.what {
                What::Now(account) => (Some(account.epoch), account.state == State::Suspended),
                What::Removed => (None, false),
            };
            info!(self.log, "account changed"; "account" => &*change.account,
                "is_removed" => epoch.is_none(), "is_suspended" => is_suspended);
            for sessions in &self.sessions {
                sessions.do_send(AccountChanged {
                    account: change.account.clone(),
                    epoch,
                    is_suspended,
                    token_revoked: change.token_revoked,
                });
            }
        }
    }
}
