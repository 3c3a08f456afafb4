//! From one configuration in force to the next. Pure.
//!
//! In: what is in force, and what was read. Out: what is to be in force now, every key that differs, and for each whether it is live or
//! waits for the next start. Keys that wait keep their old value, so what comes out is a mixture, and is checked as a whole like any other.

use std::collections::BTreeSet;

use super::check;
use super::keys::{KEYS, Key, Takes};
use super::{ConfigError, Loaded, Problem, Setting};

/// One key whose value differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The dotted name.
    pub key: &'static str,
    /// The value in force so far, in TOML.
    pub old: String,
    /// The value that was read, in TOML.
    pub new: String,
    /// When it is in force.
    pub takes: Takes,
}

/// What a reload comes to.
#[derive(Clone, Debug)]
pub struct Changes {
    /// To be in force from now on, and its settings.
    pub next: Loaded,
    /// Every key that differs, in the order of `config/default.toml`.
    pub changes: Vec<Change>,
}

/// What is to be in force when `read` was read and `old` is in force.
pub fn changes(old: &Loaded, read: &Loaded) -> Result<Changes, ConfigError> {
    let mut next = read.clone();
    let mut changes = Vec::new();
    for key in KEYS {
        if (key.is_same)(&old.config, &read.config) {
            continue;
        }
        changes.push(Change {
            key: key.name,
            old: shown(key, &old.settings),
            new: shown(key, &read.settings),
            takes: key.takes,
        });
        if !key.takes.is_live() {
            (key.copy)(&mut next.config, &old.config);
            keep(key, &old.settings, &mut next.settings);
        }
    }
    let mut problems = check::faults(&next.config, &next.settings, &BTreeSet::new());
    if problems.is_empty() {
        return Ok(Changes { next, changes });
    }
    // What was read is right in itself, so it is the values that have to stay that are in the way.
    let waiting = changes.iter().filter(|change| !change.takes.is_live());
    let waiting: Vec<&str> = waiting.map(|change| change.key).collect();
    let what = "a running server keeps the old value, with which the others are wrong, as said above; restart it, or \
         change the others alone";
    problems.push(Problem::new(waiting.join(", "), what));
    Err(ConfigError { problems })
}

/// Puts the setting of `key` back to the one in `old`.
fn keep(key: &Key, old: &[Setting], next: &mut [Setting]) {
    let kept = old.iter().find(|setting| setting.key == key.name);
    let changed = next.iter_mut().find(|setting| setting.key == key.name);
    if let (Some(kept), Some(changed)) = (kept, changed) {
        changed.clone_from(kept);
    }
}

/// What the settings say for a key: a value, or all entries below it.
fn shown(key: &Key, settings: &[Setting]) -> String {
    if let Some(setting) = settings.iter().find(|setting| setting.key == key.name) {
        return setting.value.clone();
    }
    let entries = settings.iter().filter_map(|setting| {
        let name = setting.key.strip_prefix(key.name)?.strip_prefix('.')?;
        Some(format!("{name} = {}", setting.value))
    });
    let entries: Vec<String> = entries.collect();
    match entries.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{ {} }}", entries.join(", ")),
    }
}
