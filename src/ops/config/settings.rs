//! What is in force and where it came from.
//!
//! In: the merged tree of the `config` crate, whose values remember their origins. Out: a flat list in the order of
//! `config/default.toml`.

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
    let mut found = Vec::new();
    flatten(root, "", &mut found);
    let rank = |key: &str| {
        let name = key.split('.').take(2).collect::<Vec<_>>();
        let section = name
            .first()
            .and_then(|section| DEFAULT_TEXT.find(&format!("\n[{section}]\n")));
        let line = section.and_then(|at| {
            let key = name.get(1)?;
            DEFAULT_TEXT[at..]
                .find(&format!("\n{key} = "))
                .map(|offset| at + offset)
        });
        (section.unwrap_or(usize::MAX), line.unwrap_or(usize::MAX))
    };
    found.sort_by_cached_key(|setting: &Setting| (rank(&setting.key), setting.key.clone()));
    found
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
