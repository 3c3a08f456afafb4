//! The embedded text and the structs say the same.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::ops::config::load::defaults;
use crate::ops::config::*;

#[test]
fn the_embedded_text_gives_the_documented_defaults() {
    let config = Config::built_in();
    assert_eq!(config.server.name, "General Communications");
    assert_eq!(config.server.data_dir, Path::new("./data"));
    assert_eq!(config.server.shards, 0);
    assert_eq!(config.server.shutdown_deadline, Duration::from_secs(8));
    assert_eq!(config.server.watchdog, Duration::from_secs(30));
    assert_eq!(config.listen.main, "127.0.0.1:10740".parse().unwrap());
    assert!(config.listen.proxies.is_empty());
    let tls = &config.tls;
    assert_eq!(
        (&tls.certificate, &tls.key, &tls.client_ca),
        (&None, &None, &None)
    );
    let legacy = &config.legacy;
    assert!(legacy.enabled);
    let ports = [
        legacy.auth_port,
        legacy.callback_port,
        legacy.heartbeat_port,
        legacy.delivery_port,
        legacy.message_port,
    ];
    assert_eq!(ports, [9281, 12090, 8070, 6090, 9980]);
    let loopback: Vec<ipnet::IpNet> =
        vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    assert_eq!(legacy.allow, loopback);
    assert_eq!(config.limits.exempt, loopback);
    assert_eq!(legacy.heartbeat_interval, Duration::from_secs(2));
    assert_eq!(legacy.grace, Duration::from_secs(5));
    assert_eq!(config.heartbeat.interval, Duration::from_secs(30));
    assert_eq!(config.heartbeat.timeout, Duration::from_secs(30));
    let storage = &config.storage;
    assert_eq!(
        (storage.backend, storage.durability),
        (Backend::Embedded, Durability::Always)
    );
    assert_eq!(storage.flush_interval, Duration::from_millis(200));
    assert_eq!(
        (storage.segment_bytes, storage.journal_bytes),
        (64 << 20, 64 << 20)
    );
    assert_eq!((storage.retain_messages, storage.retain_bytes), (0, 0));
    assert_eq!(
        (storage.retain_age, storage.read_threads),
        (Duration::ZERO, 2)
    );
    let rooms = &config.rooms;
    assert_eq!((rooms.tail_bytes, rooms.tails_bytes), (4 << 20, 256 << 20));
    let limits = &config.limits;
    assert_eq!(
        (limits.line_bytes, limits.message_bytes),
        (16 << 10, 8 << 10)
    );
    assert_eq!(
        (limits.connections, limits.rooms, limits.rooms_per_client),
        (0, 100_000, 20_000)
    );
    assert_eq!(
        (limits.log_queue_bytes, limits.tags),
        (32 << 20, 16_000_000)
    );
    assert_eq!(config.auth.guests, Guests::Loopback);
    assert_eq!(
        (config.auth.deadline, config.auth.pending),
        (Duration::from_secs(10), 4096)
    );
    let logging = &config.logging;
    assert_eq!(
        (logging.level, logging.format),
        (Level::Info, LogFormat::Terminal)
    );
    assert_eq!(logging.file, None);
    assert!(logging.levels.is_empty());
}

/// Removing any key from the text must make the structs complain, adding one likewise: so neither has more than the
/// other.
#[test]
fn text_and_structs_hold_the_same_keys() {
    let text = defaults();
    for (section, keys) in text {
        let keys = keys.as_table().unwrap();
        let with = |key: &str, value: Option<toml::Value>| {
            let mut trial = text.clone();
            let table = trial[section].as_table_mut().unwrap();
            match value {
                Some(value) => table.insert(key.to_owned(), value),
                None => table.remove(key),
            };
            Config::deserialize(toml::Value::Table(trial))
        };
        for key in keys.keys() {
            assert!(
                with(key, None).is_err(),
                "{section}.{key} is in the text but in no struct"
            );
        }
        assert!(
            with("surplus", Some(1.into())).is_err(),
            "[{section}] takes unknown keys"
        );
    }
}

#[test]
fn every_key_of_the_text_is_explained() {
    let mut above = "";
    for line in DEFAULT_TEXT.lines() {
        if line
            .split_once(" = ")
            .is_some_and(|(key, _)| !key.contains([' ', '#']))
        {
            assert!(above.starts_with('#'), "no explanation above: {line}");
        }
        above = line;
    }
}
