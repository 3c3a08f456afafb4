//! Whether a name is an account's: what who writes to it has to know.

use std::sync::Arc;

use actix::{Context, Handler, Message, MessageResult};

use crate::ops::panic_at;

use super::AuthSupervisor;

/// Whether there is this account; `None` if the accounts cannot be asked now. Who is suspended is there.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Option<bool>")]
pub struct HasAccount(pub Arc<str>);

impl Handler<HasAccount> for AuthSupervisor {
    type Result = MessageResult<HasAccount>;

    fn handle(&mut self, HasAccount(account): HasAccount, _: &mut Context<Self>) -> Self::Result {
        let _place = panic_at::place("auth/HasAccount");
        let found = self.book.account(&account);
        let found = found.map(|found| found.is_some());
        // Told in the log; whoever asked is told to try again.
        MessageResult(found.map_err(|error| self.accounts_failed(&error)).ok())
    }
}
