//! The rules between values, after each has proved to be of the right type. Pure: a configuration in, problems out.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Backend, ByteSize, Config, Problem, Setting};

/// Bytes of a SEND line that are not its body, at most: the verb, a tag and a room of 64 each, separators, newline.
const SEND_OVERHEAD_BYTES: u64 = 5 + 64 + 1 + 64 + 1 + 1;

/// Longest server name, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// Most shards; each is a thread with a listener.
const SHARDS_MAX: usize = 1024;
const LINE_BYTES_MIN: u64 = 512;
const LINE_BYTES_MAX: u64 = 16 << 20;
const SEGMENT_BYTES_MIN: u64 = 4 << 10;
const JOURNAL_BYTES_MIN: u64 = 1 << 20;
/// How many of the largest messages the journal has to hold: escaping may quadruple one, and one being written beside.
const JOURNAL_MESSAGES_MIN: u64 = 16;
const LOG_QUEUE_BYTES_MIN: u64 = 64 << 10;
const LOG_QUEUE_MESSAGES_MIN: u64 = 4;
const READ_THREADS_MAX: usize = 256;
/// Shortest time between two beats, and shortest deadline for people and networks.
const BEAT_MIN: Duration = Duration::from_millis(10);
/// Shortest deadline of the watchdog, several looks and ticks of it.
const WATCHDOG_MIN: Duration = Duration::from_secs(3);
const FLUSH_MIN: Duration = Duration::from_millis(1);
const PATIENCE_MIN: Duration = Duration::from_secs(1);
const AUDIT_RECORDS_MIN: u64 = 1000;
const LOG_IN_BYTES_MIN: u64 = 1 << 10;
const ARGON2_BYTES: std::ops::RangeInclusive<u64> = (1 << 20)..=(1 << 30);
const ARGON2_PASSES: std::ops::RangeInclusive<u32> = 1..=64;
const ARGON2_LANES: std::ops::RangeInclusive<u32> = 1..=64;
const HASH_THREADS_MAX: usize = 64;
const SCRAM_ITERATIONS: std::ops::RangeInclusive<u32> = 4096..=10_000_000;

/// Every broken rule. Rules about a key in `bad_keys` are skipped: its value in force is not the one meant.
pub(super) fn faults(
    config: &Config,
    settings: &[Setting],
    bad_keys: &BTreeSet<String>,
) -> Vec<Problem> {
    let mut rules = Rules {
        settings,
        bad_keys,
        problems: Vec::new(),
    };
    server(&mut rules, config);
    tls(&mut rules, config);
    legacy(&mut rules, config);
    ports(&mut rules, config);
    storage(&mut rules, config);
    limits(&mut rules, config);
    rates(&mut rules, config);
    auth(&mut rules, config);
    times(&mut rules, config);
    logging(&mut rules, config);
    rules.problems
}

struct Rules<'a> {
    settings: &'a [Setting],
    bad_keys: &'a BTreeSet<String>,
    problems: Vec<Problem>,
}

impl Rules<'_> {
    /// If the rule does not hold, notes `what` at the first of its `keys` that somebody has set.
    fn require(&mut self, holds: bool, keys: &[&str], what: impl Into<String>) {
        if holds || keys.iter().any(|key| self.bad_keys.contains(*key)) {
            return;
        }
        let found = |key: &&str| self.settings.iter().find(|setting| setting.key == **key);
        let set = keys
            .iter()
            .filter_map(found)
            .find(|setting| setting.origin != "built in");
        match set.or_else(|| keys.iter().find_map(found)) {
            Some(setting) => self
                .problems
                .push(Problem::at(&setting.key, &setting.origin, what)),
            None => self.problems.push(Problem::new(keys.join(", "), what)),
        }
    }
}

