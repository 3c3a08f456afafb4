//! One layer of settings: a file, or the environment.
//!
//! In: TOML text or environment variables, and the table of all keys with their defaults. Out: a [`Layer`] whose keys
//! are all known and whose values all have the right type, and a [`Problem`] for everything that had to be left out.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use ::config::{Map, Source, Value, ValueKind};

use super::values::{merged_value, plain_words, typed};
use super::{Config, Problem};

/// What the names of environment variables begin with, and what stands between section and key.
pub(super) const VARIABLE_PREFIX: &str = "GENCOMM__";
const VARIABLE_SEPARATOR: &str = "__";

/// How alike two names have to be, from 0 to 1, for one to be offered in place of the other.
const SIMILARITY_MIN: f64 = 0.8;
/// Longest name that is compared with the known ones, in bytes: twice what the longest of them has. Nobody misspells more.
const MISSPELT_BYTES_MAX: usize = 64;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    BuiltIn,
    File(PathBuf),
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// One key with its value.
#[derive(Clone, Debug)]
struct Leaf {
    path: Vec<String>,
    value: toml::Value,
    origin: Origin,
}

/// A layer, ready for the `config` crate to merge.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    leaves: Vec<Leaf>,
    /// What was left out, and why.
    pub(super) problems: Vec<Problem>,
    /// The keys that were left out because of their values.
    pub(super) bad_keys: BTreeSet<String>,
}

impl Layer {
    /// The layer of a file whose text has been parsed to `table`. `known` holds every key with its default.
    pub(super) fn from_table(origin: &Origin, table: toml::Table, known: &toml::Table) -> Self {
        let mut layer = Self::default();
        layer.walk(origin, &[], table, known);
        layer.check_types(known);
        layer
    }

    /// The layer of the environment: variables that do not begin with [`VARIABLE_PREFIX`] are none of our business.
    pub(super) fn from_variables<'a, I>(variables: I, known: &toml::Table) -> Self
    where
        I: IntoIterator<Item = (&'a OsString, &'a OsString)>,
    {
        let mut layer = Self::default();
        for (name, value) in variables {
            let name = name.to_string_lossy();
            let Some(rest) = name.strip_prefix(VARIABLE_PREFIX) else {
                continue;
            };
            let origin = Origin::Variable(name.to_string());
            let path: Vec<String> = rest
                .split(VARIABLE_SEPARATOR)
                .map(str::to_ascii_lowercase)
                .collect();
            match value.to_str() {
                Some(text) => layer.variable(origin, path, text, known),
                None => layer
                    .problems
                    .push(Problem::at(&path.join("."), origin, "is not UTF-8")),
            }
        }
        layer.check_types(known);
        layer
    }

    /// All that it sets, each value with its origin.
    pub(super) fn values(&self) -> Map<String, Value> {
        let mut root = Map::new();
        for leaf in &self.leaves {
            let value = merged_value(&leaf.origin.to_string(), &leaf.value);
            place(&mut root, &leaf.path, value);
        }
        root
    }

    /// Sorts the entries of `table` into known keys and problems, section by section.
    fn walk(&mut self, origin: &Origin, above: &[String], table: toml::Table, known: &toml::Table) {
        for (name, value) in table {
            let mut path = above.to_vec();
            path.push(name);
            let name = &path[above.len()];
            match (known.get(name), value) {
                // A table that is empty in the defaults takes any name.
                (Some(toml::Value::Table(inner)), toml::Value::Table(table))
                    if inner.is_empty() =>
                {
                    for (name, value) in table {
                        let path = path.iter().cloned().chain([name]).collect();
                        self.leaves.push(Leaf {
                            path,
                            value,
                            origin: origin.clone(),
                        });
                    }
                }
                (Some(toml::Value::Table(inner)), toml::Value::Table(table)) => {
                    self.walk(origin, &path, table, inner);
                }
                (Some(toml::Value::Table(_)), _) => {
                    let key = path.join(".");
                    let what = format!(
                        "is a section and takes no value; write [{key}] and its keys below"
                    );
                    self.problems.push(Problem::at(&key, origin, what));
                }
                (Some(_), value) => self.leaves.push(Leaf {
                    path,
                    value,
                    origin: origin.clone(),
                }),
                (None, _) => self.unknown(origin, &path, known),
            }
        }
    }

