//! PASSWD: somebody who is logged in sets another password. In: the old one and the new one. Out: the account's new epoch, for the
//! connection that asked; all others of the account have to go.

use std::net::IpAddr;
use std::sync::Arc;

use actix::{Addr, AsyncContext, Context, Handler};

use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::ops::again;
use crate::ops::panic_at;
use crate::store::accounts::secret::password::{self, PasswordError};
use crate::store::accounts::{AccountsError, Secrets, SecretsChange};

use super::passwords::{Outcome, audit};
use super::steps::WRONG;
use super::{AuthSupervisor, ChangePassword, Granted, LogInResult, Refusal};

impl Handler<ChangePassword> for AuthSupervisor {
    type Result = ();

    fn handle(&mut self, change: ChangePassword, ctx: &mut Context<Self>) {
        let change = again::keep(self, change);
        let _place = panic_at::place("auth/ChangePassword");
        let change = change.take();
        let (client, address) = (change.client, change.address.to_canonical());
        let auth = ctx.address();
        self.answering(client, |this| {
            if let Err(refusal) = this.begin_change(change, address, auth) {
                this.refuse(client, address, refusal);
            }
        });
    }
}

impl AuthSupervisor {
    fn begin_change(
        &mut self,
        change: ChangePassword,
        address: IpAddr,
        auth: Addr<Self>,
    ) -> Result<(), Refusal> {
        let ChangePassword {
            client,
            account,
            epoch: of_connection,
            old,
            new,
            ..
        } = change;
        self.attempt_from(address)?;
        self.wait_for_account(&account, address)?;
        let known = self.book.store.secrets(&account);
        let known = known.map_err(|error| self.accounts_failed(&error))?;
        self.book.forget(&account);
        let hash = known.and_then(|(account, secrets)| Some((account.epoch, secrets.password?)));
        let Some((epoch, hash)) = hash else {
            let text = "your account has no password to change; ask whoever runs this server";
            return Err((ErrorCode::Forbidden, text.to_owned()));
        };
        if epoch != of_connection {
            // It was let in as what the account is not any more, and is about to go.
            let text = "your account has just been changed; log in again";
            return Err((ErrorCode::Unavailable, text.to_owned()));
        }
        let checked = password::check(&new, &account, &self.config.server.name);
        checked.map_err(|error| (ErrorCode::BadRequest, error.to_string()))?;
        let how = self.passwords.how;
        self.passwords.run(client, address, auth, move || {
            let is_right = password::verify(&old, &hash);
            let secrets = if is_right {
                how.secrets(&new)
            } else {
                Ok(Secrets::default())
            };
            Outcome::Changed {
                account,
                epoch: is_right.then_some(epoch),
                secrets,
            }
        })
    }

    pub(super) fn changed(
        &mut self,
        account: Arc<str>,
        epoch: Option<u32>,
        secrets: Result<Secrets, PasswordError>,
        address: IpAddr,
    ) -> LogInResult {
        self.wait_for_account(&account, address)?;
        let found = self.book.account(&account);
        let found = found.map_err(|error| self.accounts_failed(&error))?;
        let Some(found) = found.filter(|found| epoch == Some(found.epoch)) else {
            let (code, _) = self.wrong(account, address);
            return Err((code, format!("{WRONG}: the old password does not fit")));
        };
        let secrets = secrets.map_err(|error| (ErrorCode::BadRequest, error.to_string()))?;
        let entry = audit(&account, address, "user.passwd", &found.name);
        let changed = self
            .book
            .store
            .set_secrets(&account, &secrets, SecretsChange::New(&entry));
        self.book.forget(&account);
        match changed.map_err(|error| self.accounts_failed(&error))? {
            Some(now) => Ok(Granted::PasswordChanged { epoch: now.epoch }),
            None => Err(self.accounts_failed(&AccountsError::NoSuchAccount(account.to_string()))),
        }
    }
}
