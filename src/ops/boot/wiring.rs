//! Wires the tree: store, log, log-in, shards, gates. Built downstream first, so this file reads as the picture of the system.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc;
use std::time::Duration;

use actix::Addr;
use actix_rt::Arbiter;
use slog::{Logger, info, o};
use tokio::sync::mpsc::UnboundedSender;

use crate::edge::legacy;
use crate::edge::listener;
use crate::edge::poller::Poller;
use crate::hub::addresses::AddressCount;
use crate::hub::auth::{AuthSupervisor, KnowSessions, Registered};
use crate::hub::codec::Codec;
use crate::hub::connections::ConnectionCount;
use crate::hub::counters::Counters;
use crate::hub::heartbeat::Heartbeat;
use crate::hub::log::read_pool::{ReadPool, SharedReader};
use crate::hub::log::{AddShard, LimitRooms, MessageLog, ShardLink, StoreFactory};
use crate::hub::log_queue::LogQueue;
use crate::hub::probe::Probes;
use crate::hub::registry::{AccountsFactory, KnowShards, Policies, PolicyLink, RoomRegistry};
use crate::hub::room::Room;
use crate::hub::rules::tail_budget::TailBudget;
use crate::hub::runner;
use crate::hub::session::{Connect, SessionSupervisor, UseTls};
use crate::hub::shard::{Links, Shard};
use crate::ops::config::Config;
use crate::ops::supervise::{GiveUp, RestartLimit, start_supervised};
use crate::store::accounts::{Accounts, RoomPolicy};
use crate::store::log::LogStore;

use super::doors::Door;
use super::sockets::Sockets;
use super::{BootError, Running};

