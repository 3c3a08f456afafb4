//! Why a command is not carried out: the code for programs, the text for people.

use std::borrow::Cow;

use super::super::names::Tag;
use super::text::{TagText, take_field};

/// Longest beginning of an oversized line that is looked at for its tag, in bytes.
pub const HEAD_BYTES_MAX: usize = 256;

/// The codes of `ERR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The line does not hold the grammar.
    BadRequest,
    /// The command needs a log-in.
    Unauthenticated,
    /// Not with these rights.
    Forbidden,
    /// No such message, room or user.
    NotFound,
    /// Over a size limit.
    TooLarge,
    /// Over a rate limit.
    RateLimited,
    /// A rule of the server keeps this message back.
    Blocked,
    /// It contradicts what is already so.
    Conflict,
    /// Not now; later perhaps.
    Unavailable,
    /// This server does not do that.
    Unsupported,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 10] = [
        Self::BadRequest,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::TooLarge,
        Self::RateLimited,
        Self::Blocked,
        Self::Conflict,
        Self::Unavailable,
        Self::Unsupported,
    ];

    /// The code as it stands in a line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::TooLarge => "too-large",
            Self::RateLimited => "rate-limited",
            Self::Blocked => "blocked",
            Self::Conflict => "conflict",
            Self::Unavailable => "unavailable",
            Self::Unsupported => "unsupported",
        }
    }

    /// The code that `text` spells, if this version knows it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }
}

/// A command that is refused: what goes into its `ERR` line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {text}", code.as_str())]
pub struct Refusal {
    /// The command's own, or empty where it had none that is valid.
    pub tag: Tag,
    /// What kind of refusal.
    pub code: ErrorCode,
    /// What was wrong and what to do about it.
    pub text: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with the tag of the command that it answers.
    pub fn new(tag: TagText<'_>, code: ErrorCode, text: impl Into<Cow<'static, str>>) -> Self {
        let (tag, text) = (tag.owned(), text.into());
        Self { tag, code, text }
    }

    /// The line does not hold the grammar.
    pub fn bad_request(tag: TagText<'_>, text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(tag, ErrorCode::BadRequest, text)
    }

    /// The tag of a whole line that nobody has looked at otherwise, as far as it has a good one.
    pub fn tag_of(line: &[u8]) -> TagText<'_> {
        let mut rest = line;
        take_field(&mut rest);
        TagText::parse(take_field(&mut rest)).unwrap_or(TagText::EMPTY)
    }

    /// The answer to a line over the limit, of which only the beginning was kept. Field 2 counts as a tag only if its
    /// end was seen: a tag that was cut would answer another command.
    pub fn oversized(head: &[u8], line_bytes_max: usize) -> Self {
        let mut rest = head;
        take_field(&mut rest);
        let tag = match memchr::memchr(b';', rest) {
            Some(end) => TagText::parse(&rest[..end]).unwrap_or(TagText::EMPTY),
            None => TagText::EMPTY,
        };
        let text = format!(
            "the line is longer than {line_bytes_max} bytes (limits.line_bytes); send it in smaller pieces"
        );
        Self::new(tag, ErrorCode::TooLarge, text)
    }
}
