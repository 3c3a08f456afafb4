//! The one actor that decides about rooms. In: what clients of all shards want to change. Out: rows in the store, each with its entry in
//! the audit log, and one message to every shard. Owns the policies of all rooms that have one; the shards hold copies ([`replica`]).
//!
//! It has a thread of its own, because it writes to the disk. What it is asked is judged again here, against what holds now: a shard's copy may
//! be a moment older. The answer comes when every shard has carried the change out ([`announce`]).
//!
//! After a panic it reads everything from the store again and tells the shards what they do not know.

mod act;
mod announce;
mod replica;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, Supervised};
use slog::{Logger, error, info, warn};

use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::names::{RoomName, UserName};
use crate::ops::again;
use crate::ops::config::Config;
use crate::ops::panic_at;
use crate::store::accounts::{Accounts, AccountsError, RetentionRule, RoomPolicy};
use crate::store::log::RoomRetention;

use super::log::{KeepRooms, MessageLog};
use super::messages::{ClientRef, UseConfig};
use super::rules::bucket::Buckets;
use super::rules::room_change::{Change, Refusal};
use super::seat::Identity;
pub(in crate::hub) use act::topic_line;
pub use announce::{
    Announcement, Asked, ChangeAnswer, ChangeAnswered, PolicyChanged, PolicyLink, Whom,
};
pub use replica::Policies;

/// How often to look whether somebody changed accounts beside the server.
const LOOK_FOR_CHANGES: Duration = Duration::from_secs(1);

/// Opens the store; called again after a panic.
pub type AccountsFactory = Box<dyn Fn() -> Result<Box<dyn Accounts>, AccountsError> + Send>;

/// What ends the process when the registry cannot go on; gets the reason.
pub type Fatal = Arc<dyn Fn(&str) + Send + Sync>;

/// See the module.
pub struct RoomRegistry {
    config: Arc<Config>,
    log: Logger,
    factory: AccountsFactory,
    store: Box<dyn Accounts>,
    policies: HashMap<RoomName, Arc<RoomPolicy>>,
    shards: Vec<PolicyLink>,
    message_log: Addr<MessageLog>,
    /// Rooms begun lately, by address.
    begun: Buckets<IpAddr>,
    clock: Instant,
    /// What is being done; answered if that panics.
    in_hand: Option<InHand>,
    fatal: Fatal,
}

struct InHand {
    /// Who waits for it, if anybody.
    client: Option<(ClientRef, u32)>,
    /// What the shards are being told.
    announcement: Option<Arc<Announcement>>,
    /// How many of them have been told.
    told: usize,
}

impl RoomRegistry {
    /// A registry over the store that `factory` opened first as `store`, which holds `policies`.
    pub fn new(
        config: Arc<Config>,
        log: Logger,
        (store, factory): (Box<dyn Accounts>, AccountsFactory),
        policies: &[Arc<RoomPolicy>],
        message_log: Addr<MessageLog>,
        fatal: Fatal,
    ) -> Self {
        let registry = Self {
            config,
            log,
            factory,
            store,
            policies: by_name(policies.iter().cloned()),
            shards: Vec::new(),
            message_log,
            begun: Buckets::default(),
            clock: Instant::now(),
            in_hand: None,
            fatal,
        };
        registry.tell_retention(registry.policies.values());
        registry
    }

