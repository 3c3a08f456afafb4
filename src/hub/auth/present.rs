//! Which names are in use: who comes is counted with the log-in, who goes is reported by its shard.

use std::net::IpAddr;
use std::sync::Arc;

use actix::{Addr, Context, Handler, Message};

use crate::hub::session::SessionSupervisor;
use crate::ops::again;
use crate::ops::panic_at;

use super::{AuthSupervisor, Waiting};

/// The shards' session supervisors, once they are there.
#[derive(Message)]
#[rtype(result = "()")]
pub struct KnowSessions(pub Vec<Addr<SessionSupervisor>>);

impl Handler<KnowSessions> for AuthSupervisor {
    type Result = ();

    fn handle(&mut self, know: KnowSessions, _: &mut Context<Self>) {
        let know = again::keep(self, know);
        let _place = panic_at::place("auth/KnowSessions");
        self.sessions = know.take().0;
    }
}

/// A connection of somebody ended.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct AccountLeft {
    /// On which shard.
    pub shard: u16,
    /// The name without regard to case.
    pub account: Arc<str>,
    /// Whether it was a guest's.
    pub is_guest: bool,
}

impl Handler<AccountLeft> for AuthSupervisor {
    type Result = ();

    fn handle(&mut self, left: AccountLeft, _: &mut Context<Self>) {
        let _place = panic_at::place("auth/AccountLeft");
        // Whoever left before its shard reported is not in that report.
        if self.reports_due.contains(&left.shard) {
            return;
        }
        if left.is_guest {
            self.in_use.guest_left(&left.account);
        } else {
            self.in_use.account_left(&left.account);
        }
    }
}

/// One shard's answer to [`ReportAccounts`](crate::hub::session::ReportAccounts): who is there, a connection each.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct AccountsReported {
    /// Which shard.
    pub shard: u16,
    /// As it was asked.
    pub round: u32,
    /// Name and address.
    pub guests: Vec<(Arc<str>, IpAddr)>,
    /// Accounts.
    pub accounts: Vec<Arc<str>>,
}

impl Handler<AccountsReported> for AuthSupervisor {
    type Result = ();

    fn handle(&mut self, report: AccountsReported, ctx: &mut Context<Self>) {
        let _place = panic_at::place("auth/AccountsReported");
        // Counted twice, names would never be free again.
        if report.round != self.round || !self.reports_due.contains(&report.shard) {
            return;
        }
        // They were let in before; nothing is refused now.
        for (name, address) in report.guests {
            let _ = self.in_use.enter_guest(&name, address, 0);
        }
        for account in report.accounts {
            let _ = self.in_use.enter_account(&account, 0);
        }
        self.reports_due.retain(|shard| *shard != report.shard);
        // One at a time: a panic takes the one in hand alone, and the others wait for the next reports.
        while self.reports_due.is_empty() {
            match self.waiting.pop_front() {
                Some(Waiting::LogIn(log_in)) => self.decide(log_in, ctx),
                Some(Waiting::Hashed(hashed)) => self.take_hashed(hashed),
                None => return,
            }
        }
    }
}