/// Descriptors kept for files, listeners and the connections to original clients.
const DESCRIPTORS_RESERVED: u64 = 600;
/// How long starting a thread's actors may take.
const START_DEADLINE: Duration = Duration::from_secs(30);

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of the whole, each used once"
)]
pub(super) async fn start(
    config: &Arc<Config>,
    log: &Logger,
    store: Box<dyn LogStore>,
    factory: StoreFactory,
    (accounts, accounts_factory): (Box<dyn Accounts>, AccountsFactory),
    mut sockets: Sockets,
    descriptors: u64,
    fatal: UnboundedSender<String>,
) -> Result<Running, BootError> {
    // 3. The store: one thread that appends, a few that read.
    let reader = SharedReader::new(store.reader());
    let (reads, _) = ReadPool::start(config.storage.read_threads, reader.clone(), log)?;
    let log_thread = Arbiter::new();
    let message_log = {
        let (actor_log, fatal) = (log.new(o!("actor" => "log")), fatal.clone());
        let on_fatal = fatal.clone();
        on_thread(&log_thread, move || {
            let report = Arc::new(move |why: &str| {
                let _ = on_fatal.send(why.to_owned());
            });
            let give_up = give_up("the message log", fatal);
            start_supervised(
                "log",
                actor_log.clone(),
                RestartLimit::default(),
                give_up,
                |_| MessageLog::new(actor_log, store, factory, reader, report),
            )
        })?
    };
    let mut rooms_store = accounts_factory()?;
    let policies: Vec<Arc<RoomPolicy>> = rooms_store.rooms()?.into_iter().map(Arc::new).collect();
    let policies: Arc<[Arc<RoomPolicy>]> = policies.into();
    // 2. The hub: the one that decides about rooms, the one that lets in, and the shards.
    let registry_thread = Arbiter::new();
    let registry = {
        let (config, actor_log) = (config.clone(), log.new(o!("actor" => "registry")));
        let (policies, message_log) = (policies.clone(), message_log.clone());
        let (fatal, on_fatal) = (fatal.clone(), fatal.clone());
        let stores = (rooms_store, accounts_factory);
        on_thread(&registry_thread, move || {
            let report = Arc::new(move |why: &str| {
                let _ = on_fatal.send(why.to_owned());
            });
            let give_up = give_up("the registry of rooms", fatal);
            start_supervised(
                "registry",
                actor_log.clone(),
                RestartLimit::default(),
                give_up,
                |_| RoomRegistry::new(config, actor_log, stores, &policies, message_log, report),
            )
        })?
    };
    let counters = Arc::new(Counters::default());
    let addresses = Arc::new(AddressCount::default());
    let probes = Arc::new(Probes::default());
    message_log.do_send(LimitRooms::of(&config.limits, &counters));
    let registered = Arc::new(Registered::default());
    let auth_thread = Arbiter::new();
    let auth = {
        let (config, actor_log) = (config.clone(), log.new(o!("actor" => "auth")));
        let actor = AuthSupervisor::new(
            config,
            actor_log.clone(),
            accounts,
            registered.clone(),
            counters.clone(),
        )?;
        let fatal = fatal.clone();
        on_thread(&auth_thread, move || {
            let give_up = give_up("the log-in", fatal);
            let limit = RestartLimit::default();
            start_supervised("auth", actor_log, limit, give_up, |_| actor)
        })?
    };
    let connections = Arc::new(ConnectionCount::new(connections_max(config, descriptors)));
    let queue_bytes = usize::try_from(config.limits.log_queue_bytes).unwrap_or(usize::MAX);
    let queue = Arc::new(LogQueue::new(queue_bytes));
    let tails_bytes = usize::try_from(config.rooms.tails_bytes).unwrap_or(usize::MAX);
    let tails = Arc::new(TailBudget::new(tails_bytes));
    let (mut shards, mut parts, mut links) = (Vec::new(), Vec::new(), Vec::new());
    for id in 0..sockets.shards {
        let thread = Arbiter::new();
        let heard = Arc::new(AtomicU64::new(0));
        let (config, log) = (config.clone(), log.new(o!("shard" => id)));
        let (connections, queue, fatal) = (connections.clone(), queue.clone(), fatal.clone());
        let (shard_heard, tails) = (heard.clone(), tails.clone());
        let policies = policies.clone();
        let part = on_thread(&thread, move || {
            let (poller, entry) = Poller::new()?;
            let policies = Policies::new(&policies);
            let shard = Shard::new(id as u16, config, log, queue, policies, entry);
            let on_panic = fatal.clone();
            let end = Box::new(move || {
                let _ = on_panic.send("the runner of a shard's clients panicked".to_owned());
            });
            actix_rt::spawn(runner::run(shard.clone(), poller, end));
            std::io::Result::Ok(ShardActors::start(
                &shard,
                connections,
                shard_heard,
                tails,
                &fatal,
            ))
        })??;
        message_log.do_send(AddShard(ShardLink::new(part.room.clone(), heard)));
        links.push(PolicyLink::new(part.room.clone(), part.applied.clone()));
        shards.push(thread);
        parts.push(part);
    }
    registry.do_send(KnowShards(links));
    let rooms: Arc<[Addr<Room>]> = parts.iter().map(|part| part.room.clone()).collect();
    let sessions: Vec<_> = parts.iter().map(|part| part.sessions.clone()).collect();
    auth.do_send(KnowSessions(sessions.clone()));
    // 1. The edge: the gates, then the doors.
    sockets.open()?;
    let mut doors = Vec::new();
    let gate = sockets.take_legacy().map(|sockets| {
        let give_up = give_up("the gate of original clients", fatal.clone());
        let (gate, own) = legacy::start(config, log, sockets, give_up);
        doors.extend(own);
        gate
    });
    for part in &parts {
        let connect = Connect(Links {
            log: message_log.clone(),
            reads: reads.clone(),
            auth: auth.clone(),
            registry: registry.clone(),
            addresses: addresses.clone(),
            probes: probes.clone(),
            counters: counters.clone(),
            registered: registered.clone(),
            room: part.room.clone(),
            rooms: rooms.clone(),
            codec: part.codec.clone(),
            sessions: part.sessions.clone(),
            legacy: gate.clone().map(Addr::recipient),
            #[cfg(feature = "fault-injection")]
            legacy_faults: gate.clone().map(Addr::recipient),
        });
        // Awaited: a shard that hears of another one's clients has to know everybody by then.
        let connected = part.sessions.send(connect).await;
        connected.map_err(|_| BootError::Thread)?;
        if let Some(tls) = &sockets.tls {
            part.sessions.do_send(UseTls(Some(tls.clone())));
        }
    }
    if let (Some(gate), Some(first)) = (&gate, parts.first()) {
        gate.do_send(legacy::LiveOn(first.sessions.clone()));
    }
    for ((own, thread), part) in sockets.by_shard().into_iter().zip(&shards).zip(&parts) {
        for socket in own {
            let (sessions, log) = (part.sessions.clone(), log.new(o!("actor" => "listener")));
            let (door, frame) = Door::new();
            doors.push(door);
            thread.spawn(frame.run(listener::accept_clients(socket, sessions, log)));
        }
    }
    info!(log, "server started"; "shards" => shards.len(), "connections_max" => connections.max(),
        "durability" => format!("{:?}", config.storage.durability).to_lowercase());
    let mut keepers = vec![
        auth.recipient(),
        registry.clone().recipient(),
        message_log.clone().recipient(),
    ];
    keepers.extend(sessions.iter().cloned().map(Addr::recipient));
    keepers.extend(gate.map(Addr::recipient));
    Ok(Running {
        log: message_log,
        sessions,
        keepers,
        connections,
        probes,
        counters,
        shards,
        log_thread,
        auth_thread,
        registry_thread,
        doors,
    })
}