    /// Tells the log how long messages of these rooms are kept.
    fn tell_retention<'a>(&self, policies: impl Iterator<Item = &'a Arc<RoomPolicy>>) {
        let rules = policies.filter(|policy| policy.retention != RetentionRule::default());
        let rules: Vec<_> = rules
            .map(|policy| (policy.name.clone(), kept(policy.retention)))
            .collect();
        if !rules.is_empty() {
            self.message_log.do_send(KeepRooms(rules));
        }
    }

    /// Tells every shard; the last one to have carried it out answers.
    fn announce(&mut self, announcement: Announcement) {
        announcement
            .unheard
            .store(self.shards.len(), Ordering::Release);
        let in_hand = self.in_hand.get_or_insert(InHand {
            client: None,
            announcement: None,
            told: 0,
        });
        in_hand.announcement = Some(Arc::new(announcement));
        in_hand.told = 0;
        self.tell();
    }

    /// Tells every shard that has not been told yet.
    fn tell(&mut self) {
        let Some(in_hand) = &mut self.in_hand else {
            return;
        };
        let Some(announcement) = &in_hand.announcement else {
            return;
        };
        while let Some(shard) = self.shards.get_mut(in_hand.told) {
            panic_at::point("half-announced");
            // Counted first: nothing between the two can panic, and no shard may count down twice.
            in_hand.told += 1;
            shard.tell(announcement.clone());
        }
        if announcement.asker.is_some() {
            // From here on the shards answer.
            in_hand.client = None;
        }
        in_hand.announcement = None;
    }

    fn answer(&mut self, result: Result<(), Refusal>) {
        let client = self
            .in_hand
            .as_mut()
            .and_then(|in_hand| in_hand.client.take());
        let Some((client, ticket)) = client else {
            return;
        };
        let answer = ChangeAnswer { ticket, result };
        if let Some(shard) = self.shards.get(usize::from(client.shard)) {
            shard.answer(ChangeAnswered { client, answer });
        }
    }

    /// Opens the store again after a panic and takes what it holds for what is decided.
    fn reopen(&mut self) -> Result<(), AccountsError> {
        self.store = (self.factory)()?;
        let all = self.store.rooms()?;
        let known: HashSet<RoomName> = self.policies.keys().cloned().collect();
        let found = all.into_iter().map(|policy| (policy.name.clone(), policy));
        let mut found: HashMap<RoomName, RoomPolicy> = found.collect();
        for room in known {
            let policy = found.remove(&room);
            self.hold(room, policy);
        }
        for (room, policy) in found {
            self.hold(room, Some(policy));
        }
        Ok(())
    }

    /// The store holds this of a room, whatever was thought to be so.
    fn hold(&mut self, room: RoomName, policy: Option<RoomPolicy>) {
        let known = self.policies.get(&room);
        if known.map(|known| &**known) == policy.as_ref() {
            return;
        }
        let rule = |policy: Option<&RoomPolicy>| {
            policy.map_or_else(RetentionRule::default, |it| it.retention)
        };
        let (before, after) = (rule(known.map(|known| &**known)), rule(policy.as_ref()));
        if before != after {
            self.message_log
                .do_send(KeepRooms(vec![(room.clone(), kept(after))]));
        }
        let policy = policy.map(Arc::new);
        match &policy {
            Some(policy) => {
                self.policies.insert(room.clone(), policy.clone());
            }
            None => {
                self.policies.remove(&room);
            }
        }
        let reason = "the rights in this room have changed";
        let announcement = Announcement::new(room, policy, Whom::Members, reason, None);
        self.announce(announcement);
    }

    /// Somebody who has an account no longer has no role either; the store has seen to it, beside this actor.
    fn look_for_changes(&mut self) {
        let changes = match self.store.changes() {
            Ok(changes) => changes,
            Err(error) => {
                warn!(self.log, "changes of accounts not read"; "error" => %error);
                return;
            }
        };
        if changes.is_empty() {
            return;
        }
        let is_about = |policy: &RoomPolicy| {
            changes.iter().any(|changed| {
                let account = &changed.account;
                policy.people.contains_key(account) || policy.created_by.as_ref() == Some(account)
            })
        };
        let rooms = self.policies.values().filter(|policy| is_about(policy));
        let rooms: Vec<RoomName> = rooms.map(|policy| policy.name.clone()).collect();
        for room in rooms {
            match self.store.room(&room) {
                Ok(policy) => self.hold(room, policy),
                Err(error) => warn!(self.log, "room not read"; "room" => %room, "error" => %error),
            }
        }
    }
}

/// The same for the log.
fn kept(rule: RetentionRule) -> RoomRetention {
    RoomRetention {
        age: rule.age,
        messages: rule.messages,
    }
}

fn by_name(policies: impl Iterator<Item = Arc<RoomPolicy>>) -> HashMap<RoomName, Arc<RoomPolicy>> {
    policies
        .map(|policy| (policy.name.clone(), policy))
        .collect()
}

impl Actor for RoomRegistry {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let _place = panic_at::place("registry/started");
        ctx.run_interval(LOOK_FOR_CHANGES, |registry, _| {
            let _place = panic_at::place("registry/look");
            registry.look_for_changes();
            registry.in_hand = None;
        });
    }
}

