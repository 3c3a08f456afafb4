//! The decision about each log-in. What needs no password is decided here and now.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

use actix::{AsyncContext, Context, Handler};
use slog::{info, warn};
use zeroize::Zeroizing;

use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::names::UserName;
use crate::edge::wire::sasl::scram::{self, Verifier};
use crate::edge::wire::timestamp::Timestamp;
use crate::hub::messages::ClientRef;
use crate::hub::rules::names_in_use::Refusal as NameRefusal;
use crate::hub::rules::standing::Standing;
use crate::hub::seat::Identity;
use crate::ops::again;
use crate::ops::config::Guests;
use crate::ops::panic_at;
use crate::store::accounts::secret::token;
use crate::store::accounts::{Account, Role, State};

use super::{
    AuthSupervisor, Credentials, Granted, LogIn, LogInResult, Refusal, ScramExchange, Waiting,
    slow_down,
};

/// What is said to everybody whose name or password is wrong, whichever it is.
pub(super) const WRONG: &str = "wrong name or password";
const WRONG_TOKEN: &str = "this token is not valid (any more); log in with your password";

/// How somebody showed who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    Password,
    Token,
    /// A token that is itself good for coming back.
    LastingToken,
    Scram,
    Certificate,
}

impl Handler<LogIn> for AuthSupervisor {
    type Result = ();

    fn handle(&mut self, log_in: LogIn, ctx: &mut Context<Self>) {
        let log_in = again::keep(self, log_in);
        let _place = panic_at::place("auth/LogIn");
        let log_in = log_in.take();
        if self.reports_due.is_empty() {
            self.decide(log_in, ctx);
        } else if self.waiting.len() < self.config.auth.pending {
            self.waiting.push_back(Waiting::LogIn(log_in));
        } else {
            let text = "too many log-ins are under way (auth.pending); try again".to_owned();
            self.tell(log_in.client, Err((ErrorCode::Unavailable, text)));
        }
    }
}

impl AuthSupervisor {
    pub(super) fn decide(&mut self, log_in: LogIn, ctx: &mut Context<Self>) {
        let (client, address) = (log_in.client, log_in.address.to_canonical());
        self.answering(client, |auth| {
            if !matches!(
                log_in.by,
                Credentials::Guest(_) | Credentials::ScramFinal { .. }
            ) {
                // What was done to accounts until now ends the connections from before, not the one that comes of this.
                auth.look_for_changes_once_more();
            }
            if let Err(refusal) = auth.attempt(address, &log_in.by) {
                return auth.refuse(client, address, refusal);
            }
            let result = match log_in.by {
                Credentials::Password { user, password } => {
                    let checked =
                        auth.check_password(client, address, &user, password, ctx.address());
                    match checked {
                        // The answer comes when it is hashed.
                        Ok(()) => return,
                        Err(refusal) => Err(refusal),
                    }
                }
                Credentials::Guest(user) => auth.guest(&user, address),
                Credentials::Token(text) => auth.token(&text, address),
                Credentials::ScramFirst(begun) => auth.scram_first(*begun, address),
                Credentials::ScramFinal { exchange, message } => {
                    auth.scram_final(*exchange, &message, address)
                }
                Credentials::Certificate(user) => auth.certificate(&user, address),
            };
            match result {
                Ok(granted) => auth.tell(client, Ok(granted)),
                Err(refusal) => auth.refuse(client, address, refusal),
            }
        });
    }

    /// Whether this address may try now. The second half of a SCRAM log-in is no attempt of its own.
    fn attempt(&mut self, address: IpAddr, by: &Credentials) -> Result<(), Refusal> {
        if matches!(by, Credentials::ScramFinal { .. }) {
            return Ok(());
        }
        self.attempt_from(address)
    }

    /// Whether this address may have a password looked at now, or ask for something else that is counted as a log-in.
    pub(super) fn attempt_from(&mut self, address: IpAddr) -> Result<(), Refusal> {
        if self.is_exempt(address) {
            return Ok(());
        }
        let (per_minute, now) = (self.config.limits.log_ins_per_minute, self.now());
        self.gate.attempt(address, per_minute, now).map_err(|wait| {
            let what = "too many log-ins from your address (limits.log_ins_per_minute)";
            slow_down(what, wait)
        })
    }

