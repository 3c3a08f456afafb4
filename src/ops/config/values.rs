//! Values on their way between text, TOML and the `config` crate. Pure.

use ::config::{Value, ValueKind};

/// Text of a variable as the type that its key has; left as text where it cannot be, for the structs to refuse.
pub(super) fn typed(text: &str, like: &toml::Value) -> toml::Value {
    let text = text.trim();
    let parsed = match like {
        toml::Value::Integer(_) => text.parse().ok().map(toml::Value::Integer),
        toml::Value::Boolean(_) => text.parse().ok().map(toml::Value::Boolean),
        toml::Value::Array(_) => Some(toml::Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| toml::Value::String(item.to_owned()))
                .collect(),
        )),
        _ => None,
    };
    parsed.unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

/// serde's names of Rust types, in words for people who do not know them.
pub(super) fn plain_words(message: &str) -> String {
    const WORDS: [(&str, &str); 6] = [
        ("expected u16", "expected a number from 0 to 65535"),
        ("expected usize", "expected a number, 0 or more"),
        ("expected u64", "expected a number, 0 or more"),
        ("expected a boolean", "expected true or false"),
        ("expected a string", "expected text in quotes"),
        (
            "expected a sequence",
            "expected a list such as [\"…\", \"…\"]",
        ),
    ];
    let first_line = message.lines().next().unwrap_or_default();
    WORDS
        .iter()
        .fold(first_line.to_owned(), |text, (from, to)| {
            text.replace(from, to)
        })
}

/// A TOML value for the `config` crate to merge, with its origin.
pub(super) fn merged_value(origin: &String, value: &toml::Value) -> Value {
    let kind = match value {
        toml::Value::String(text) => ValueKind::String(text.clone()),
        toml::Value::Integer(number) => ValueKind::I64(*number),
        toml::Value::Float(number) => ValueKind::Float(*number),
        toml::Value::Boolean(truth) => ValueKind::Boolean(*truth),
        toml::Value::Datetime(time) => ValueKind::String(time.to_string()),
        toml::Value::Array(items) => ValueKind::Array(
            items
                .iter()
                .map(|item| merged_value(origin, item))
                .collect(),
        ),
        toml::Value::Table(table) => ValueKind::Table(
            table
                .iter()
                .map(|(name, item)| (name.clone(), merged_value(origin, item)))
                .collect(),
        ),
    };
    Value::new(Some(origin), kind)
}

/// A merged value as TOML again.
pub(super) fn in_toml(value: &Value) -> toml::Value {
    match &value.kind {
        ValueKind::Boolean(truth) => toml::Value::Boolean(*truth),
        ValueKind::I64(number) => toml::Value::Integer(*number),
        ValueKind::Float(number) => toml::Value::Float(*number),
        ValueKind::Array(items) => toml::Value::Array(items.iter().map(in_toml).collect()),
        other => toml::Value::String(other.to_string()),
    }
}