/// What one shard's thread runs.
struct ShardActors {
    room: Addr<Room>,
    codec: Addr<Codec>,
    sessions: Addr<SessionSupervisor>,
    /// See [`Policies::applied_counter`].
    applied: Arc<AtomicU64>,
}

impl ShardActors {
    fn start(
        shard: &std::rc::Rc<Shard>,
        connections: Arc<ConnectionCount>,
        heard: Arc<AtomicU64>,
        tails: Arc<TailBudget>,
        fatal: &UnboundedSender<String>,
    ) -> Self {
        let limit = RestartLimit::default();
        let log = &shard.log;
        let end = |what| give_up(what, fatal.clone());
        let codec = start_supervised("codec", log.clone(), limit, end("a codec"), |_| {
            Codec::new(shard.clone())
        });
        let room = start_supervised("room", log.clone(), limit, end("a fan-out"), |_| {
            Room::new(shard.clone(), heard, tails)
        });
        let sessions =
            start_supervised("sessions", log.clone(), limit, end("the sessions"), |_| {
                SessionSupervisor::new(shard.clone(), connections)
            });
        let heartbeat =
            start_supervised("heartbeat", log.clone(), limit, end("a heartbeat"), |_| {
                Heartbeat::new(shard.clone())
            });
        shard.keep_heartbeat(heartbeat);
        Self {
            room,
            codec,
            sessions,
            applied: shard.policies.applied_counter(),
        }
    }
}

fn give_up(what: &'static str, fatal: UnboundedSender<String>) -> GiveUp {
    Box::new(move || {
        let limit = RestartLimit::default();
        let _ = fatal.send(format!(
            "{what} panicked too often (more than {} times within {:?}); the log names the places (\"panic\"), please report them. Start the server again: nothing that was answered is lost",
            limit.restarts_max, limit.within
        ));
    })
}

/// The limit of connections that `config` asks for in a process that may have so many descriptors.
pub(in crate::ops) fn connections_max(config: &Config, descriptors: u64) -> usize {
    let possible = descriptors.saturating_sub(DESCRIPTORS_RESERVED).max(16);
    let possible = usize::try_from(possible).unwrap_or(usize::MAX);
    match config.limits.connections {
        0 => possible,
        wanted => wanted.min(possible),
    }
}

/// Runs `build` on another thread and waits for what it gives.
fn on_thread<T: Send + 'static>(
    thread: &Arbiter,
    build: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BootError> {
    let (sender, receiver) = mpsc::channel();
    thread.spawn_fn(move || {
        let _ = sender.send(build());
    });
    receiver
        .recv_timeout(START_DEADLINE)
        .map_err(|_| BootError::Thread)
}
