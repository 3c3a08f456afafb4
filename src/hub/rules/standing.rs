//! What the server as a whole knows of somebody, whichever room it is in.

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Standing {
    /// Anybody may bear this name when its connections are gone.
    Guest,
    /// The account of a program.
    Bot,
    /// The account of a person.
    Member,
    /// The account of somebody who runs the server.
    Admin,
}

impl Standing {
    /// Whether there is no account behind it.
    pub fn is_guest(self) -> bool {
        self == Self::Guest
    }

    /// The word that WHO shows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Bot => "bot",
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }
}
