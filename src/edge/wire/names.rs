//! The names of the protocol: rooms, users, tags. In: untrusted text. Out: values that hold their grammar.
//!
//! Grammar: `docs/protocol.md`, "Lines". Every constructor checks, so a value of these types is safe to write
//! into a line or a record as it stands.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest room name, in bytes.
pub const ROOM_BYTES_MAX: usize = 64;
/// Longest user name, in bytes.
pub const USER_BYTES_MAX: usize = 32;
/// Longest tag, in bytes.
pub const TAG_BYTES_MAX: usize = 64;
/// The room that the original clients live in.
pub const LOBBY: &str = "lobby";

/// Why a name was refused; the text tells a person what would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a room name.
    #[error(
        "a room name is 1 to 64 of a-z 0-9 . _ - and begins with a letter or digit (upper case is not folded)"
    )]
    Room,
    /// Not a user name.
    #[error("a user name is 1 to 32 of A-Z a-z 0-9 _ . - and begins with a letter, digit or _")]
    User,
    /// Not a tag.
    #[error("a tag is at most 64 of A-Z a-z 0-9 _ . : -")]
    Tag,
}

/// A room's name, `[a-z0-9][a-z0-9._-]{0,63}`; or the name under which a direct conversation is kept: `@` and the accounts of its
/// two ends in order, with a comma between (`@ann,bob`). No client can write that one: [`RoomName::parse`] takes rooms alone.
/// Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomName(Arc<str>);

impl RoomName {
    /// Checks `text` against the grammar.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if is_room(text.as_bytes()) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Room)
        }
    }

    /// From text that is known to hold the grammar.
    pub(super) fn of_checked(text: &str) -> Self {
        debug_assert!(is_room(text.as_bytes()));
        Self(text.into())
    }

    /// Checks `text` as it stands in the log: a room, or a direct conversation.
    pub fn parse_kept(text: &str) -> Result<Self, NameError> {
        if is_kept_room(text.as_bytes()) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Room)
        }
    }

    /// The direct conversation between two accounts, which may be one and the same.
    pub fn direct(one: &UserName, other: &UserName) -> Self {
        let (one, other) = (one.account(), other.account());
        let (first, second) = if one <= other {
            (one, other)
        } else {
            (other, one)
        };
        Self(format!("@{first},{second}").into())
    }

    /// The accounts at the two ends of a direct conversation; `None` for a room.
    pub fn ends(&self) -> Option<(&str, &str)> {
        self.0.strip_prefix('@')?.split_once(',')
    }

    /// Whether this is a direct conversation.
    pub fn is_direct(&self) -> bool {
        self.0.starts_with('@')
    }

    /// The account at the other end of a direct conversation, for one who is at this end; `None` for a room, and for strangers.
    pub fn other_end(&self, account: &str) -> Option<&str> {
        match self.ends()? {
            (one, other) if one == account => Some(other),
            (other, one) if one == account => Some(other),
            _ => None,
        }
    }

    /// Appends the name as the account sees it: `@` and the other end of its conversation; a room has one name for everybody.
    pub fn write_seen_by(&self, account: &str, out: &mut Vec<u8>) {
        match self.other_end(account) {
            Some(other) => {
                out.push(b'@');
                out.extend_from_slice(other.as_bytes());
            }
            None => out.extend_from_slice(self.0.as_bytes()),
        }
    }

    /// The lobby.
    pub fn lobby() -> Self {
        Self(LOBBY.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the lobby, which the record writes without a room.
    pub fn is_lobby(&self) -> bool {
        &*self.0 == LOBBY
    }
}

impl Borrow<str> for RoomName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A user's name, `[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}`, spelt as first given.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserName(Arc<str>);

impl UserName {
    /// Checks `text` against the grammar.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if is_user(text.as_bytes()) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::User)
        }
    }

    /// From text that is known to hold the grammar.
    pub(super) fn of_checked(text: &str) -> Self {
        debug_assert!(is_user(text.as_bytes()));
        Self(text.into())
    }

    /// A name from an original client or an import: each character outside the grammar becomes `_`, and what is
    /// too long is cut. The flag says whether anything had to change, so that it can be reported.
    pub fn repaired(text: &str) -> (Self, bool) {
        let mut name: String = text
            .chars()
            .take(USER_BYTES_MAX)
            .enumerate()
            .map(|(i, c)| if is_user_char(c, i == 0) { c } else { '_' })
            .collect();
        if name.is_empty() {
            name.push('_');
        }
        let changed = name != text;
        (Self(name.into()), changed)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key under which the account is unique: the name without regard to case. Most names are written so anyway, and
    /// share their memory with it.
    pub fn account(&self) -> Arc<str> {
        if self.0.bytes().any(|byte| byte.is_ascii_uppercase()) {
            self.0.to_ascii_lowercase().into()
        } else {
            self.0.clone()
        }
    }
}

/// A tag, `[A-Za-z0-9_.:-]{0,64}`, chosen by the client; empty asks for no `OK`.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Tag(Option<Box<str>>);

impl Tag {
    /// Checks `text` against the grammar.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if !is_tag(text.as_bytes()) {
            return Err(NameError::Tag);
        }
        Ok(Self::of_checked(text))
    }

    /// From text that is known to hold the grammar.
    pub(super) fn of_checked(text: &str) -> Self {
        debug_assert!(is_tag(text.as_bytes()));
        Self((!text.is_empty()).then(|| text.into()))
    }

    /// The tag as text, empty if none was given.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }

    /// Whether no answer was asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