fn server(rules: &mut Rules<'_>, config: &Config) {
    let name = &config.server.name;
    let key = ["server.name"];
    rules.require(
        !name.trim().is_empty(),
        &key,
        "is empty; clients show it, so give the server a name",
    );
    let what = format!("has {} bytes; at most {NAME_BYTES_MAX}", name.len());
    rules.require(name.len() <= NAME_BYTES_MAX, &key, what);
    let clean = !name.contains(|c: char| c == ';' || c.is_control());
    rules.require(
        clean,
        &key,
        "holds a semicolon or a control character; WELCOME cannot carry it",
    );
    let named = !config.server.data_dir.as_os_str().is_empty();
    rules.require(
        named,
        &["server.data_dir"],
        "is empty; name the folder that messages are kept in",
    );
    let what = format!(
        "is {}; at most {SHARDS_MAX}, and 0 means one per core",
        config.server.shards
    );
    rules.require(config.server.shards <= SHARDS_MAX, &["server.shards"], what);
}

fn tls(rules: &mut Rules<'_>, config: &Config) {
    let tls = &config.tls;
    let what = "is set and tls.key is not; name both, or neither for the pair in server.data_dir";
    let holds = tls.certificate.is_none() || tls.key.is_some();
    rules.require(holds, &["tls.certificate"], what);
    let what =
        "is set and tls.certificate is not; name both, or neither for the pair in server.data_dir";
    let holds = tls.key.is_none() || tls.certificate.is_some();
    rules.require(holds, &["tls.key"], what);
    let what =
        "names everybody, so everybody could claim any address; list the proxies' own addresses";
    let everybody = config
        .listen
        .proxies
        .iter()
        .any(|net| net.prefix_len() == 0);
    rules.require(!everybody, &["listen.proxies"], what);
}

fn legacy(rules: &mut Rules<'_>, config: &Config) {
    let legacy = &config.legacy;
    if !legacy.enabled {
        return;
    }
    let what = "is empty, so nobody could log in; list a network, or set legacy.enabled = false";
    rules.require(!legacy.allow.is_empty(), &["legacy.allow"], what);
    for (key, port) in [
        ("legacy.callback_port", legacy.callback_port),
        ("legacy.heartbeat_port", legacy.heartbeat_port),
        ("legacy.delivery_port", legacy.delivery_port),
    ] {
        let what = "is 0; this is a port of the clients that the server connects to, so name it";
        rules.require(port != 0, &[key], what);
    }
}

/// On one machine server and clients share the ports, so all six have to differ.
fn ports(rules: &mut Rules<'_>, config: &Config) {
    let legacy = &config.legacy;
    if !legacy.enabled {
        return;
    }
    let ports = [
        ("listen.main", config.listen.main.port()),
        ("legacy.auth_port", legacy.auth_port),
        ("legacy.message_port", legacy.message_port),
        ("legacy.callback_port", legacy.callback_port),
        ("legacy.heartbeat_port", legacy.heartbeat_port),
        ("legacy.delivery_port", legacy.delivery_port),
    ];
    for (index, (key, port)) in ports.iter().enumerate() {
        for (other, other_port) in &ports[..index] {
            let what =
                format!("port {port} is used twice, by {key} and by {other}; change one of them");
            rules.require(*port == 0 || port != other_port, &[key, other], what);
        }
    }
}

fn storage(rules: &mut Rules<'_>, config: &Config) {
    let storage = &config.storage;
    let what = "\"nats\" is not available yet; use \"embedded\"";
    rules.require(
        storage.backend == Backend::Embedded,
        &["storage.backend"],
        what,
    );
    at_least(
        rules,
        "storage.segment_bytes",
        storage.segment_bytes,
        SEGMENT_BYTES_MIN,
    );
    at_least(
        rules,
        "storage.journal_bytes",
        storage.journal_bytes,
        JOURNAL_BYTES_MIN,
    );
    let room = config
        .limits
        .message_bytes
        .saturating_mul(JOURNAL_MESSAGES_MIN);
    let what = format!(
        "the journal of {} has no room for {JOURNAL_MESSAGES_MIN} messages of limits.message_bytes = {}; \
         at least {}",
        ByteSize(storage.journal_bytes),
        ByteSize(config.limits.message_bytes),
        ByteSize(room),
    );
    let keys = ["storage.journal_bytes", "limits.message_bytes"];
    if storage.journal_bytes >= JOURNAL_BYTES_MIN {
        rules.require(storage.journal_bytes >= room, &keys, what);
    }
    let threads = storage.read_threads;
    let what = format!("is {threads}; 1 to {READ_THREADS_MAX}");
    rules.require(
        (1..=READ_THREADS_MAX).contains(&threads),
        &["storage.read_threads"],
        what,
    );
}

