//! The sections, one struct each. What each key means to an operator, with the reason for its default, stands in
//! `config/default.toml`; here stand the types, units and the default once more for whoever writes code.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use super::units;

/// `[server]`: the process as a whole.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The name in WELCOME: 1 to 64 bytes, no semicolon or control character. Default "General Communications".
    pub name: String,
    /// The data folder, from the working directory if relative. Default "./data".
    pub data_dir: PathBuf,
    /// Threads that serve clients; 0 = one per core. Default 0.
    pub shards: usize,
    /// Longest ordered stop. Default 8 s.
    #[serde(deserialize_with = "units::duration")]
    pub shutdown_deadline: Duration,
    /// How long a thread may not turn before the process ends; zero = for ever. Threads that write to the disk: four times that.
    /// Default 30 s.
    #[serde(deserialize_with = "units::duration")]
    pub watchdog: Duration,
}

/// `[listen]`: the native port.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Address of the main port; port 0 = any free one. Default 127.0.0.1:10740.
    pub main: SocketAddr,
    /// Whose connections must begin with a PROXY header, version 2; ask with [`lists`](super::lists). Default none.
    #[serde(deserialize_with = "units::networks")]
    pub proxies: Vec<IpNet>,
}

/// `[tls]`: the certificate of the main port.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The chain in PEM; `None` (written `""`) = `certs/server.crt` in the data folder, if it is there. Default none.
    #[serde(deserialize_with = "units::optional_path")]
    pub certificate: Option<PathBuf>,
    /// Its key in PEM; `None` = `certs/server.key` in the data folder. Default none.
    #[serde(deserialize_with = "units::optional_path")]
    pub key: Option<PathBuf>,
    /// Authorities whose certificates clients may show, in PEM. Default none.
    #[serde(deserialize_with = "units::optional_path")]
    pub client_ca: Option<PathBuf>,
}

/// `[legacy]`: clients of the original system.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Legacy {
    /// Whether they are served. Default true.
    pub enabled: bool,
    /// Our port for `AuthRequest`; 0 = any free one. Default 9281.
    pub auth_port: u16,
    /// The client's port for `Authed`. Default 12090.
    pub callback_port: u16,
    /// The client's port for heartbeats. Default 8070.
    pub heartbeat_port: u16,
    /// The client's port for batches of records. Default 6090.
    pub delivery_port: u16,
    /// Our port for messages; 0 = any free one. Default 9980.
    pub message_port: u16,
    /// Who may log in this way; ask with [`lists`](super::lists). Default 127.0.0.0/8 and ::1/128.
    #[serde(deserialize_with = "units::networks")]
    pub allow: Vec<IpNet>,
    /// Time between two heartbeats to one client. Default 2 s.
    #[serde(deserialize_with = "units::duration")]
    pub heartbeat_interval: Duration,
    /// How long after a log-in a refused connection to the client is forgiven. Default 5 s.
    #[serde(deserialize_with = "units::duration")]
    pub grace: Duration,
}

/// `[heartbeat]`: when silence means death, for GC/2 clients.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Silence after which a PING is sent. Default 30 s.
    #[serde(deserialize_with = "units::duration")]
    pub interval: Duration,
    /// Time to answer it, counted from the PING. Default 30 s.
    #[serde(deserialize_with = "units::duration")]
    pub timeout: Duration,
}

/// `[storage]`: the message log.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// Where the log is kept. Default embedded.
    pub backend: Backend,
    /// What precedes an OK. Default always.
    pub durability: Durability,
    /// Longest time between two fdatasyncs with [`Durability::Interval`]. Default 200 ms.
    #[serde(deserialize_with = "units::duration")]
    pub flush_interval: Duration,
    /// Size at which a segment is closed, in bytes. Default 64 MiB.
    #[serde(deserialize_with = "units::size")]
    pub segment_bytes: u64,
    /// Size of the journal, in bytes. At least 1 MiB. Default 64 MiB.
    #[serde(deserialize_with = "units::size")]
    pub journal_bytes: u64,
    /// Messages kept; 0 = all. Default 0.
    pub retain_messages: u64,
    /// Age to which messages are kept; zero = for ever. Default zero.
    #[serde(deserialize_with = "units::duration")]
    pub retain_age: Duration,
    /// Bytes of segments kept; 0 = all. Default 0.
    #[serde(deserialize_with = "units::size")]
    pub retain_bytes: u64,
    /// Threads that read the log, 1 to 256. Default 2.
    pub read_threads: usize,
    /// Entries of the audit log that are kept. Default 1,000,000.
    pub audit_records: u64,
}

/// Where the log is kept.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Files in the data folder.
    Embedded,
    /// NATS JetStream. Known by name, and refused when the configuration is checked.
    Nats,
}

/// What has to have happened to a message before its OK.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// It is on the disk.
    Always,
    /// The system has it; it is on the disk within `flush_interval`.
    Interval,
    /// The system has it.
    Os,
}

/// `[rooms]`: what rooms keep in memory.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Rooms {
    /// Size of a room's tail, in bytes, for all shards together. Default 4 MiB.
    #[serde(deserialize_with = "units::size")]
    pub tail_bytes: u64,
    /// Size of all rooms' tails together, in bytes. Default 256 MiB.
    #[serde(deserialize_with = "units::size")]
    pub tails_bytes: u64,
    /// Whether a JOIN of a room that is not there begins it. Default true.
    pub auto_create: bool,
}

