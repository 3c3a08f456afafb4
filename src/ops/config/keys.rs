//! Which keys a running server takes over, and which it does not: the one table of it. Pure.
//!
//! A key that is missing here fails a test; so does one whose row differs from the table in `docs/operations.md`, which is made
//! from this one.

use super::Config;

/// When a changed value is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// At a reload, for clients that are there too.
    AtOnce,
    /// At a reload; for whom or from when is said here.
    From(&'static str),
    /// At the next start of the server.
    AtStart,
}

impl Takes {
    /// Whether a reload brings it into force.
    pub fn is_live(self) -> bool {
        self != Self::AtStart
    }
}

/// One key.
pub struct Key {
    /// The dotted name: `server.name`. `logging.levels` stands for all entries below it.
    pub name: &'static str,
    /// When it is in force.
    pub takes: Takes,
    /// Whether two configurations say the same.
    pub(super) is_same: fn(&Config, &Config) -> bool,
    /// Takes its value over from the second into the first.
    pub(super) copy: fn(&mut Config, &Config),
}

/// Connections that begin from now on.
const NEW_CONNECTIONS: Takes =
    Takes::From("new connections; those that are there stay as they are");
/// What is kept of a password.
const NEW_PASSWORDS: Takes =
    Takes::From("passwords set from then on; older ones at their next log-in with PLAIN");
/// Who may come the original's way.
const ORIGINAL: Takes =
    Takes::From("log-ins and messages from then on; sessions that are there stay");
/// Counts that are looked at when one more comes.
const WHAT_IS_THERE_STAYS: Takes =
    Takes::From("what comes from then on; what is there already stays");

macro_rules! keys {
    ($($section:ident { $($field:ident: $takes:expr),* $(,)? })*) => {
        /// Every key, in the order of `config/default.toml`.
        pub const KEYS: &[Key] = &[$($(Key {
            name: concat!(stringify!($section), ".", stringify!($field)),
            takes: $takes,
            is_same: |one, other| one.$section.$field == other.$section.$field,
            copy: |to, from| to.$section.$field.clone_from(&from.$section.$field),
        }),*),*];
    };
}

use Takes::{AtOnce, AtStart, From};

keys! {
    server {
        name: From("clients that say HELLO from then on"),
        data_dir: AtStart,
        shards: AtStart,
        shutdown_deadline: AtOnce,
        watchdog: AtOnce,
    }
    listen {
        main: AtStart,
        proxies: NEW_CONNECTIONS,
    }
    tls {
        certificate: NEW_CONNECTIONS,
        key: NEW_CONNECTIONS,
        client_ca: NEW_CONNECTIONS,
    }
    legacy {
        enabled: AtStart,
        auth_port: AtStart,
        callback_port: AtStart,
        heartbeat_port: AtStart,
        delivery_port: AtStart,
        message_port: AtStart,
        allow: ORIGINAL,
        heartbeat_interval: From("the next heartbeat of each client"),
        grace: AtOnce,
    }
    heartbeat {
        interval: AtOnce,
        timeout: AtOnce,
    }
    storage {
        backend: AtStart,
        durability: AtStart,
        flush_interval: AtStart,
        segment_bytes: AtStart,
        journal_bytes: AtStart,
        retain_messages: AtStart,
        retain_age: AtStart,
        retain_bytes: AtStart,
        read_threads: AtStart,
        audit_records: AtStart,
    }
    rooms {
        tail_bytes: AtStart,
        tails_bytes: AtStart,
        auto_create: AtOnce,
    }
    limits {
        line_bytes: AtOnce,
        message_bytes: AtOnce,
        connections: WHAT_IS_THERE_STAYS,
        exempt: AtOnce,
        rooms: AtStart,
        rooms_per_client: WHAT_IS_THERE_STAYS,
        log_queue_bytes: AtStart,
        tags: AtStart,
        connections_per_address: WHAT_IS_THERE_STAYS,
        connections_per_account: WHAT_IS_THERE_STAYS,
        commands_per_second: AtOnce,
        commands_burst: AtOnce,
        bytes_per_second: AtOnce,
        bytes_burst: AtOnce,
        room_messages_per_second: AtOnce,
        room_messages_burst: AtOnce,
        joins_per_minute: AtOnce,
        log_ins_per_minute: AtOnce,
        new_rooms_per_minute: AtOnce,
        rooms_per_account: WHAT_IS_THERE_STAYS,
        patience: AtOnce,
    }
    auth {
        guests: From("log-ins from then on; guests that are in stay"),
        deadline: AtOnce,
        pending: AtOnce,
        bytes: AtOnce,
        plaintext: From("log-ins from then on"),
        registration: AtOnce,
        resume: From("tokens issued from then on"),
        argon2_memory: NEW_PASSWORDS,
        argon2_passes: NEW_PASSWORDS,
        argon2_lanes: NEW_PASSWORDS,
        hash_threads: AtStart,
        hash_queue: AtStart,
        scram: From("log-ins from then on"),
        scram_iterations: From("verifiers made from then on"),
    }
    logging {
        level: AtOnce,
        format: AtStart,
        file: AtStart,
        levels: AtOnce,
    }
}
