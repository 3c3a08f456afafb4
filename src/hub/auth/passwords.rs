//! What hashes a password: checking one and opening an account here, setting another in [`super::passwd`]. The hashing itself is done by the pool; what
//! comes of it returns as a message and is decided here, against the accounts as they are then.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::{Addr, Context, Handler, Message};
use slog::{Logger, info, warn};
use zeroize::Zeroizing;

use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::names::UserName;
use crate::edge::wire::timestamp::Timestamp;
use crate::hub::messages::ClientRef;
use crate::ops::again;
use crate::ops::config::{Auth, Registration};
use crate::ops::panic_at;
use crate::store::accounts::secret::password::{self, Params, PasswordError};
use crate::store::accounts::secret::scram;
use crate::store::accounts::{
    Account, AccountsError, AuditEntry, NewAccount, Role, Secrets, SecretsChange,
};

use super::hash_pool::{HashPool, PoolFull};
use super::steps::Means;
use super::{AuthSupervisor, Granted, Refusal, Register, Waiting};

/// How passwords are kept, and the threads that make it so.
pub(super) struct Passwords {
    pool: HashPool,
    pub(super) how: How,
    /// What the passwords of unknown users are compared with, so that they take as long.
    nobody: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct How {
    params: Params,
    scram_iterations: Option<u32>,
}

impl How {
    fn of(auth: &Auth) -> Self {
        Self {
            params: Params {
                memory_kib: u32::try_from(auth.argon2_memory / 1024).unwrap_or(u32::MAX),
                passes: auth.argon2_passes,
                lanes: auth.argon2_lanes,
            },
            scram_iterations: auth.scram.then_some(auth.scram_iterations),
        }
    }

    /// What is kept of a password. Slow.
    pub(super) fn secrets(self, password: &str) -> Result<Secrets, PasswordError> {
        Ok(Secrets {
            password: Some(password::hash(password, self.params)?),
            scram: match self.scram_iterations {
                Some(iterations) => Some(scram::derive(password, iterations)?),
                None => None,
            },
        })
    }

    /// Whether what is kept is not what would be kept today.
    fn is_outdated(self, secrets: &Secrets) -> bool {
        let hash = secrets.password.as_deref().unwrap_or_default();
        password::needs_upgrade(hash, self.params)
            || self.scram_iterations.is_some_and(|wanted| {
                // Who nobody is looks like whoever has a verifier of today.
                let held = secrets.scram.as_ref().map(|scram| scram.iterations);
                held != Some(wanted)
            })
    }
}

/// Why passwords cannot be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum PasswordsError {
    /// A thread did not start.
    #[error("cannot start the threads that hash passwords: {0}")]
    Threads(#[from] std::io::Error),
    /// The parameters do not work.
    #[error("cannot hash passwords: {0}")]
    Hash(#[from] PasswordError),
}

/// Whether passwords can be kept by these rules.
pub(super) fn check(auth: &Auth) -> Result<(), PasswordsError> {
    password::dummy(How::of(auth).params)?;
    Ok(())
}

impl Passwords {
    pub(super) fn start(auth: &Auth, log: &Logger) -> Result<Self, PasswordsError> {
        let threads = match auth.hash_threads {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get() / 2),
            threads => threads,
        };
        let how = How::of(auth);
        Ok(Self {
            pool: HashPool::start(threads, auth.hash_queue, log)?,
            how,
            nobody: password::dummy(how.params)?.into(),
        })
    }

    /// Passwords are kept by other rules from now on.
    pub(super) fn reconfigure(&mut self, auth: &Auth) -> Result<(), PasswordError> {
        let how = How::of(auth);
        if how.params != self.how.params {
            self.nobody = password::dummy(how.params)?.into();
        }
        self.how = how;
        Ok(())
    }

    /// Has a password compared with what is known; the answer is [`Hashed`].
    pub(super) fn check(
        &self,
        client: ClientRef,
        address: IpAddr,
        account: Arc<str>,
        known: Option<(Account, Secrets)>,
        password: Zeroizing<String>,
        auth: Addr<AuthSupervisor>,
    ) -> Result<(), Refusal> {
        let (how, nobody) = (self.how, self.nobody.clone());
        self.run(client, address, auth, move || {
            let (epoch, secrets) = match known {
                Some((account, secrets)) => (Some(account.epoch), secrets),
                None => (None, Secrets::default()),
            };
            let hash = secrets.password.as_deref();
            let is_right = password::verify(&password, hash.unwrap_or(&nobody)) && hash.is_some();
            let upgrade = (is_right && how.is_outdated(&secrets))
                .then(|| how.secrets(&password).ok())
                .flatten();
            Outcome::Checked {
                account,
                epoch: epoch.filter(|_| is_right),
                upgrade: upgrade.zip(secrets.password),
            }
        })
    }

    pub(super) fn run(
        &self,
        client: ClientRef,
        address: IpAddr,
        auth: Addr<AuthSupervisor>,
        work: impl FnOnce() -> Outcome + Send + 'static,
    ) -> Result<(), Refusal> {
        let is_refused = Arc::new(AtomicBool::new(false));
        let mut promise = Promise {
            auth,
            is_refused: is_refused.clone(),
            hashed: Some(Hashed {
                client,
                address,
                outcome: Outcome::Lost,
            }),
        };
        let job = move || {
            let _place = panic_at::place("hash-pool/job");
            let outcome = work();
            if let Some(hashed) = &mut promise.hashed {
                hashed.outcome = outcome;
            }
        };
        self.pool.run(job).map_err(|PoolFull(job)| {
            // Told here and now: a second answer would be taken for that to the client's next log-in.
            is_refused.store(true, Ordering::Relaxed);
            drop(job);
            let text = "too many log-ins are waiting (auth.hash_queue); try again in 2 s";
            (ErrorCode::Unavailable, text.to_owned())
        })
    }
}

/// Tells the log-in what came of a job, also if it panicked.
struct Promise {
    auth: Addr<AuthSupervisor>,
    /// Nobody is told by this one.
    is_refused: Arc<AtomicBool>,
    hashed: Option<Hashed>,
}

impl Drop for Promise {
    fn drop(&mut self) {
        let is_refused = self.is_refused.load(Ordering::Relaxed);
        if let Some(hashed) = self.hashed.take().filter(|_| !is_refused) {
            self.auth.do_send(hashed);
        }
    }
}

/// A password was hashed.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Hashed {
    client: ClientRef,
    address: IpAddr,
    outcome: Outcome,
}