fn limits(rules: &mut Rules<'_>, config: &Config) {
    let limits = &config.limits;
    at_least(
        rules,
        "limits.line_bytes",
        limits.line_bytes,
        LINE_BYTES_MIN,
    );
    let what = format!(
        "is {}; at most {}",
        ByteSize(limits.line_bytes),
        ByteSize(LINE_BYTES_MAX)
    );
    rules.require(
        limits.line_bytes <= LINE_BYTES_MAX,
        &["limits.line_bytes"],
        what,
    );
    at_least(rules, "limits.message_bytes", limits.message_bytes, 1);

    let keys = ["limits.message_bytes", "limits.line_bytes"];
    let what = format!(
        "a message of {} and the {SEND_OVERHEAD_BYTES} bytes around it do not fit in a line of \
         limits.line_bytes = {}; lower limits.message_bytes or raise limits.line_bytes",
        ByteSize(limits.message_bytes),
        ByteSize(limits.line_bytes),
    );
    let needed = limits.message_bytes.saturating_add(SEND_OVERHEAD_BYTES);
    rules.require(needed <= limits.line_bytes, &keys, what);

    let keys = ["rooms.tail_bytes", "limits.message_bytes"];
    let what = format!(
        "a tail of {} cannot hold one message of limits.message_bytes = {}",
        ByteSize(config.rooms.tail_bytes),
        ByteSize(limits.message_bytes),
    );
    rules.require(config.rooms.tail_bytes >= limits.message_bytes, &keys, what);

    let keys = ["rooms.tails_bytes", "rooms.tail_bytes"];
    let what = format!(
        "{} for all tails is less than rooms.tail_bytes = {} for one; raise rooms.tails_bytes",
        ByteSize(config.rooms.tails_bytes),
        ByteSize(config.rooms.tail_bytes),
    );
    let (all, one) = (config.rooms.tails_bytes, config.rooms.tail_bytes);
    rules.require(all >= one, &keys, what);

    at_least(
        rules,
        "limits.log_queue_bytes",
        limits.log_queue_bytes,
        LOG_QUEUE_BYTES_MIN,
    );
    let room = limits.message_bytes.saturating_mul(LOG_QUEUE_MESSAGES_MIN);
    let keys = ["limits.log_queue_bytes", "limits.message_bytes"];
    let what = format!(
        "has to hold {LOG_QUEUE_MESSAGES_MIN} of the largest messages, {}",
        ByteSize(room)
    );
    rules.require(limits.log_queue_bytes >= room, &keys, what);

    for (key, number) in [
        ("limits.rooms", limits.rooms),
        ("limits.rooms_per_client", limits.rooms_per_client),
        ("limits.tags", limits.tags),
        ("auth.pending", config.auth.pending),
        ("auth.hash_queue", config.auth.hash_queue),
    ] {
        rules.require(number > 0, &[key], "is 0; at least 1");
    }
}

