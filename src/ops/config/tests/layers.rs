//! Which layer wins, and what is remembered of it.

use std::fs;
use std::time::Duration;

use super::read;
use crate::ops::config::*;

#[test]
fn later_layers_win_and_are_named() {
    let files = [
        (
            "default.toml",
            "[server]\nname = \"one\"\nshards = 1\n[heartbeat]\ninterval = \"1s\"\n",
        ),
        (
            "local.toml",
            "[server]\nname = \"two\"\nshards = 2\n[logging.levels]\n\"hub::room\" = \"debug\"\n",
        ),
    ];
    let variables = [
        ("GENCOMM__SERVER__NAME", "three"),
        ("GENCOMM__LEGACY__ALLOW", "10.0.0.0/8, ::1"),
        ("GENCOMM__ROOMS__TAIL_BYTES", "1MiB"),
        ("GENCOMM__STORAGE__RETAIN_BYTES", "2GiB"),
        ("GENCOMM__LEGACY__ENABLED", "false"),
        ("GENCOMM__LEGACY__AUTH_PORT", "0"),
        ("GENCOMM__LOGGING__LEVELS__STORE__LOG", "trace"),
        ("GENCOMM_TOKEN", "none of our business"),
        ("PATH", "/bin"),
    ];
    let loaded = read(&files, &variables).unwrap();
    let config = &loaded.config;
    assert_eq!(
        (config.server.name.as_str(), config.server.shards),
        ("three", 2)
    );
    assert_eq!(config.heartbeat.interval, Duration::from_secs(1));
    assert_eq!(config.heartbeat.timeout, Duration::from_secs(30));
    assert_eq!(config.legacy.allow.len(), 2);
    assert!(!config.legacy.enabled);
    assert_eq!(
        (config.rooms.tail_bytes, config.storage.retain_bytes),
        (1 << 20, 2 << 30)
    );
    assert_eq!(config.logging.levels["hub::room"], Level::Debug);
    assert_eq!(config.logging.levels["store::log"], Level::Trace);

    let setting = |key: &str| {
        loaded
            .settings
            .iter()
            .find(|setting| setting.key == key)
            .unwrap()
    };
    assert_eq!(setting("server.name").value, "\"three\"");
    assert_eq!(
        setting("server.name").origin,
        "environment variable GENCOMM__SERVER__NAME"
    );
    assert!(setting("server.shards").origin.ends_with("/local.toml"));
    assert!(
        setting("heartbeat.interval")
            .origin
            .ends_with("/default.toml")
    );
    assert_eq!(setting("heartbeat.timeout").origin, "built in");
    assert_eq!(setting("legacy.allow").value, "[\"10.0.0.0/8\", \"::1\"]");
    assert_eq!(setting("logging.levels.\"hub::room\"").value, "\"debug\"");
    assert_eq!(loaded.files.len(), 2);
    let settings = loaded.settings.iter();
    let order: Vec<&str> = settings.map(|setting| setting.key.as_str()).collect();
    let (levels, keys) = KEYS.split_last().unwrap();
    assert_eq!(levels.name, "logging.levels");
    let entries = [
        "logging.levels.\"hub::room\"",
        "logging.levels.\"store::log\"",
    ];
    let keys = keys.iter().map(|key| key.name);
    let expected: Vec<&str> = keys.chain(entries).collect();
    assert_eq!(order, expected);
}

#[test]
fn a_folder_with_the_whole_text_or_with_nothing_is_the_built_in_configuration() {
    assert_eq!(
        read(&[("default.toml", DEFAULT_TEXT)], &[]).unwrap().config,
        Config::built_in()
    );
    let nothing = read(&[], &[]).unwrap();
    assert_eq!(nothing.config, Config::built_in());
    assert!(nothing.files.is_empty());
}

#[test]
fn a_missing_folder_says_how_to_make_it() {
    let dir = tempfile::tempdir().unwrap();
    let error = Loaded::read(&dir.path().join("etc"), &Environment::new())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no such folder") && error.contains("gencomm config default > "),
        "{error}"
    );
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Loaded::read(&file, &Environment::new())
        .unwrap_err()
        .to_string();
    assert!(error.contains("is not a folder"), "{error}");
}

#[test]
fn port_zero_is_free_to_be_anything() {
    let text = "[listen]\nmain = \"127.0.0.1:0\"\n[legacy]\nauth_port = 0\nmessage_port = 0\n";
    assert_eq!(
        read(&[("local.toml", text)], &[])
            .unwrap()
            .config
            .listen
            .main
            .port(),
        0
    );
}
