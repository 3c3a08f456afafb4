//! The table of keys, and what a reload makes of two configurations.

use std::collections::BTreeSet;
use std::path::Path;

use super::read;
use crate::ops::config::load::defaults;
use crate::ops::config::{Change, Changes, ConfigError, KEYS, Loaded, Takes, changes};

const FROM: &str = "<!-- keys: made by `GENCOMM_RENEW_DOCS=1 cargo test keys_table` -->\n";
const TO: &str = "<!-- end of keys -->\n";

fn loaded(text: &str) -> Loaded {
    read(&[("local.toml", text)], &[]).unwrap()
}

fn from_to(old: &str, new: &str) -> Result<Changes, ConfigError> {
    changes(&loaded(old), &loaded(new))
}

#[test]
fn every_key_of_the_text_is_in_the_table_once_and_in_its_order() {
    let text = defaults();
    let expected: BTreeSet<String> = text
        .iter()
        .flat_map(|(section, keys)| {
            let keys = keys.as_table().unwrap().keys();
            keys.map(move |key| format!("{section}.{key}"))
        })
        .collect();
    let named: BTreeSet<String> = KEYS.iter().map(|key| key.name.to_owned()).collect();
    assert_eq!(named, expected);
    assert_eq!(KEYS.len(), expected.len(), "a key stands there twice");
    let settings = loaded("").settings;
    let in_text = settings.iter().map(|setting| setting.key.as_str());
    let in_table = KEYS.iter().map(|key| key.name);
    let in_table = in_table.filter(|name| *name != "logging.levels");
    assert!(in_text.eq(in_table), "the order of the text");
}

/// Each key's own comparison and copy, by changing it alone.
#[test]
fn every_key_is_compared_and_kept_by_itself() {
    let other = |like: &toml::Value, key: &str| match (key, like) {
        ("listen.main", _) => "127.0.0.1:1".into(),
        ("storage.durability", _) => "os".into(),
        ("auth.guests", _) => "never".into(),
        ("auth.plaintext", _) => "always".into(),
        ("auth.registration", _) => "open".into(),
        ("logging.level", _) => "trace".into(),
        ("logging.format", _) => "json".into(),
        ("rooms.tail_bytes", _) => "5MiB".into(),
        ("auth.argon2_memory", _) => "20MiB".into(),
        (_, toml::Value::Integer(number)) => (number + 1).into(),
        (_, toml::Value::Boolean(truth)) => (!truth).into(),
        (_, toml::Value::Array(_)) => vec!["192.0.2.0/24"].into(),
        (_, toml::Value::String(text)) if text.ends_with("ms") => "999ms".into(),
        (_, toml::Value::String(text)) if text.ends_with('s') => "77s".into(),
        (_, toml::Value::String(text)) if text.ends_with('h') => "77h".into(),
        (_, toml::Value::String(text)) if text.ends_with("iB") => format!("{text}0")
            .replace("iB0", "iB")
            .replacen(|c: char| c.is_ascii_digit(), "9", 1)
            .into(),
        (_, toml::Value::String(text)) => toml::Value::from(format!("{text}x")),
        _ => panic!("{key} = {like}"),
    };
    let old = loaded("");
    let text = defaults();
    for key in KEYS {
        let (section, name) = key.name.split_once('.').unwrap();
        if ["storage.backend", "logging.levels"].contains(&key.name) {
            continue;
        }
        let value = other(&text[section][name], key.name);
        let mut lines = format!("[{section}]\n{name} = {value}\n");
        // Neither goes without the other.
        if key.name == "tls.certificate" {
            lines.push_str("key = \"k\"\n");
        } else if key.name == "tls.key" {
            lines.push_str("certificate = \"c\"\n");
        } else if key.name == "limits.message_bytes" {
            lines.push_str("line_bytes = \"32KiB\"\n");
        }
        let new = loaded(&lines);
        let found = changes(&old, &new).unwrap();
        let change = found.changes.iter().find(|change| change.key == key.name);
        assert_eq!(
            change.map(|change| change.takes),
            Some(key.takes),
            "{lines}"
        );
        assert!(found.changes.len() <= 2, "{lines}: {:?}", found.changes);
        let in_force = if key.takes.is_live() { &new } else { &old };
        let setting = |of: &Loaded| {
            let found = of.settings.iter().find(|setting| setting.key == key.name);
            found.map(|setting| (setting.value.clone(), setting.origin.clone()))
        };
        assert_eq!(setting(&found.next), setting(in_force), "{lines}");
        if !key.takes.is_live() {
            assert_eq!(found.next.config, old.config, "{lines}");
            let again = changes(&found.next, &new).unwrap();
            assert_eq!(again.changes, found.changes, "named until it is in force");
        } else {
            assert_eq!(found.next.config, new.config, "{lines}");
            assert_eq!(changes(&found.next, &new).unwrap().changes, []);
        }
    }
}