impl Supervised for RoomRegistry {
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        let _place = panic_at::place("registry/restarting");
        // What was written and half told is told to its end; what was not told to anybody is found in the store.
        self.tell();
        let text =
            "deciding about rooms failed on our side; look whether it is done, then try again";
        self.answer(Err((ErrorCode::Unavailable, text.to_owned())));
        self.in_hand = None;
        if let Err(error) = self.reopen() {
            error!(self.log, "the rooms cannot be read again"; "error" => %error);
            (self.fatal)(&format!("the rooms cannot be read again: {error}"));
            ctx.terminate();
            return;
        }
        self.in_hand = None;
        info!(self.log, "rooms read again after a panic"; "rooms" => self.policies.len());
        again::handle_again(self, ctx);
    }
}

/// The shards, once they are there.
#[derive(Message)]
#[rtype(result = "()")]
pub struct KnowShards(pub Vec<PolicyLink>);

impl Handler<KnowShards> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, know: KnowShards, _: &mut Context<Self>) {
        let know = again::keep(self, know);
        let _place = panic_at::place("registry/KnowShards");
        self.shards = know.take().0;
    }
}

impl Handler<UseConfig> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, ask: UseConfig, _: &mut Context<Self>) {
        let ask = again::keep(self, ask);
        let _place = panic_at::place("registry/UseConfig");
        self.config = ask.0.clone();
    }
}

/// A fan-out started anew: tell it again what it has not carried out to the end.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct ResyncPolicies {
    /// Which shard.
    pub shard: u16,
}

impl Handler<ResyncPolicies> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, resync: ResyncPolicies, _: &mut Context<Self>) {
        let resync = again::keep(self, resync);
        let _place = panic_at::place("registry/ResyncPolicies");
        if let Some(shard) = self.shards.get_mut(usize::from(resync.shard)) {
            let again = shard.tell_again();
            info!(self.log, "shard is told of rooms again"; "shard" => resync.shard, "changes" => again);
        }
    }
}

/// Somebody wants something of a room that takes more than looking; the answer is left at the client's seat.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct ChangeRoom {
    /// Who asks.
    pub client: ClientRef,
    /// See [`ChangeAnswer::ticket`].
    pub ticket: u32,
    /// Who that is.
    pub identity: Identity,
    /// From where.
    pub address: IpAddr,
    /// Which room.
    pub room: RoomName,
    /// Whether it was there when the client looked; rooms with a policy are there anyway.
    pub is_there: bool,
    /// What is wanted.
    pub wish: Wish,
}

/// What may be wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// ROOM.
    Change(Change),
    /// To begin it by joining it.
    Begin,
    /// To note that somebody else's message is about to be removed.
    Remove {
        /// The message.
        id: u64,
        /// Who said it.
        author: UserName,
    },
}

impl Handler<ChangeRoom> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, ask: ChangeRoom, _: &mut Context<Self>) {
        let ask = again::keep(self, ask);
        let _place = panic_at::place("registry/ChangeRoom");
        let ask = ask.take();
        self.in_hand = Some(InHand {
            client: Some((ask.client, ask.ticket)),
            announcement: None,
            told: 0,
        });
        // What was done to accounts beside the server comes first: roles of who is gone must not be written again.
        self.look_for_changes();
        let checked = self.check_asker(&ask);
        match checked.and_then(|()| self.carry_out(&ask)) {
            Ok(Some(announcement)) => self.announce(announcement),
            Ok(None) => self.answer(Ok(())),
            Err(refusal) => self.answer(Err(refusal)),
        }
        self.in_hand = None;
    }
}

/// Makes this actor panic, to show that it is survived.
#[cfg(feature = "fault-injection")]
impl Handler<super::Provoke> for RoomRegistry {
    type Result = ();
    fn handle(&mut self, provoke: super::Provoke, _: &mut Context<Self>) {
        match provoke.0 {
            "registry" => panic!("provoked"),
            "hang" => panic_at::hang(),
            _ => {}
        }
        // At the worst moments: with the next change about to be written, written and not told, or half told.
        panic_at::set(provoke.0);
    }
}