/// Whether `bytes` are a room name.
pub fn is_room(bytes: &[u8]) -> bool {
    let tail_ok = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(b);
    matches!(bytes.first(), Some(b) if b.is_ascii_lowercase() || b.is_ascii_digit())
        && bytes.len() <= ROOM_BYTES_MAX
        && bytes.iter().all(tail_ok)
}

/// Whether `bytes` are a room as the log keeps it: a room name, or `@` and two accounts in order.
pub fn is_kept_room(bytes: &[u8]) -> bool {
    let Some(ends) = bytes.strip_prefix(b"@") else {
        return is_room(bytes);
    };
    let is_account = |name: &[u8]| is_user(name) && !name.iter().any(u8::is_ascii_uppercase);
    memchr::memchr(b',', ends).is_some_and(|comma| {
        let (first, second) = (&ends[..comma], &ends[comma + 1..]);
        first <= second && is_account(first) && is_account(second)
    })
}

/// Whether `bytes` are a user name.
pub fn is_user(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.len() <= USER_BYTES_MAX
        && bytes
            .iter()
            .enumerate()
            .all(|(i, b)| is_user_char(char::from(*b), i == 0))
}

/// Whether `bytes` are a tag; the empty tag is one.
pub fn is_tag(bytes: &[u8]) -> bool {
    bytes.len() <= TAG_BYTES_MAX
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(b))
}

fn is_user_char(c: char, first: bool) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || (!first && (c == '.' || c == '-'))
}

macro_rules! text_impls {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }
    )*};
}
text_impls!(RoomName, UserName, Tag);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_keep_their_grammar() {
        for good in ["lobby", "a", "0", "a.b_c-d", &"x".repeat(64)] {
            assert!(RoomName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "Lobby",
            ".a",
            "-a",
            "_a",
            "a b",
            "a;b",
            "ä",
            "a\n",
            &"x".repeat(65),
        ] {
            assert_eq!(RoomName::parse(bad), Err(NameError::Room), "{bad}");
        }
    }

    #[test]
    fn a_direct_conversation_has_one_name_for_both_ends() {
        let user = |name| UserName::parse(name).unwrap();
        let room = RoomName::direct(&user("Bob"), &user("ann"));
        assert_eq!(room.as_str(), "@ann,bob");
        assert_eq!(room, RoomName::direct(&user("Ann"), &user("bob")));
        assert_eq!(RoomName::parse_kept("@ann,bob"), Ok(room.clone()));
        assert_eq!(room.ends(), Some(("ann", "bob")));
        assert_eq!(
            (
                room.other_end("ann"),
                room.other_end("bob"),
                room.other_end("eve")
            ),
            (Some("bob"), Some("ann"), None)
        );
        assert_eq!(
            RoomName::direct(&user("a"), &user("a")).other_end("a"),
            Some("a")
        );
        assert_eq!(
            (RoomName::lobby().ends(), RoomName::lobby().is_direct()),
            (None, false)
        );
        let seen = |room: &RoomName, account| {
            let mut out = Vec::new();
            room.write_seen_by(account, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            (seen(&room, "ann"), seen(&room, "bob")),
            ("@bob".into(), "@ann".into())
        );
        assert_eq!(seen(&RoomName::lobby(), "ann"), "lobby");
        for bad in [
            "@",
            "@ann",
            "@bob,ann",
            "@Ann,bob",
            "@ann,bob,eve",
            "@ann, bob",
            "@,a",
            "x,y",
        ] {
            assert!(RoomName::parse_kept(bad).is_err(), "{bad}");
            assert!(RoomName::parse(bad).is_err(), "{bad}");
        }
        assert!(RoomName::parse("@ann,bob").is_err() && RoomName::parse_kept("dev").is_ok());
    }

    #[test]
    fn users_keep_their_grammar() {
        for good in ["alice", "A", "_x", "9lives", "a.b-c_d", &"u".repeat(32)] {
            assert!(UserName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".a",
            "-a",
            "a b",
            "a;b",
            "a#b",
            "é",
            "a\0",
            &"u".repeat(33),
        ] {
            assert_eq!(UserName::parse(bad), Err(NameError::User), "{bad}");
        }
        assert_eq!(
            UserName::parse("BoB").map(|u| u.account()),
            Ok("bob".into())
        );
    }

    #[test]
    fn foreign_names_are_repaired_and_it_is_told() {
        let repaired = |s| {
            let (name, changed) = UserName::repaired(s);
            (name.as_str().to_owned(), changed)
        };
        assert_eq!(repaired("alice"), ("alice".into(), false));
        assert_eq!(repaired("al ice#1"), ("al_ice_1".into(), true));
        assert_eq!(repaired(".dot"), ("_dot".into(), true));
        assert_eq!(repaired(""), ("_".into(), true));
        assert_eq!(repaired(&"é".repeat(40)), ("_".repeat(32), true));
    }

    #[test]
    fn tags_keep_their_grammar() {
        for good in ["", "1", "a:b.c_d-E", &"t".repeat(64)] {
            assert!(Tag::parse(good).is_ok(), "{good}");
        }
        for bad in [" ", "a;b", "a b", "ü", &"t".repeat(65)] {
            assert_eq!(Tag::parse(bad), Err(NameError::Tag), "{bad}");
        }
        assert!(Tag::default().is_empty());
    }
}
