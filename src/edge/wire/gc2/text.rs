//! Names as they stand in a line: checked against their grammar and borrowed, so that a SEND costs no allocation.
//! Also the one way in which a line falls into fields.

use std::fmt;

use super::super::names::{NameError, RoomName, Tag, UserName, is_room, is_tag, is_user};

macro_rules! checked_text {
    ($(#[$doc:meta])* $text:ident, $owned:ident, $check:ident, $error:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $text<'a>(&'a str);

        impl<'a> $text<'a> {
            /// Checks `bytes` against the grammar.
            pub fn parse(bytes: &'a [u8]) -> Result<Self, NameError> {
                match std::str::from_utf8(bytes) {
                    Ok(text) if $check(bytes) => Ok(Self(text)),
                    _ => Err(NameError::$error),
                }
            }

            /// The name as text.
            pub fn as_str(self) -> &'a str {
                self.0
            }

            /// The same name, in memory of its own.
            pub fn owned(self) -> $owned {
                $owned::of_checked(self.0)
            }
        }

        impl fmt::Display for $text<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.0)
            }
        }

        impl fmt::Debug for $text<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}

checked_text!(
    /// A room's name, borrowed from the line.
    RoomText, RoomName, is_room, Room
);
checked_text!(
    /// A user's name, borrowed from the line.
    UserText, UserName, is_user, User
);
checked_text!(
    /// A tag, borrowed from the line; the empty tag asks for no `OK`.
    TagText, Tag, is_tag, Tag
);

impl TagText<'_> {
    /// The tag of a command that asks for no answer.
    pub const EMPTY: TagText<'static> = TagText("");

    /// Whether no answer was asked for.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

/// Where a message goes, or a history is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoomTarget<'a> {
    /// A room.
    Room(RoomText<'a>),
    /// `@name`: the direct conversation with that user.
    Direct(UserText<'a>),
}

impl<'a> RoomTarget<'a> {
    /// Reads `room` or `@name`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NameError> {
        match bytes.strip_prefix(b"@") {
            Some(name) => UserText::parse(name).map(Self::Direct),
            None => RoomText::parse(bytes).map(Self::Room),
        }
    }
}

impl fmt::Display for RoomTarget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room(room) => f.write_str(room.as_str()),
            Self::Direct(user) => write!(f, "@{user}"),
        }
    }
}

/// The next field of `rest`, up to a `;` or the end; `rest` moves behind it. A field that is left out is empty.
pub(super) fn take_field<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let line = *rest;
    match memchr::memchr(b';', line) {
        Some(end) => {
            *rest = &line[end + 1..];
            &line[..end]
        }
        None => {
            *rest = &[];
            line
        }
    }
}

/// [`take_field`] over text: `;` is one byte, so a piece of text stays text.
pub(super) fn take_text<'a>(rest: &mut &'a str) -> &'a str {
    let line = *rest;
    let (field, behind) = line.split_once(';').unwrap_or((line, ""));
    *rest = behind;
    field
}

/// Reads plain decimal digits; a number beyond 64 bits becomes the largest one. `None` if there is anything else, a
/// sign too.
pub(super) fn saturating_number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}