    /// Notes an unknown key or section and offers the nearest known one. `siblings` are the names known beside it.
    fn unknown(&mut self, origin: &Origin, path: &[String], siblings: &toml::Table) {
        let key = path.join(".");
        let all = super::load::defaults();
        let candidates = key_names(all, "").into_iter().chain(all.keys().cloned());
        let candidates = candidates.take_while(|_| key.len() <= MISSPELT_BYTES_MAX);
        let nearest = candidates
            .map(|candidate| (strsim::jaro_winkler(&candidate, &key), candidate))
            .filter(|(alike, _)| *alike >= SIMILARITY_MIN)
            .max_by(|(left, _), (right, _)| left.total_cmp(right));
        let kind = if path.len() == 1 { "section" } else { "key" };
        let what = match nearest {
            Some((_, nearest)) => format!("unknown {kind}; did you mean {nearest}?"),
            None => {
                let names: Vec<&str> = siblings.keys().map(String::as_str).collect();
                format!("unknown {kind}; known here: {}", names.join(", "))
            }
        };
        self.problems.push(Problem::at(&key, origin, what));
    }

    fn variable(&mut self, origin: Origin, path: Vec<String>, text: &str, known: &toml::Table) {
        let mut inner = known;
        for (depth, name) in path.iter().enumerate() {
            match inner.get(name) {
                Some(toml::Value::Table(open)) if open.is_empty() && depth + 1 < path.len() => {
                    // Module names: a shell knows no `::`, and `__` stands for it well enough.
                    let name = path[depth + 1..].join("::");
                    let path = path[..=depth].iter().cloned().chain([name]).collect();
                    let value = toml::Value::String(text.to_owned());
                    return self.leaves.push(Leaf {
                        path,
                        value,
                        origin,
                    });
                }
                Some(toml::Value::Table(section)) => inner = section,
                Some(like) if depth + 1 == path.len() => {
                    let value = typed(text, like);
                    return self.leaves.push(Leaf {
                        path,
                        value,
                        origin,
                    });
                }
                _ => return self.unknown(&origin, &path, inner),
            }
        }
        let what = "is a section and takes no value; name a key of it as GENCOMM__SECTION__KEY";
        self.problems
            .push(Problem::at(&path.join("."), origin, what));
    }

    /// Leaves out every value that its key cannot take. The structs decide: each value is tried alone among the defaults of its section.
    fn check_types(&mut self, known: &toml::Table) {
        let leaves = std::mem::take(&mut self.leaves);
        for leaf in leaves {
            let section = leaf.path.first().map_or("", String::as_str);
            let defaults = known.get(section).and_then(toml::Value::as_table);
            let mut trial = defaults.cloned().unwrap_or_default();
            let path = leaf.path.get(1..).unwrap_or_default();
            let default = insert(&mut trial, path, leaf.value.clone());
            match Config::try_section(section, trial) {
                Ok(()) => self.leaves.push(leaf),
                Err(fault) => {
                    let key = leaf.path.join(".");
                    let default = default
                        .map(|v| format!("; the default is {v}"))
                        .unwrap_or_default();
                    let what = format!("{}{default}", plain_words(fault.message()));
                    self.problems.push(Problem::at(&key, &leaf.origin, what));
                    self.bad_keys.insert(key);
                }
            }
        }
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ::config::ConfigError> {
        Ok(self.values())
    }
}

/// The dotted names of all keys below `table`, tables that take any name included.
fn key_names(table: &toml::Table, above: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (name, value) in table {
        let full = format!("{above}{name}");
        match value {
            toml::Value::Table(inner) if !inner.is_empty() => {
                names.extend(key_names(inner, &format!("{full}.")));
            }
            _ => names.push(full),
        }
    }
    names
}

/// Puts `value` at `path`, whose sections are known to exist, and returns what stood there.
fn insert(table: &mut toml::Table, path: &[String], value: toml::Value) -> Option<toml::Value> {
    match path {
        [] => None,
        [name] => table.insert(name.clone(), value),
        [section, rest @ ..] => match table.get_mut(section) {
            Some(toml::Value::Table(inner)) => insert(inner, rest, value),
            _ => None,
        },
    }
}

/// Puts `value` at `path`, making the sections on the way.
fn place(map: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            map.insert(name.clone(), value);
        }
        [section, rest @ ..] => {
            let empty = || Value::new(None, ValueKind::Table(Map::new()));
            let slot = map.entry(section.clone()).or_insert_with(empty);
            if let ValueKind::Table(inner) = &mut slot.kind {
                place(inner, rest, value);
            }
        }
    }
}
