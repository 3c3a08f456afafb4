//! Who gets in. In: log-ins of all shards. Out: the answer to each, to its shard's sessions, which hand it to the client if that is
//! still there. Owns the accounts ([`Book`]), the rates ([`Gate`]), the threads that hash passwords, and which names are in use.
//!
//! It has a thread of its own, as the accounts are on disk. Whatever is slow (a password) goes to the [`HashPool`] and comes back as a
//! message; everything else is decided at once. After a panic it asks every shard who is there; until they have answered, log-ins wait.

mod book;
mod changes;
mod gate;
mod hash_pool;
mod look_up;
mod messages;
mod passwd;
mod passwords;
mod present;
mod steps;

pub use book::Registered;
pub use hash_pool::HashPool;
pub use look_up::HasAccount;
pub use messages::{
    ChangePassword, Credentials, Granted, LogIn, LogInResult, Register, ScramExchange,
};
pub use present::{AccountLeft, AccountsReported, KnowSessions};

use std::collections::VecDeque;
use std::hash::RandomState;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, AsyncContext, Context, Handler, Supervised};
use slog::{Logger, debug, error, info, warn};

use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::ops::again;
use crate::ops::config::{Config, lists};
use crate::ops::panic_at;
use crate::ops::trouble::Trouble;
use crate::store::accounts::{Accounts, AccountsError};

use super::counters::Counters;
use super::messages::{ClientRef, UseConfig};
use super::rules::names_in_use::NamesInUse;
use super::session::{LogInDecided, ReportAccounts, SessionSupervisor};
use book::Book;
use gate::Gate;
pub(in crate::hub) use gate::household;
pub use passwords::PasswordsError;
use passwords::{Hashed, Passwords};

/// How often the accounts are asked whether another process has changed them.
const LOOK_FOR_CHANGES: Duration = Duration::from_millis(200);

/// See the module.
pub struct AuthSupervisor {
    config: Arc<Config>,
    log: Logger,
    counters: Arc<Counters>,
    book: Book,
    gate: Gate,
    passwords: Passwords,
    in_use: NamesInUse,
    keys: RandomState,
    clock: Instant,
    /// When the accounts were last asked for changes.
    looked_at: Duration,
    sessions: Vec<Addr<SessionSupervisor>>,
    /// Shards that have not yet reported after a restart.
    reports_due: Vec<u16>,
    /// Numbers the times that the shards were asked; answers to an earlier asking are of no use.
    round: u32,
    waiting: VecDeque<Waiting>,
    /// The log-in being decided; answered if that panics.
    current: Option<ClientRef>,
    trouble: Trouble,
}

impl AuthSupervisor {
    /// Lets in by `config` whom `store` knows. What it knows of names is written to `registered`.
    pub fn new(
        config: Arc<Config>,
        log: Logger,
        store: Box<dyn Accounts>,
        registered: Arc<Registered>,
        counters: Arc<Counters>,
    ) -> Result<Self, AuthError> {
        let book = Book::open(store, registered)?;
        let passwords = Passwords::start(&config.auth, &log)?;
        Ok(Self {
            config,
            log,
            counters,
            book,
            gate: Gate::new(),
            passwords,
            in_use: NamesInUse::default(),
            keys: RandomState::new(),
            clock: Instant::now(),
            looked_at: Duration::ZERO,
            sessions: Vec::new(),
            reports_due: Vec::new(),
            round: 0,
            waiting: VecDeque::new(),
            current: None,
            trouble: Trouble::new("accounts cannot be read or written"),
        })
    }

    fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Whether rates do not hold for this address.
    fn is_exempt(&self, address: IpAddr) -> bool {
        lists(&self.config.limits.exempt, address)
    }

    /// The accounts cannot be asked or changed: nothing that the client did wrong.
    fn accounts_failed(&self, error: &AccountsError) -> Refusal {
        self.trouble.happened(&self.log, error);
        let text = match error {
            AccountsError::DiskFull { .. } => {
                "the server cannot write its accounts, because its disk is full; try again later"
            }
            _ => "the server cannot read its accounts now; try again later",
        };
        (ErrorCode::Unavailable, text.to_owned())
    }