    fn guest(&mut self, user: &UserName, address: IpAddr) -> LogInResult {
        let allowed = match self.config.auth.guests {
            Guests::Always => true,
            Guests::Loopback => address.is_loopback(),
            Guests::Never => false,
        };
        if !allowed {
            let text = "guests are not let in from your address (auth.guests); ask for an account";
            return Err((ErrorCode::Forbidden, text.to_owned()));
        }
        let like = self.book.like(user);
        if let Some(owner) = like.map_err(|error| self.accounts_failed(&error))? {
            let text = if owner.account() == user.account() {
                format!(
                    "{owner} is somebody's account; log in with its password, or choose another name"
                )
            } else {
                format!("{user} looks like {owner}, who has an account; choose another name")
            };
            return Err((ErrorCode::Conflict, text));
        }
        let account = user.account();
        let max = self.connections_max(address);
        let entered = self.in_use.enter_guest(&account, address, max);
        entered.map_err(|refusal| match refusal {
            NameRefusal::InUse => {
                let text = format!("{user} is in use from another address; choose another name");
                (ErrorCode::Conflict, text)
            }
            NameRefusal::TooMany => too_many_connections(user, max),
        })?;
        let identity = Identity {
            user: user.clone(),
            key: self.keys.hash_one(&account),
            account,
            standing: Standing::Guest,
            epoch: 0,
        };
        Ok(Granted::In {
            identity,
            created: None,
            resume_token: String::new(),
            last: None,
        })
    }

    fn token(&mut self, text: &str, address: IpAddr) -> LogInResult {
        let now = Timestamp::now();
        if token::looks_like_bot_token(text) {
            let found = self.book.store.find_token(&token::hash(text), now);
            let found = found.map_err(|error| self.accounts_failed(&error))?;
            let Some((account, info)) = found else {
                return Err((ErrorCode::Unauthenticated, WRONG_TOKEN.to_owned()));
            };
            if let Err(error) = self.book.store.touch_token(&info, now) {
                warn!(self.log, "use of a token not noted"; "error" => %error);
            }
            return self.admit(&account, address, Means::LastingToken, None);
        }
        let life = self.config.auth.resume;
        let account = self.book.resume(text, life, now);
        match account.map_err(|error| self.accounts_failed(&error))? {
            Some(account) => self.admit(&account, address, Means::Token, None),
            None => Err((ErrorCode::Unauthenticated, WRONG_TOKEN.to_owned())),
        }
    }

    fn certificate(&mut self, user: &UserName, address: IpAddr) -> LogInResult {
        let account = self.book.account(&user.account());
        let account = account.map_err(|error| self.accounts_failed(&error))?;
        match account {
            // People have passwords; whoever issues certificates must not be able to be an admin.
            Some(account) if account.role == Role::Bot => {
                self.admit(&account, address, Means::Certificate, None)
            }
            _ => {
                let text = "the name in your certificate is no bot's account here".to_owned();
                Err((ErrorCode::Unauthenticated, text))
            }
        }
    }

    fn scram_first(&mut self, begun: scram::Begun, address: IpAddr) -> LogInResult {
        if !self.config.auth.scram {
            let text = "SCRAM is not offered here (auth.scram); use PLAIN over TLS".to_owned();
            return Err((ErrorCode::Unsupported, text));
        }
        let account: Arc<str> = match UserName::parse(&begun.user) {
            Ok(user) => user.account(),
            Err(_) => begun.user.to_lowercase().into(),
        };
        self.wait_for_account(&account, address)?;
        let known = self.book.store.secrets(&account);
        let known = known.map_err(|error| self.accounts_failed(&error))?;
        self.book.forget(&account);
        let real = known.and_then(|(account, secrets)| Some((account.epoch, secrets.scram?)));
        let (epoch, verifier) = match real {
            Some((epoch, verifier)) => (Some(epoch), verifier),
            // Whoever does not exist gets the same answers as who does.
            None => {
                let mut verifier = Verifier::fake(self.book.secret(), &account);
                verifier.iterations = self.config.auth.scram_iterations;
                (None, verifier)
            }
        };
        let nonce = scram::nonce(rand::random());
        let first = begun.first(verifier, &nonce);
        let first = first.map_err(|error| (ErrorCode::BadRequest, error.to_string()))?;
        Ok(Granted::Go {
            message: first.text,
            exchange: Box::new(ScramExchange {
                account,
                epoch,
                exchange: first.exchange,
            }),
        })
    }