#[test]
fn what_says_the_same_in_other_words_is_no_change() {
    let found = from_to(
        "[heartbeat]\ninterval = \"30s\"\n[limits]\nline_bytes = 16384\n",
        "[heartbeat]\ninterval = \"30000ms\"\n",
    );
    assert_eq!(found.unwrap().changes, []);
}

#[test]
fn values_are_told_as_they_were_written() {
    let found = from_to(
        "[logging.levels]\n\"hub::room\" = \"debug\"\n",
        "[limits]\nexempt = [\"192.0.2.0/24\"]\n[storage]\nsegment_bytes = \"1MiB\"\n",
    );
    let expected = [
        (
            "storage.segment_bytes",
            "\"64MiB\"",
            "\"1MiB\"",
            Takes::AtStart,
        ),
        (
            "limits.exempt",
            "[\"127.0.0.0/8\", \"::1/128\"]",
            "[\"192.0.2.0/24\"]",
            Takes::AtOnce,
        ),
        (
            "logging.levels",
            "{ \"hub::room\" = \"debug\" }",
            "{}",
            Takes::AtOnce,
        ),
    ];
    let expected = expected.map(|(key, old, new, takes)| Change {
        key,
        old: old.to_owned(),
        new: new.to_owned(),
        takes,
    });
    assert_eq!(found.unwrap().changes, expected);
}

/// Right in the file, and wrong in a server that keeps half of it.
#[test]
fn a_mixture_that_cannot_work_is_refused() {
    let old = "[storage]\njournal_bytes = \"1MiB\"\n";
    let new = "[storage]\njournal_bytes = \"64MiB\"\n[limits]\nmessage_bytes = \"1MiB\"\n\
               line_bytes = \"2MiB\"\nbytes_burst = \"4MiB\"\n";
    let error = from_to(old, new).unwrap_err();
    let said = error.to_string();
    assert_eq!(error.problems.len(), 2, "{said}");
    assert!(said.contains("the journal of 1MiB has no room"), "{said}");
    assert!(
        said.contains("storage.journal_bytes: a running server keeps the old value"),
        "{said}"
    );
}

/// The table as `docs/operations.md` has it.
fn as_page() -> String {
    let mut page = "| key | a change takes effect |\n| --- | --- |\n".to_owned();
    for key in KEYS {
        let when = match key.takes {
            Takes::AtOnce => "at once".to_owned(),
            Takes::From(whom) => format!("for {whom}"),
            Takes::AtStart => "**at the next start**".to_owned(),
        };
        page.push_str(&format!("| `{}` | {when} |\n", key.name));
    }
    page
}

#[test]
fn keys_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let begins = text.find(FROM).expect("the marker before the keys") + FROM.len();
    let ends = text.find(TO).expect("the marker behind the keys");
    let expected = format!("\n{}\n", as_page());
    if text[begins..ends] == expected {
        return;
    }
    if std::env::var_os("GENCOMM_RENEW_DOCS").is_some() {
        let text = format!("{}{expected}{}", &text[..begins], &text[ends..]);
        return std::fs::write(&path, text).unwrap();
    }
    panic!(
        "docs/operations.md tells otherwise; renew it: GENCOMM_RENEW_DOCS=1 cargo test keys_table"
    );
}