fn rates(rules: &mut Rules<'_>, config: &Config) {
    let limits = &config.limits;
    for (rate_key, rate, burst_key, burst) in [
        (
            "limits.commands_per_second",
            limits.commands_per_second,
            "limits.commands_burst",
            limits.commands_burst,
        ),
        (
            "limits.room_messages_per_second",
            limits.room_messages_per_second,
            "limits.room_messages_burst",
            limits.room_messages_burst,
        ),
    ] {
        let what = format!("is {burst}, less than {rate_key} = {rate} brings in a second");
        rules.require(rate == 0 || burst >= rate, &[burst_key, rate_key], what);
    }
    let least = limits.line_bytes.saturating_mul(2);
    let what = format!(
        "is {}, less than two lines of limits.line_bytes",
        ByteSize(limits.bytes_burst)
    );
    let keys = ["limits.bytes_burst", "limits.line_bytes"];
    let holds = limits.bytes_per_second == 0 || limits.bytes_burst >= least;
    rules.require(holds, &keys, what);
    let what = format!(
        "is {}; at least {AUDIT_RECORDS_MIN}",
        config.storage.audit_records
    );
    let holds = config.storage.audit_records >= AUDIT_RECORDS_MIN;
    rules.require(holds, &["storage.audit_records"], what);
}

fn auth(rules: &mut Rules<'_>, config: &Config) {
    let auth = &config.auth;
    at_least(rules, "auth.bytes", auth.bytes, LOG_IN_BYTES_MIN);
    let what = format!(
        "is {}; {} to {}",
        ByteSize(auth.argon2_memory),
        ByteSize(*ARGON2_BYTES.start()),
        ByteSize(*ARGON2_BYTES.end())
    );
    let holds = ARGON2_BYTES.contains(&auth.argon2_memory);
    rules.require(holds, &["auth.argon2_memory"], what);
    for (key, number, range) in [
        ("auth.argon2_passes", auth.argon2_passes, ARGON2_PASSES),
        ("auth.argon2_lanes", auth.argon2_lanes, ARGON2_LANES),
        (
            "auth.scram_iterations",
            auth.scram_iterations,
            SCRAM_ITERATIONS,
        ),
    ] {
        let what = format!("is {number}; {} to {}", range.start(), range.end());
        rules.require(range.contains(&number), &[key], what);
    }
    let threads = auth.hash_threads;
    let what = format!("is {threads}; at most {HASH_THREADS_MAX}, and 0 means half the cores");
    rules.require(threads <= HASH_THREADS_MAX, &["auth.hash_threads"], what);
}

fn times(rules: &mut Rules<'_>, config: &Config) {
    let watchdog = config.server.watchdog;
    rules.require(
        watchdog.is_zero() || watchdog >= WATCHDOG_MIN,
        &["server.watchdog"],
        format!("is too short; at least {WATCHDOG_MIN:?}, or \"0s\" for no watchdog"),
    );
    for (key, time, least) in [
        (
            "server.shutdown_deadline",
            config.server.shutdown_deadline,
            BEAT_MIN,
        ),
        (
            "legacy.heartbeat_interval",
            config.legacy.heartbeat_interval,
            BEAT_MIN,
        ),
        ("heartbeat.interval", config.heartbeat.interval, BEAT_MIN),
        ("heartbeat.timeout", config.heartbeat.timeout, BEAT_MIN),
        ("auth.deadline", config.auth.deadline, BEAT_MIN),
        ("limits.patience", config.limits.patience, PATIENCE_MIN),
        (
            "storage.flush_interval",
            config.storage.flush_interval,
            FLUSH_MIN,
        ),
    ] {
        rules.require(
            time >= least,
            &[key],
            format!("is too short; at least {least:?}"),
        );
    }
}

fn logging(rules: &mut Rules<'_>, config: &Config) {
    for name in config.logging.levels.keys() {
        let module = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        let key = if name.contains([':', '.']) {
            format!("logging.levels.\"{name}\"")
        } else {
            format!("logging.levels.{name}")
        };
        let what = "is not a module name; write it as in \"hub::room\"";
        rules.require(name.split("::").all(module), &[&key], what);
    }
}

fn at_least(rules: &mut Rules<'_>, key: &str, bytes: u64, least: u64) {
    let what = format!("is {}; at least {}", ByteSize(bytes), ByteSize(least));
    rules.require(bytes >= least, &[key], what);
}