/// `[limits]`: what clients may ask for.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Longest line a client may send, in bytes, newline included. Default 16 KiB.
    #[serde(deserialize_with = "units::size")]
    pub line_bytes: u64,
    /// Longest message, in bytes before escaping. Default 8 KiB.
    #[serde(deserialize_with = "units::size")]
    pub message_bytes: u64,
    /// Connections at a time; 0 = what the descriptor limit allows. Default 0.
    pub connections: usize,
    /// Who is free of rates and per-address counts; ask with [`lists`](super::lists). Default 127.0.0.0/8 and ::1/128.
    #[serde(deserialize_with = "units::networks")]
    pub exempt: Vec<IpNet>,
    /// Rooms the server knows. Default 100,000.
    pub rooms: usize,
    /// Rooms one client may be in. Default 20,000.
    pub rooms_per_client: usize,
    /// Messages waiting for the log, in bytes. Default 32 MiB.
    #[serde(deserialize_with = "units::size")]
    pub log_queue_bytes: u64,
    /// Send-once tags remembered. Default 16,000,000.
    pub tags: usize,
    /// Connections from one address; 0 = any number. Default 64.
    pub connections_per_address: u32,
    /// Connections of one account; 0 = any number. Default 64.
    pub connections_per_account: u32,
    /// Commands of one client, on average; 0 = any number. Default 20.
    pub commands_per_second: u32,
    /// Commands that may come at once after a pause. Default 100.
    pub commands_burst: u32,
    /// Bytes from one client, on average; 0 = any number. Default 32 KiB.
    #[serde(deserialize_with = "units::size")]
    pub bytes_per_second: u64,
    /// Bytes that may come at once after a pause. Default 512 KiB.
    #[serde(deserialize_with = "units::size")]
    pub bytes_burst: u64,
    /// Messages in one room from those who are not exempt, on average; 0 = any number. Default 100.
    pub room_messages_per_second: u32,
    /// Messages that may come into a room at once after a pause. Default 500.
    pub room_messages_burst: u32,
    /// JOINs of one client, on average; 0 = any number. Default 120.
    pub joins_per_minute: u32,
    /// Log-ins and registrations from one address, on average; 0 = any number. Default 60.
    pub log_ins_per_minute: u32,
    /// Rooms begun from one address, on average; 0 = any number. Default 10.
    pub new_rooms_per_minute: u32,
    /// Rooms that one account owns as their creator; 0 = any number. Default 100.
    pub rooms_per_account: u32,
    /// How long a client may go on beyond its rates before it is disconnected. Default 30 s.
    #[serde(deserialize_with = "units::duration")]
    pub patience: Duration,
}

/// `[auth]`: logging in.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Who may be a guest. Default loopback.
    pub guests: Guests,
    /// Longest log-in. Default 10 s.
    #[serde(deserialize_with = "units::duration")]
    pub deadline: Duration,
    /// Log-ins that wait while the log-in is not ready, at most. Default 4096.
    pub pending: usize,
    /// Bytes a client may send before it is logged in. Default 4 KiB.
    #[serde(deserialize_with = "units::size")]
    pub bytes: u64,
    /// Who may log in without TLS. Default loopback.
    pub plaintext: Plaintext,
    /// Who may open an account. Default closed.
    pub registration: Registration,
    /// Life of the resume token that a log-in yields; zero = none is issued. Default 24 h.
    #[serde(deserialize_with = "units::duration")]
    pub resume: Duration,
    /// Memory of a password hash (argon2id), in bytes. Default 19 MiB.
    #[serde(deserialize_with = "units::size")]
    pub argon2_memory: u64,
    /// Passes of a password hash. Default 2.
    pub argon2_passes: u32,
    /// Lanes of a password hash. Default 1.
    pub argon2_lanes: u32,
    /// Threads that hash passwords; 0 = half the cores. Default 0.
    pub hash_threads: usize,
    /// Log-ins that wait for such a thread. Default 64.
    pub hash_queue: usize,
    /// Whether SCRAM-SHA-256 is offered. Default false.
    pub scram: bool,
    /// Iterations of a new SCRAM verifier. Default 600,000.
    pub scram_iterations: u32,
}

/// Who may log in without TLS.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Plaintext {
    /// Connections from this machine.
    Loopback,
    /// Everybody, passwords in the clear.
    Always,
}

/// Who may open an account.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Nobody; `gencomm user add` alone.
    Closed,
    /// Whoever has an invitation.
    Invite,
    /// Everybody.
    Open,
}

/// Who may log in with a nickname alone.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Guests {
    /// Connections from this machine.
    Loopback,
    /// Everybody.
    Always,
    /// Nobody.
    Never,
}

/// `[logging]`: the program's own log lines.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// The least important level logged. Default info.
    pub level: Level,
    /// For people or for machines. Default terminal.
    pub format: LogFormat,
    /// The file appended to; `None` (written `""`) = standard error. Default none.
    #[serde(deserialize_with = "units::optional_path")]
    pub file: Option<PathBuf>,
    /// Module name (`hub::room`, with or without `gencomm::` before it) to level; the longest name wins. Default empty.
    pub levels: BTreeMap<String, Level>,
}

/// How important a log line is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Something was lost or refused that should not have been.
    Error,
    /// Something an operator should look at.
    Warning,
    /// What happens in the large.
    Info,
    /// What happens in the small.
    Debug,
    /// Everything.
    Trace,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Terminal,
    /// One JSON object a line.
    Json,
}
