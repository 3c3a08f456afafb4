//! What is in force and where it came from.
//!
//! In: the merged tree of the `config` crate, whose values remember their origins. Out: a flat list in the order of
//! `config/default.toml`.

use std::collections::HashMap;
use std::sync::LazyLock;

use ::config::{Value, ValueKind};

use super::DEFAULT_TEXT;
use super::values::in_toml;

/// One key as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The dotted name: `server.name`.
    pub key: String,
    /// The value in TOML, as it was written.
    pub value: String,
    /// `built in`, a file's path, or `environment variable NAME`.
    pub origin: String,
}

/// Every value below `root`, in the order in which the default text names the keys.
pub(super) fn settings(root: &Value) -> Vec<Setting> {
    // One search of the text for all keys: one for each would cost more than reading a configuration does.
    static PLACES: LazyLock<HashMap<String, usize>> = LazyLock::new(places);
    let mut found = Vec::new();
    flatten(root, "", &mut found);
    let place = |key: &str| {
        // The entries of a table that takes any name, logging.levels, stand where the table does.
        let mut dots = key.match_indices('.').map(|(at, _)| at);
        let table = dots.nth(1).map_or(key, |at| &key[..at]);
        PLACES.get(table).copied().unwrap_or(usize::MAX)
    };
    found.sort_by_cached_key(|setting: &Setting| (place(&setting.key), setting.key.clone()));
    found
}

/// Every section and key of the default text, by the number of its line.
fn places() -> HashMap<String, usize> {
    let mut places = HashMap::new();
    let mut section = "";
    for (number, line) in DEFAULT_TEXT.lines().enumerate() {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            section = name;
            places.insert(name.to_owned(), number);
        } else if let Some((key, _)) = line.split_once(" = ")
            && !line.starts_with('#')
        {
            places.insert(format!("{section}.{key}"), number);
        }
    }
    places
}

fn flatten(value: &Value, key: &str, found: &mut Vec<Setting>) {
    let ValueKind::Table(table) = &value.kind else {
        let origin = value.origin().unwrap_or("built in").to_owned();
        return found.push(Setting {
            key: key.to_owned(),
            value: in_toml(value).to_string(),
            origin,
        });
    };
    for (name, inner) in table {
        let name = if name.contains([':', '.']) {
            format!("\"{name}\"")
        } else {
            name.clone()
        };
        let key = if key.is_empty() {
            name
        } else {
            format!("{key}.{name}")
        };
        flatten(inner, &key, found);
    }
}
