//! Whole configurations, good and bad.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::load::defaults;
use super::*;

/// A folder with these files, an environment of these variables.
fn read(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let environment = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    Loaded::read(dir.path(), &environment).map_err(|error| {
        let folder = format!("{}/", dir.path().display());
        let problems = error.problems.into_iter();
        let short = |problem: Problem| Problem {
            subject: problem.subject.replace(&folder, ""),
            what: problem.what.replace(&folder, ""),
        };
        ConfigError {
            problems: problems.map(short).collect(),
        }
    })
}

/// The complaints, one a line.
fn complaints(files: &[(&str, &str)], variables: &[(&str, &str)]) -> String {
    match read(files, variables) {
        Ok(_) => panic!("accepted: {files:?} {variables:?}"),
        Err(error) => error.to_string(),
    }
}

fn local(text: &str) -> String {
    complaints(&[("local.toml", text)], &[])
}

#[test]
fn the_embedded_text_gives_the_documented_defaults() {
    let config = Config::built_in();
    assert_eq!(config.server.name, "General Communications");
    assert_eq!(config.server.data_dir, Path::new("./data"));
    assert_eq!(config.server.shards, 0);
    assert_eq!(config.server.shutdown_deadline, Duration::from_secs(8));
    assert_eq!(config.listen.main, "127.0.0.1:10740".parse().unwrap());
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
    assert_eq!(config.rooms.tail_bytes, 4 << 20);
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
    use serde::Deserialize;
    let text = defaults();
    for (section, keys) in &text {
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
    let order: Vec<&str> = loaded
        .settings
        .iter()
        .take(5)
        .map(|setting| setting.key.as_str())
        .collect();
    let expected = [
        "server.name",
        "server.data_dir",
        "server.shards",
        "server.shutdown_deadline",
        "listen.main",
    ];
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
fn every_mistake_names_its_key_and_its_file() {
    let table = [
        (
            "[server]\nnmae = \"x\"",
            "server.nmae in local.toml: unknown key; did you mean server.name?",
        ),
        (
            "[sever]\nname = \"x\"",
            "sever in local.toml: unknown section; did you mean server?",
        ),
        (
            "[qqq]\na = 1",
            "qqq in local.toml: unknown section; known here: auth, heartbeat, legacy",
        ),
        (
            "server = 5",
            "server in local.toml: is a section and takes no value; write [server]",
        ),
        (
            "[server]\nname = 5",
            "server.name in local.toml: invalid type: integer `5`, expected text in quotes",
        ),
        (
            "[server]\nshards = -1",
            "server.shards in local.toml: invalid value: integer `-1`",
        ),
        (
            "[server]\nname = { a = 1 }",
            "server.name in local.toml: invalid type: map",
        ),
        (
            "[legacy]\nauth_port = \"9281\"",
            "expected a number from 0 to 65535; the default is 9281",
        ),
        (
            "[legacy]\nauth_port = 70000",
            "legacy.auth_port in local.toml: invalid value: integer `70000`",
        ),
        (
            "[legacy]\nenabled = \"yes\"",
            "legacy.enabled in local.toml: invalid type: string \"yes\", expected true or",
        ),
        (
            "[legacy]\nallow = \"::1\"",
            "legacy.allow in local.toml: invalid type: string \"::1\", expected a list",
        ),
        (
            "[legacy]\nallow = [\"10.0.0.0/99\"]",
            "\"10.0.0.0/99\" is neither a network in CIDR form",
        ),
        (
            "[listen]\nmain = \"here\"",
            "listen.main in local.toml: invalid socket address syntax",
        ),
        (
            "[heartbeat]\ninterval = \"5x\"",
            "heartbeat.interval in local.toml: \"x\" is not a unit of time",
        ),
        (
            "[heartbeat]\ninterval = 5",
            "heartbeat.interval in local.toml: 5 has no unit",
        ),
        (
            "[heartbeat]\ninterval = \"0s\"",
            "heartbeat.interval in local.toml: is 0ns; at least 10ms",
        ),
        (
            "[rooms]\ntail_bytes = \"4MB\"",
            "\"MB\" is not a unit of size; did you mean \"4MiB\"?",
        ),
        (
            "[rooms]\ntail_bytes = -1",
            "rooms.tail_bytes in local.toml: -1 is negative",
        ),
        (
            "[storage]\ndurability = \"often\"",
            "expected one of `always`, `interval`, `os`",
        ),
        (
            "[storage]\nbackend = \"nats\"",
            "storage.backend in local.toml: \"nats\" is not available yet",
        ),
        (
            "[storage]\njournal_bytes = \"64KiB\"",
            "storage.journal_bytes in local.toml: is 64KiB; at least 1MiB",
        ),
        (
            "[logging.levels]\nhub = \"loud\"",
            "logging.levels.hub in local.toml: unknown variant `loud`",
        ),
        (
            "[logging.levels]\n\"Hub:x\" = \"info\"",
            "logging.levels.\"Hub:x\" in local.toml: is not a module name",
        ),
        (
            "[server]\nname = \" \"",
            "server.name in local.toml: is empty",
        ),
        (
            "[server]\nname = \"a;b\"",
            "server.name in local.toml: holds a semicolon",
        ),
        (
            "[limits]\nmessage_bytes = \"16KiB\"",
            "limits.message_bytes in local.toml: a message of 16KiB",
        ),
        (
            "[limits]\nline_bytes = \"4KiB\"",
            "limits.line_bytes in local.toml: a message of 8KiB",
        ),
        (
            "[legacy]\nauth_port = 10740",
            "legacy.auth_port in local.toml: port 10740 is used twice",
        ),
        (
            "[listen]\nmain = \"[::1]:6090\"",
            "listen.main in local.toml: port 6090 is used twice",
        ),
        (
            "[legacy]\nallow = []",
            "legacy.allow in local.toml: is empty",
        ),
        (
            "[legacy]\ndelivery_port = 0",
            "legacy.delivery_port in local.toml: is 0",
        ),
        (
            "[server]\nname = \n",
            "local.toml line 2, column 8: not valid TOML",
        ),
        (
            "[auth]\npending = 1\npending = 2",
            "local.toml line 3, column 1: not valid TOML: duplicate key",
        ),
    ];
    for (text, expected) in table {
        let found = local(text);
        assert!(
            found.contains(expected),
            "{text:?}\n  expected {expected}\n  found    {found}"
        );
        assert_eq!(found.lines().count(), 1, "{text:?} gave {found}");
    }
}

#[test]
fn default_toml_and_the_environment_are_held_to_the_same_rules() {
    let found = complaints(&[("default.toml", "[auth]\nguest = \"always\"")], &[]);
    assert_eq!(
        found,
        "auth.guest in default.toml: unknown key; did you mean auth.guests?"
    );
    let table = [
        (
            "GENCOMM__SERVER__NMAE",
            "x",
            "server.nmae in environment variable GENCOMM__SERVER__NMAE: unknown key; did",
        ),
        (
            "GENCOMM__SERVER",
            "x",
            "server in environment variable GENCOMM__SERVER: is a section",
        ),
        (
            "GENCOMM__SERVER__NAME__X",
            "x",
            "server.name.x in environment variable GENCOMM__SERVER__NAME__X: unknown key",
        ),
        (
            "GENCOMM__LEGACY__AUTH_PORT",
            "many",
            "GENCOMM__LEGACY__AUTH_PORT: invalid type: string \"many\", expected a number",
        ),
        (
            "GENCOMM__LEGACY__ENABLED",
            "maybe",
            "GENCOMM__LEGACY__ENABLED: invalid type: string \"maybe\", expected true or false",
        ),
        (
            "GENCOMM__HEARTBEAT__TIMEOUT",
            "30",
            "GENCOMM__HEARTBEAT__TIMEOUT: \"30\" has no unit",
        ),
        (
            "GENCOMM__LIMITS__MESSAGE_BYTES",
            "1MiB",
            "GENCOMM__LIMITS__MESSAGE_BYTES: a message of 1MiB",
        ),
    ];
    for (name, value, expected) in table {
        let found = complaints(&[], &[(name, value)]);
        assert!(
            found.contains(expected),
            "{name}\n  expected {expected}\n  found    {found}"
        );
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let files = [
        ("default.toml", "[server\n"),
        (
            "local.toml",
            "[server]\nnmae = 1\nshards = \"a\"\n[rooms]\ntail = 1\n[limits]\nrooms = 0\n",
        ),
    ];
    let found = complaints(&files, &[("GENCOMM__AUTH__PENDING", "-3")]);
    for part in [
        "default.toml line 1",
        "server.nmae",
        "server.shards",
        "rooms.tail",
        "limits.rooms",
        "auth.pending",
    ] {
        assert!(found.contains(part), "{part} is missing in\n{found}");
    }
    assert_eq!(found.lines().count(), 6, "{found}");
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

#[test]
fn units_read_and_print() {
    let times = [
        ("150ms", 150),
        ("5s", 5_000),
        ("10m", 600_000),
        ("2h", 7_200_000),
        ("7d", 604_800_000),
        ("0", 0),
    ];
    for (text, millis) in times {
        assert_eq!(
            parse_duration(text),
            Ok(Duration::from_millis(millis)),
            "{text}"
        );
    }
    for text in [
        "",
        "s",
        "-5s",
        "5",
        "5 parsecs",
        "1.5s",
        "40000d",
        "99999999999999999999s",
        "5é",
    ] {
        assert!(parse_duration(text).is_err(), "{text}");
    }
    let sizes = [
        ("0", 0),
        ("512B", 512),
        ("16KiB", 16 << 10),
        ("64MiB", 64 << 20),
        ("2 GiB", 2 << 30),
        ("1TiB", 1 << 40),
    ];
    for (text, bytes) in sizes {
        assert_eq!(parse_size(text), Ok(bytes), "{text}");
    }
    for text in [
        "",
        "KiB",
        "-1",
        "16kb",
        "16K",
        "20000000TiB",
        "1.5MiB",
        "1é",
    ] {
        assert!(parse_size(text).is_err(), "{text}");
    }
    for (bytes, text) in [
        (0, "0B"),
        (1000, "1000B"),
        (16 << 10, "16KiB"),
        (3 << 20, "3MiB"),
        (5 << 40, "5TiB"),
    ] {
        assert_eq!(ByteSize(bytes).to_string(), text);
        assert_eq!(parse_size(text), Ok(bytes));
    }
}

#[test]
fn an_ipv4_address_counts_as_such_on_an_ipv6_socket() {
    let loopback = Config::built_in().legacy.allow;
    for (address, inside) in [
        ("127.0.0.2", true),
        ("::ffff:127.0.0.3", true),
        ("::1", true),
        ("10.0.0.1", false),
    ] {
        assert_eq!(
            lists(&loopback, address.parse::<IpAddr>().unwrap()),
            inside,
            "{address}"
        );
    }
}