    fn scram_final(
        &mut self,
        exchange: ScramExchange,
        message: &str,
        address: IpAddr,
    ) -> LogInResult {
        let ScramExchange {
            account,
            epoch,
            exchange,
        } = exchange;
        // Many exchanges may have been begun before the first of them was finished.
        self.wait_for_account(&account, address)?;
        let last = match exchange.finish(message) {
            Ok(last) => last,
            Err(scram::ScramError::Proof) => return Err(self.wrong(account, address)),
            Err(error) => return Err((ErrorCode::Unauthenticated, error.to_string())),
        };
        let found = self.book.account(&account);
        let found = found.map_err(|error| self.accounts_failed(&error))?;
        match found.filter(|found| epoch == Some(found.epoch)) {
            Some(found) => self.admit(&found, address, Means::Scram, Some(last)),
            None => Err(self.wrong(account, address)),
        }
    }

    /// Whether a password may be tried for this account now.
    pub(super) fn wait_for_account(
        &mut self,
        account: &Arc<str>,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        if self.is_exempt(address) {
            return Ok(());
        }
        let now = self.now();
        self.gate
            .password(account, now)
            .map_err(|wait| slow_down("too many wrong passwords for this name", wait))
    }

    /// Notes a wrong password, and says so.
    pub(super) fn wrong(&mut self, account: Arc<str>, address: IpAddr) -> Refusal {
        if !self.is_exempt(address) {
            let now = self.now();
            self.gate.failed(Some(address), account, now);
        }
        (ErrorCode::Unauthenticated, WRONG.to_owned())
    }

    /// Lets somebody in who has shown that it is this account.
    pub(super) fn admit(
        &mut self,
        account: &Account,
        address: IpAddr,
        means: Means,
        last: Option<String>,
    ) -> LogInResult {
        if account.state == State::Suspended {
            let text = "this account is suspended; ask whoever runs this server".to_owned();
            return Err((ErrorCode::Forbidden, text));
        }
        let max = self.connections_max(address);
        let entered = self.in_use.enter_account(&account.account, max);
        entered.map_err(|_| too_many_connections(&account.name, max))?;
        if matches!(means, Means::Password | Means::Scram) {
            self.gate.succeeded(&account.account);
        }
        if means != Means::Token {
            info!(self.log, "logged in"; "user" => %account.name, "peer" => %address, "by" => ?means);
        }
        // What is itself good for coming back can be revoked on its own; a resume token would outlive that.
        let is_lasting = matches!(means, Means::LastingToken | Means::Certificate);
        let resume_token = if self.config.auth.resume.is_zero() || is_lasting {
            String::new()
        } else {
            self.book.mint(account, Timestamp::now())
        };
        Ok(Granted::In {
            identity: self.identity(account),
            created: Some(account.created),
            resume_token,
            last,
        })
    }

    fn identity(&self, account: &Account) -> Identity {
        Identity {
            user: account.name.clone(),
            account: account.account.clone(),
            key: self.keys.hash_one(&account.account),
            standing: match account.role {
                Role::Admin => Standing::Admin,
                Role::Member => Standing::Member,
                Role::Bot => Standing::Bot,
            },
            epoch: account.epoch,
        }
    }

    fn connections_max(&self, address: IpAddr) -> u32 {
        if self.is_exempt(address) {
            0
        } else {
            self.config.limits.connections_per_account
        }
    }

    /// Has a password compared with what is known of its account; the answer comes later.
    pub(super) fn check_password(
        &mut self,
        client: ClientRef,
        address: IpAddr,
        user: &UserName,
        password: Zeroizing<String>,
        auth: actix::Addr<Self>,
    ) -> Result<(), Refusal> {
        let account = user.account();
        self.wait_for_account(&account, address)?;
        let known = self.book.store.secrets(&account);
        let known = known.map_err(|error| self.accounts_failed(&error))?;
        // What is kept may be older than what was just read, by another process's last act.
        self.book.forget(&account);
        self.passwords
            .check(client, address, account, known, password, auth)
    }
}

fn too_many_connections(user: &UserName, max: u32) -> Refusal {
    let text =
        format!("{user} has {max} connections already (limits.connections_per_account); close one");
    (ErrorCode::RateLimited, text)
}
