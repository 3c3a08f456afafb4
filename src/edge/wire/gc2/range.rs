//! Which part of a room's past a command asks for: the `from` of JOIN, the `range` and `limit` of HISTORY.

use std::borrow::Cow;
use std::fmt;

use super::super::timestamp::Timestamp;
use super::text::saturating_number;

/// Most messages that one HISTORY returns.
pub const HISTORY_LIMIT_MAX: u16 = 1000;
/// How many it returns if no limit is named.
pub const HISTORY_LIMIT_DEFAULT: u16 = 100;

/// The furthest back that a `JOIN` goes by `last=`, in messages; who asks for more gets so many.
pub const JOIN_LAST_MAX: u32 = 100_000;

/// The past that a JOIN asks for, before the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JoinFrom {
    /// Nothing: from now on.
    #[default]
    Now,
    /// All with a greater id; the id is only compared, it need not exist.
    After(u64),
    /// All from this moment on, inclusive.
    Since(Timestamp),
    /// The newest so many, up to [`JOIN_LAST_MAX`]; 0 is none.
    Last(u32),
}

/// What a HISTORY looks at; how much of it comes is the limit's matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HistoryRange {
    /// The newest.
    #[default]
    Newest,
    /// The oldest with a greater id.
    After(u64),
    /// The newest with a smaller id.
    Before(u64),
    /// The oldest from this moment on, inclusive.
    Since(Timestamp),
    /// The newest so many, 1 to [`HISTORY_LIMIT_MAX`].
    Last(u16),
}

impl JoinFrom {
    /// Reads the field; the error is text for a person.
    pub fn parse(field: &str) -> Result<Self, Cow<'static, str>> {
        if field.is_empty() {
            return Ok(Self::Now);
        }
        match field.split_once('=').unwrap_or((field, "")) {
            ("after", id) => compared_id("after", id).map(Self::After),
            ("since", time) => since(time).map(Self::Since),
            ("last", count) => match saturating_number(count) {
                Some(count) => {
                    let count = u32::try_from(count).unwrap_or(JOIN_LAST_MAX);
                    Ok(Self::Last(count.min(JOIN_LAST_MAX)))
                }
                None => Err("last= takes a whole number of messages, as in last=50".into()),
            },
            _ => Err(
                "from is empty (from now on), after={id}, since={unix seconds} or last={n}".into(),
            ),
        }
    }
}

impl HistoryRange {
    /// Reads the field; the error is text for a person.
    pub fn parse(field: &str) -> Result<Self, Cow<'static, str>> {
        if field.is_empty() {
            return Ok(Self::Newest);
        }
        match field.split_once('=').unwrap_or((field, "")) {
            ("after", id) => compared_id("after", id).map(Self::After),
            ("before", id) => compared_id("before", id).map(Self::Before),
            ("since", time) => since(time).map(Self::Since),
            ("last", count) => match limited(count) {
                Some(count) => Ok(Self::Last(count)),
                None => Err("last= takes 1 to 1000, as in last=50".into()),
            },
            _ => Err(
                "range is empty (the newest), after={id}, before={id}, since={unix seconds} or last={n}"
                    .into(),
            ),
        }
    }
}

/// The `limit` of HISTORY: 1 to [`HISTORY_LIMIT_MAX`], the default if empty.
pub fn parse_limit(field: &str) -> Result<u16, Cow<'static, str>> {
    if field.is_empty() {
        return Ok(HISTORY_LIMIT_DEFAULT);
    }
    limited(field)
        .ok_or_else(|| "limit is 1 to 1000, or empty for 100; page with after= or before=".into())
}

fn limited(field: &str) -> Option<u16> {
    let number = u16::try_from(saturating_number(field)?).ok()?;
    (1..=HISTORY_LIMIT_MAX).contains(&number).then_some(number)
}

fn compared_id(key: &str, digits: &str) -> Result<u64, Cow<'static, str>> {
    saturating_number(digits)
        .ok_or_else(|| format!("{key}= takes a message id in digits, as in {key}=42").into())
}

fn since(text: &str) -> Result<Timestamp, Cow<'static, str>> {
    Timestamp::parse(text).map_err(|error| format!("since=: {error}").into())
}

impl fmt::Display for JoinFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => Ok(()),
            Self::After(id) => write!(f, "after={id}"),
            Self::Since(time) => write!(f, "since={time}"),
            Self::Last(count) => write!(f, "last={count}"),
        }
    }
}

impl fmt::Display for HistoryRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => Ok(()),
            Self::After(id) => write!(f, "after={id}"),
            Self::Before(id) => write!(f, "before={id}"),
            Self::Since(time) => write!(f, "since={time}"),
            Self::Last(count) => write!(f, "last={count}"),
        }
    }
}
