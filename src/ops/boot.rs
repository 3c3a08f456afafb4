//! Wires the tree and runs it: store, log, log-in, shards, gates. In: the configuration. Out: a running server, until a signal or a fault
//! ends it. Built downstream first, so this file reads as the picture of the system.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc;
use std::time::Duration;

use actix::Addr;
use actix_rt::{Arbiter, System};
use slog::{Logger, crit, info, o};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::edge::legacy;
use crate::edge::listener;
use crate::hub::auth::{AuthSupervisor, KnowSessions};
use crate::hub::codec::Codec;
use crate::hub::heartbeat::Heartbeat;
use crate::hub::log::read_pool::{ReadPool, SharedReader};
use crate::hub::log::{AddShard, MessageLog, ShardLink, StoreFactory};
use crate::hub::room::Room;
use crate::hub::rules::tail_budget::TailBudget;
use crate::hub::session::{Connect, ConnectionCount, SessionSupervisor};
use crate::hub::shard::{Links, LogQueue, Shard};
use crate::ops::config::{Backend, Config, Durability};
use crate::ops::supervise::{GiveUp, RestartLimit, start_supervised};
use crate::ops::{shutdown, sys};
use crate::store::log::embedded::{self, EmbeddedLog, EmbeddedOptions};
use crate::store::log::{LogError, LogStore};

/// Descriptors kept for files, listeners and the connections to original clients.
const DESCRIPTORS_RESERVED: u64 = 600;
/// How long starting a thread's actors may take.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// Why the server did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({key}): {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// The configuration key that names it.
        key: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The data folder cannot be used.
    #[error("cannot use {folder} (server.data_dir): {source}")]
    DataDir {
        /// Which.
        folder: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The log cannot be opened.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The operating system refused something else.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
    /// A thread did not come up.
    #[error("a thread of the server did not start in time")]
    Thread,
    /// It ran and came to an end that nobody ordered.
    #[error("the server ended: {0}")]
    Fatal(String),
}

/// Where a running server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Everything.
    pub main: SocketAddr,
    /// Log-in and messages of original clients, if they are let in.
    pub legacy: Option<(SocketAddr, SocketAddr)>,
}

/// What the shutdown has to take apart.
pub(super) struct Running {
    pub log: Addr<MessageLog>,
    pub sessions: Vec<Addr<SessionSupervisor>>,
    pub shards: Vec<Arbiter>,
    pub log_thread: Arbiter,
    /// Dropped to end accepting.
    pub accepting: Vec<tokio::sync::oneshot::Sender<()>>,
}

/// Runs a server until `stop` is done, a signal comes, or it cannot go on. Blocks. `ready` is called once everything listens.
pub fn run(
    config: Arc<Config>,
    log: &Logger,
    ready: impl FnOnce(&Addresses),
) -> Result<(), BootError> {
    let descriptors = sys::raise_descriptor_limit()?;
    let folder = make_data_dir(&config.server.data_dir)?;
    let factory = store_factory(&config, folder, log.new(o!("actor" => "log")));
    let store = factory()?;
    let sockets = Sockets::bind(&config)?;
    let addresses = sockets.addresses()?;
    let system = System::new();
    let result = system.block_on(async {
        let (fatal, mut faults) = unbounded_channel();
        let running = start(&config, log, store, factory, sockets, descriptors, fatal).await?;
        // Whoever reads READY may send a signal at once.
        let signals = shutdown::Signals::listen()?;
        ready(&addresses);
        let ended = shutdown::wait_for_end(log, signals, &mut faults).await;
        let stopped = shutdown::stop(log, running, config.server.shutdown_deadline).await;
        match (ended, stopped) {
            (Err(reason), _) | (Ok(()), Err(reason)) => Err(BootError::Fatal(reason)),
            (Ok(()), Ok(())) => Ok(()),
        }
    });
    if let Err(error) = &result {
        crit!(log, "{}", error);
    }
    result
}

struct Sockets {
    main: Vec<std::net::TcpListener>,
    legacy: Option<legacy::Sockets>,
}

impl Sockets {
    fn bind(config: &Config) -> Result<Self, BootError> {
        let address = config.listen.main;
        let main = listener::bind(address, shard_count(config));
        let main = main.map_err(|source| BootError::Listen {
            address,
            key: "listen.main",
            source,
        })?;
        let legacy = config
            .legacy
            .enabled
            .then(|| legacy::Sockets::bind(config))
            .transpose();
        let legacy = legacy.map_err(|(address, key, source)| BootError::Listen {
            address,
            key,
            source,
        })?;
        Ok(Self { main, legacy })
    }

    fn addresses(&self) -> std::io::Result<Addresses> {
        let first = self
            .main
            .first()
            .ok_or(std::io::ErrorKind::AddrNotAvailable)?;
        let legacy = self
            .legacy
            .as_ref()
            .map(legacy::Sockets::addresses)
            .transpose()?;
        Ok(Addresses {
            main: first.local_addr()?,
            legacy,
        })
    }
}

fn shard_count(config: &Config) -> usize {
    match config.server.shards {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count => count,
    }
}

fn make_data_dir(folder: &Path) -> Result<PathBuf, BootError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    let usable = made.and_then(|()| folder.canonicalize());
    usable.map_err(|source| BootError::DataDir {
        folder: folder.display().to_string(),
        source,
    })
}

