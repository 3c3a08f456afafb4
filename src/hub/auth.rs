//! Who gets in. In: log-ins of all shards. Out: the answer to each, to its shard's sessions, which hand it to the client if that is
//! still there. Owns the accounts in use: which guest names, from which address, how often.
//!
//! After a panic it starts empty and asks every shard who is there; until they have answered, log-ins wait.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, Supervised};
use slog::{Logger, info, warn};

use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::names::UserName;
use crate::ops::config::{Config, Guests};

use super::messages::ClientRef;
use super::rules::guests::{GuestTable, Refusal};
use super::seat::Identity;
use super::session::{LogInDecided, ReportAccounts, SessionSupervisor};

/// See the module.
pub struct AuthSupervisor {
    config: Arc<Config>,
    log: Logger,
    guests: GuestTable,
    keys: RandomState,
    sessions: Vec<Addr<SessionSupervisor>>,
    /// Shards that have not yet reported after a restart.
    reports_due: Vec<u16>,
    waiting: Vec<LogIn>,
    /// The log-in being decided; answered if that panics.
    current: Option<ClientRef>,
}

impl AuthSupervisor {
    /// Lets in by `config`.
    pub fn new(config: Arc<Config>, log: Logger) -> Self {
        Self {
            config,
            log,
            guests: GuestTable::default(),
            keys: RandomState::new(),
            sessions: Vec::new(),
            reports_due: Vec::new(),
            waiting: Vec::new(),
            current: None,
        }
    }

    fn decide(&mut self, log_in: &LogIn) -> Result<Identity, (ErrorCode, String)> {
        let address = log_in.address.to_canonical();
        let allowed = match self.config.auth.guests {
            Guests::Always => true,
            Guests::Loopback => address.is_loopback(),
            Guests::Never => false,
        };
        if !allowed {
            let text = "guests are not let in from your address (auth.guests); ask for an account";
            return Err((ErrorCode::Forbidden, text.to_owned()));
        }
        let account = log_in.user.account();
        self.guests
            .enter(&account, address)
            .map_err(|refusal| match refusal {
                Refusal::InUse => (
                    ErrorCode::Conflict,
                    format!(
                        "{} is in use from another address; choose another name",
                        log_in.user
                    ),
                ),
            })?;
        Ok(self.identity(&log_in.user, account))
    }

    fn identity(&self, user: &UserName, account: Arc<str>) -> Identity {
        let key = self.keys.hash_one(&account);
        Identity {
            user: user.clone(),
            account,
            key,
            is_guest: true,
        }
    }

    fn answer(&mut self, log_in: LogIn) {
        self.current = Some(log_in.client);
        let result = self.decide(&log_in);
        if let Err((code, text)) = &result {
            info!(self.log, "log-in refused"; "user" => %log_in.user, "peer" => %log_in.address,
                "code" => code.as_str(), "why" => text);
        }
        self.tell(log_in.client, result);
        self.current = None;
    }

    fn tell(&self, client: ClientRef, result: Result<Identity, (ErrorCode, String)>) {
        if let Some(sessions) = self.sessions.get(usize::from(client.shard)) {
            sessions.do_send(LogInDecided { client, result });
        }
    }
}

impl Actor for AuthSupervisor {
    type Context = Context<Self>;
}

impl Supervised for AuthSupervisor {
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        if let Some(client) = self.current.take() {
            let text = "the log-in failed on our side; try again".to_owned();
            self.tell(client, Err((ErrorCode::Unavailable, text)));
        }
        self.guests = GuestTable::default();
        self.reports_due = (0..self.sessions.len() as u16).collect();
        warn!(self.log, "log-in starts anew"; "shards" => self.reports_due.len());
        for sessions in &self.sessions {
            sessions.do_send(ReportAccounts { to: ctx.address() });
        }
    }
}

/// The shards' session supervisors, once they are there.
#[derive(Message)]
#[rtype(result = "()")]
pub struct KnowSessions(pub Vec<Addr<SessionSupervisor>>);

impl Handler<KnowSessions> for AuthSupervisor {
    type Result = ();

    fn handle(&mut self, know: KnowSessions, _: &mut Context<Self>) {
        self.sessions = know.0;
    }
}

/// Somebody wants in as a guest; the answer is [`LogInDecided`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct LogIn {
    /// Whom to answer.
    pub client: ClientRef,
    /// From where.
    pub address: IpAddr,
    /// As whom.
    pub user: UserName,
}

impl Handler<LogIn> for AuthSupervisor {
    type Result = ();

    fn handle(&mut self, log_in: LogIn, _: &mut Context<Self>) {
        if self.reports_due.is_empty() {
            self.answer(log_in);
        } else if self.waiting.len() < self.config.auth.pending {
            self.waiting.push(log_in);
        } else {
            let text = "too many log-ins are under way (auth.pending); try again".to_owned();
            self.tell(log_in.client, Err((ErrorCode::Unavailable, text)));
        }
    }
}

/// A connection of an account ended.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct AccountLeft {
    /// On which shard.
    pub shard: u16,
    /// The account.
    pub account: Arc<str>,
}

impl Handler<AccountLeft> for AuthSupervisor {
    type Result = ();

    fn handle(&mut self, left: AccountLeft, _: &mut Context<Self>) {
        // Whoever left before its shard reported is not in that report.
        if !self.reports_due.contains(&left.shard) {
            self.guests.leave(&left.account);
        }
    }
}

/// One shard's answer to [`ReportAccounts`]: who is there, a connection each.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct AccountsReported {
    /// Which shard.
    pub shard: u16,
    /// Account and address.
    pub guests: Vec<(Arc<str>, IpAddr)>,
}

impl Handler<AccountsReported> for AuthSupervisor {
    type Result = ();

    fn handle(&mut self, report: AccountsReported, _: &mut Context<Self>) {
        for (account, address) in report.guests {
            // They were let in before; nothing is refused now.
            let _ = self.guests.enter(&account, address);
        }
        self.reports_due.retain(|shard| *shard != report.shard);
        if self.reports_due.is_empty() {
            for log_in in std::mem::take(&mut self.waiting) {
                self.answer(log_in);
            }
        }
    }
}

/// Makes this actor panic, to show that it is survived.
#[cfg(feature = "fault-injection")]
impl Handler<super::Provoke> for AuthSupervisor {
    type Result = ();
    fn handle(&mut self, _: super::Provoke, _: &mut Context<Self>) {
        panic!("provoked");
    }
}
