//! Every mistake, with the words that its maker reads.

use super::read;

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
            "[listen]\nproxies = [\"10.0.0.1\", \"0.0.0.0/0\"]",
            "listen.proxies in local.toml: names everybody",
        ),
        (
            "[tls]\ncertificate = \"a.crt\"",
            "tls.certificate in local.toml: is set and tls.key is not",
        ),
        (
            "[tls]\nkey = \"a.key\"",
            "tls.key in local.toml: is set and tls.certificate is not",
        ),
        (
            "[tls]\nkey = 5",
            "tls.key in local.toml: invalid type: integer `5`, expected text in quotes",
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
            "heartbeat.interval in local.toml: is too short; at least 10ms",
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
            "[rooms]\ntails_bytes = \"1MiB\"",
            "rooms.tails_bytes in local.toml: 1MiB for all tails is less than rooms.tail_bytes = 4MiB",
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
fn a_name_that_is_far_too_long_is_no_slip() {
    let told = |letters: usize| local(&format!("[server]\nname{} = 1", "e".repeat(letters)));
    assert!(told(50).ends_with("unknown key; did you mean server.name?"));
    assert!(told(60).contains("unknown key; known here: data_dir, name"));
}

/// Each value is tried in its section alone; a section that is left out there would take anything.
#[test]
fn every_key_refuses_what_is_of_the_wrong_type() {
    let defaults: toml::Table = crate::ops::config::DEFAULT_TEXT.parse().unwrap();
    for (section, keys) in &defaults {
        for (key, default) in keys.as_table().unwrap() {
            // A table that takes any name: its entry.
            let entry = if default.is_table() { ".x" } else { "" };
            let told = local(&format!("[{section}]\n{key}{entry} = [[]]"));
            let subject = format!("{section}.{key}{entry} in local.toml: invalid type: ");
            assert!(told.starts_with(&subject), "{told}");
            assert!(!told.contains('\n'), "{told}");
        }
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