/// The options of the embedded log in `folder` (of the log itself) that `config` asks for.
pub fn log_options(config: &Config, folder: PathBuf) -> EmbeddedOptions {
    let storage = &config.storage;
    EmbeddedOptions {
        folder,
        durability: match storage.durability {
            Durability::Always => embedded::Durability::Always,
            Durability::Interval => embedded::Durability::Interval,
            Durability::Os => embedded::Durability::Os,
        },
        flush_interval: storage.flush_interval,
        segment_bytes: storage.segment_bytes,
        journal_bytes: storage.journal_bytes,
        retain_messages: storage.retain_messages,
        retain_age: storage.retain_age,
        retain_bytes: storage.retain_bytes,
        rooms_max: config.limits.rooms,
        tags_max: config.limits.tags,
    }
}

fn store_factory(config: &Arc<Config>, data_dir: PathBuf, log: Logger) -> StoreFactory {
    let config = config.clone();
    Box::new(move || match config.storage.backend {
        // The configuration refuses the others, which are to come.
        Backend::Embedded | Backend::Nats => {
            let options = log_options(&config, data_dir.join("log"));
            let store = EmbeddedLog::open(options, log.clone())?;
            Ok(Box::new(store) as Box<dyn LogStore>)
        }
    })
}

async fn start(
    config: &Arc<Config>,
    log: &Logger,
    store: Box<dyn LogStore>,
    factory: StoreFactory,
    sockets: Sockets,
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
    // 2. The hub: the one that lets in, and the shards.
    let auth = {
        let (config, actor_log) = (config.clone(), log.new(o!("actor" => "auth")));
        let give_up = give_up("the log-in", fatal.clone());
        start_supervised(
            "auth",
            actor_log.clone(),
            RestartLimit::default(),
            give_up,
            |_| AuthSupervisor::new(config, actor_log),
        )
    };
    let connections = Arc::new(ConnectionCount::new(connections_max(config, descriptors)));
    let queue_bytes = usize::try_from(config.limits.log_queue_bytes).unwrap_or(usize::MAX);
    let queue = Arc::new(LogQueue::new(queue_bytes));
    let tails_bytes = usize::try_from(config.rooms.tails_bytes).unwrap_or(usize::MAX);
    let tails = Arc::new(TailBudget::new(tails_bytes));
    let (mut shards, mut parts) = (Vec::new(), Vec::new());
    for id in 0..sockets.main.len() {
        let thread = Arbiter::new();
        let heard = Arc::new(AtomicU64::new(0));
        let (config, log) = (config.clone(), log.new(o!("shard" => id)));
        let (connections, queue, fatal) = (connections.clone(), queue.clone(), fatal.clone());
        let (shard_heard, tails) = (heard.clone(), tails.clone());
        let part = on_thread(&thread, move || {
            let shard = Shard::new(id as u16, config, log, queue);
            ShardActors::start(&shard, connections, shard_heard, tails, &fatal)
        })?;
        message_log.do_send(AddShard(ShardLink::new(part.room.clone(), heard)));
        shards.push(thread);
        parts.push(part);
    }
    let rooms: Arc<[Addr<Room>]> = parts.iter().map(|part| part.room.clone()).collect();
    let sessions: Vec<_> = parts.iter().map(|part| part.sessions.clone()).collect();
    auth.do_send(KnowSessions(sessions.clone()));
    // 1. The edge: the gates, then the doors.
    let mut accepting = Vec::new();
    let gate = sockets.legacy.map(|sockets| {
        let give_up = give_up("the gate of original clients", fatal.clone());
        let (gate, doors) = legacy::start(config, log, sockets, give_up);
        accepting.extend(doors);
        gate
    });
    for part in &parts {
        let connect = Connect(Links {
            log: message_log.clone(),
            reads: reads.clone(),
            auth: auth.clone(),
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
    }
    if let (Some(gate), Some(first)) = (&gate, parts.first()) {
        gate.do_send(legacy::LiveOn(first.sessions.clone()));
    }
    for ((socket, thread), part) in sockets.main.into_iter().zip(&shards).zip(&parts) {
        let (sessions, log) = (part.sessions.clone(), log.new(o!("actor" => "listener")));
        let (open, closed) = tokio::sync::oneshot::channel();
        accepting.push(open);
        thread.spawn(until(closed, listener::accept(socket, sessions, log)));
    }
    info!(log, "server started"; "shards" => shards.len(), "connections_max" => connections.max(),
        "durability" => format!("{:?}", config.storage.durability).to_lowercase());
    Ok(Running {
        log: message_log,
        sessions,
        shards,
        log_thread,
        accepting,
    })
}

/// What one shard's thread runs.
struct ShardActors {
    room: Addr<Room>,
    codec: Addr<Codec>,
    sessions: Addr<SessionSupervisor>,
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
        }
    }
}

fn give_up(what: &'static str, fatal: UnboundedSender<String>) -> GiveUp {
    Box::new(move || {
        let _ = fatal.send(format!("{what} panicked too often"));
    })
}

fn connections_max(config: &Config, descriptors: u64) -> usize {
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

/// Runs `work` until the other end of `closed` is dropped.
pub(crate) async fn until(
    closed: tokio::sync::oneshot::Receiver<()>,
    work: impl Future<Output = ()>,
) {
    tokio::select! {
        _ = closed => {}
        () = work => {}
    }
}