/// What came of it.
pub(super) enum Outcome {
    /// A log-in.
    Checked {
        account: Arc<str>,
        /// Of the account whose password it is; `None` if it is wrong.
        epoch: Option<u32>,
        /// What is to be kept from now on, and the hash it replaces.
        upgrade: Option<(Secrets, String)>,
    },
    /// A registration.
    Registered {
        user: UserName,
        invite: Zeroizing<String>,
        secrets: Result<Secrets, PasswordError>,
    },
    /// Another password.
    Changed {
        account: Arc<str>,
        /// Of the account whose old password it was; `None` if that was wrong.
        epoch: Option<u32>,
        secrets: Result<Secrets, PasswordError>,
    },
    /// The hashing panicked, or never ran.
    Lost,
}

impl Handler<Hashed> for AuthSupervisor {
    type Result = ();

    fn handle(&mut self, hashed: Hashed, _: &mut Context<Self>) {
        let hashed = again::keep(self, hashed);
        let _place = panic_at::place("auth/Hashed");
        let hashed = hashed.take();
        if self.reports_due.is_empty() {
            self.take_hashed(hashed);
        } else {
            // As many at most as the pool and its queue hold. How many connections the account has is not known yet.
            self.waiting.push_back(Waiting::Hashed(hashed));
        }
    }
}

impl AuthSupervisor {
    /// A password was hashed, and everybody who is there is known.
    pub(super) fn take_hashed(&mut self, hashed: Hashed) {
        let Hashed {
            client,
            address,
            outcome,
        } = hashed;
        self.answering(client, |auth| {
            let result = match outcome {
                Outcome::Checked {
                    account,
                    epoch,
                    upgrade,
                } => auth.checked(account, epoch, upgrade, address),
                Outcome::Registered {
                    user,
                    invite,
                    secrets,
                } => auth.registered(user, &invite, secrets, address),
                Outcome::Changed {
                    account,
                    epoch,
                    secrets,
                } => auth.changed(account, epoch, secrets, address),
                Outcome::Lost => {
                    let text = "checking the password failed on our side; try again".to_owned();
                    Err((ErrorCode::Unavailable, text))
                }
            };
            match result {
                Ok(granted) => auth.tell(client, Ok(granted)),
                Err(refusal) => auth.refuse(client, address, refusal),
            }
        });
    }
}

impl Handler<Register> for AuthSupervisor {
    type Result = ();

    fn handle(&mut self, register: Register, ctx: &mut Context<Self>) {
        use actix::AsyncContext;
        let register = again::keep(self, register);
        let _place = panic_at::place("auth/Register");
        let register = register.take();
        let (client, address) = (register.client, register.address.to_canonical());
        let auth = ctx.address();
        self.answering(client, |this| {
            if let Err(refusal) = this.begin_registration(register, address, auth) {
                this.refuse(client, address, refusal);
            }
        });
    }
}

