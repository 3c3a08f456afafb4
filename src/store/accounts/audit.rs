//! What the audit log keeps of an act.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::edge::wire::names::RoomName;
use crate::edge::wire::timestamp::Timestamp;

/// Longest text of one field, in bytes; what is longer is cut.
pub const DETAIL_BYTES_MAX: usize = 1_024;

/// One act. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub time: Timestamp,
    /// Who: an account, `cli:` and a login name, or a part of the server.
    pub actor: String,
    /// From where.
    pub address: Option<IpAddr>,
    /// What, as one word with dots: `user.add`, `room.ban`.
    pub action: Cow<'static, str>,
    /// In which room.
    pub room: Option<RoomName>,
    /// To whom or what.
    pub subject: Option<String>,
    /// In other words.
    pub detail: String,
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Rises by one; gaps mean nothing.
    pub id: u64,
    /// The act.
    pub entry: AuditEntry,
}