    fn tell(&self, client: ClientRef, result: LogInResult) {
        if let Some(sessions) = self.sessions.get(usize::from(client.shard)) {
            sessions.do_send(LogInDecided { client, result });
        }
    }

    /// Answers a refusal, and logs it without anything that the client sent as a secret.
    fn refuse(&self, client: ClientRef, address: IpAddr, refusal: Refusal) {
        let (code, text) = refusal;
        match code {
            ErrorCode::RateLimited => self.counters.log_ins_slowed_total.count(),
            ErrorCode::Unauthenticated => self.counters.log_ins_wrong_total.count(),
            ErrorCode::Unavailable => self.counters.log_ins_queue_full_total.count(),
            _ => {}
        }
        if code == ErrorCode::RateLimited {
            // A flood of log-ins is to be no flood of lines.
            debug!(self.log, "log-in slowed down"; "peer" => %address, "why" => &text);
        } else {
            info!(self.log, "log-in refused"; "peer" => %address, "code" => code.as_str(), "why" => &text);
        }
        self.tell(client, Err((code, text)));
    }

    /// Runs what may panic, so that the client is told if it does.
    fn answering(&mut self, client: ClientRef, decide: impl FnOnce(&mut Self)) {
        self.current = Some(client);
        decide(self);
        self.current = None;
    }
}

/// What is decided once it is known who is there.
enum Waiting {
    LogIn(LogIn),
    Hashed(Hashed),
}

/// Why nobody could log in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The accounts cannot be read.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// Passwords cannot be checked.
    #[error(transparent)]
    Passwords(#[from] PasswordsError),
}

/// Why something is not granted.
type Refusal = (ErrorCode, String);

fn slow_down(what: &str, wait: Duration) -> Refusal {
    // Rounded up: whoever waits for so long is let in.
    let seconds = wait.as_millis().div_ceil(1000).max(1);
    let text = format!("{what}; try again in {seconds} s");
    (ErrorCode::RateLimited, text)
}

impl Actor for AuthSupervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let _place = panic_at::place("auth/started");
        ctx.run_interval(LOOK_FOR_CHANGES, |auth, _| {
            let _place = panic_at::place("auth/look");
            auth.look_for_changes();
        });
    }
}

impl Supervised for AuthSupervisor {
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        let _place = panic_at::place("auth/restarting");
        if let Some(client) = self.current.take() {
            let text = "the log-in failed on our side; try again".to_owned();
            self.tell(client, Err((ErrorCode::Unavailable, text)));
        }
        self.in_use = NamesInUse::default();
        self.reports_due = (0..self.sessions.len() as u16).collect();
        self.round = self.round.wrapping_add(1);
        warn!(self.log, "log-in starts anew"; "shards" => self.reports_due.len());
        for sessions in &self.sessions {
            let (to, round) = (ctx.address(), self.round);
            sessions.do_send(ReportAccounts { to, round });
        }
        again::handle_again(self, ctx);
    }
}

/// Whether log-ins can be decided by this; asked before it is in force.
pub fn check(config: &Config) -> Result<(), AuthError> {
    Ok(passwords::check(&config.auth)?)
}

impl Handler<UseConfig> for AuthSupervisor {
    type Result = ();

    fn handle(&mut self, ask: UseConfig, _: &mut Context<Self>) {
        let ask = again::keep(self, ask);
        let _place = panic_at::place("auth/UseConfig");
        let config = ask.0.clone();
        if let Err(error) = self.passwords.reconfigure(&config.auth) {
            error!(self.log, "passwords are kept as before"; "error" => %error);
        }
        self.config = config;
    }
}

/// Makes this actor panic, to show that it is survived.
#[cfg(feature = "fault-injection")]
impl Handler<super::Provoke> for AuthSupervisor {
    type Result = ();
    fn handle(&mut self, provoke: super::Provoke, _: &mut Context<Self>) {
        if provoke.0 == "hang" {
            panic_at::hang();
        }
        panic!("provoked");
    }
}