impl AuthSupervisor {
    fn checked(
        &mut self,
        account: Arc<str>,
        epoch: Option<u32>,
        upgrade: Option<(Secrets, String)>,
        address: IpAddr,
    ) -> super::LogInResult {
        // Others may have been wrong while this one was hashed: whoever guesses many at once learns no more than one after the other.
        self.wait_for_account(&account, address)?;
        let found = self.book.account(&account);
        let found = found.map_err(|error| self.accounts_failed(&error))?;
        // The account may be another one by now, or have another password.
        let Some(found) = found.filter(|found| epoch == Some(found.epoch)) else {
            return Err(self.wrong(account, address));
        };
        if let Some((secrets, expected)) = upgrade {
            let change = SecretsChange::Upgrade {
                expected: &expected,
            };
            match self.book.store.set_secrets(&account, &secrets, change) {
                Ok(None) => {}
                Ok(Some(_)) => {
                    info!(self.log, "password is kept with today's parameters"; "user" => %found.name)
                }
                Err(error) => warn!(self.log, "password hash not upgraded"; "error" => %error),
            }
        }
        self.admit(&found, address, Means::Password, None)
    }

    fn begin_registration(
        &mut self,
        register: Register,
        address: IpAddr,
        auth: Addr<Self>,
    ) -> Result<(), Refusal> {
        match self.config.auth.registration {
            Registration::Closed => {
                let text = "this server does not take registrations (auth.registration); ask whoever runs it";
                return Err((ErrorCode::Forbidden, text.to_owned()));
            }
            Registration::Invite if register.invite.is_empty() => {
                let text = "an account needs an invitation here: REGISTER;tag;name;password in base64;code";
                return Err((ErrorCode::Forbidden, text.to_owned()));
            }
            Registration::Invite | Registration::Open => {}
        }
        self.attempt_from(address)?;
        let user = register.user;
        let known = self.book.account(&user.account());
        let is_taken = known
            .map_err(|error| self.accounts_failed(&error))?
            .is_some();
        // Whoever has no good invitation does not learn who has an account.
        if is_taken && self.config.auth.registration == Registration::Open {
            let text = format!("{user} has an account already; choose another name");
            return Err((ErrorCode::Conflict, text));
        }
        let how = self.passwords.how;
        let (password, invite) = (register.password, register.invite);
        let checked = password::check(&password, user.as_str(), &self.config.server.name);
        checked.map_err(|error| (ErrorCode::BadRequest, error.to_string()))?;
        self.passwords.run(register.client, address, auth, move || {
            Outcome::Registered {
                user,
                invite,
                secrets: how.secrets(&password),
            }
        })
    }

    fn registered(
        &mut self,
        user: UserName,
        invite: &str,
        secrets: Result<Secrets, PasswordError>,
        address: IpAddr,
    ) -> super::LogInResult {
        let secrets = secrets.map_err(|error| (ErrorCode::BadRequest, error.to_string()))?;
        let new = NewAccount {
            name: user.clone(),
            role: Role::Member,
            secrets,
            // Where nobody needs one, none is used up.
            invite: match self.config.auth.registration {
                Registration::Invite => Some(invite),
                Registration::Closed | Registration::Open => None,
            },
            allow_lookalike: false,
        };
        let entry = audit(&user.account(), address, "user.register", &user);
        match self.book.store.add(&new, &entry) {
            Ok(account) => {
                info!(self.log, "account registered"; "user" => %account.name, "peer" => %address);
                self.book.forget(&account.account);
                self.book.added(&account.name);
                Ok(Granted::Registered(account.name))
            }
            Err(error @ (AccountsError::NameTaken(_) | AccountsError::LooksLike(_))) => {
                Err((ErrorCode::Conflict, error.to_string()))
            }
            Err(error @ AccountsError::BadInvite) => Err((ErrorCode::Forbidden, error.to_string())),
            Err(error) => Err(self.accounts_failed(&error)),
        }
    }
}

/// What the audit log keeps of an act that somebody did to its own account.
pub(super) fn audit(
    account: &str,
    address: IpAddr,
    action: &'static str,
    user: &UserName,
) -> AuditEntry {
    AuditEntry {
        time: Timestamp::now(),
        actor: account.to_owned(),
        address: Some(address),
        action: action.into(),
        room: None,
        subject: Some(user.to_string()),
        detail: String::new(),
    }
}
