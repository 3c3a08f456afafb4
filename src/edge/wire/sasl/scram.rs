//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), both sides, as pure code: texts in, texts out, base64 around
//! them is the caller's. Channel binding is `tls-exporter` (RFC 9266).
//!
//! [`server`] and [`client`] are the two ends, [`verifier`] is what a server keeps instead of a password, `syntax` the form
//! of the messages. Randomness and the binding of the connection are handed in.
//!
//! | | message | who |
//! | --- | --- | --- |
//! | 1 | client-first `n,,n=user,r=nonce` | [`client::Started`] → [`server::Exchange::start`] |
//! | 2 | server-first `r=nonces,s=salt,i=count` | [`server::Begun::first`] → [`client::Started::answer`] |
//! | 3 | client-final `c=binding,r=nonces,p=proof` | → [`server::Exchange::finish`] |
//! | 4 | server-final `v=signature` | → [`client::Proved::verify`] |

pub mod client;
pub mod server;
mod syntax;
pub mod verifier;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;

pub use server::{Begun, Exchange, ServerFirst};
pub use verifier::Verifier;

use super::Base64Error;

/// The mechanism without channel binding.
pub const MECHANISM: &str = "SCRAM-SHA-256";
/// The mechanism with channel binding.
pub const MECHANISM_PLUS: &str = "SCRAM-SHA-256-PLUS";
/// The only binding that is spoken (RFC 9266).
pub const BINDING_NAME: &str = "tls-exporter";
/// Label of the keying material that is the binding: 32 bytes, with an empty context (not: without one, which is not the
/// same in TLS 1.2).
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";
/// Longest message in either direction, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 2048;
/// Longest nonce of one side, in bytes.
pub const NONCE_BYTES_MAX: usize = 256;
/// Random bytes of a nonce of our own.
pub const NONCE_RANDOM_BYTES: usize = 18;
/// Fewest rounds of PBKDF2 that anybody may ask for (RFC 7677).
pub const ITERATIONS_MIN: u32 = 4096;
/// Most rounds: beyond that a server only wants to keep its client busy.
pub const ITERATIONS_MAX: u32 = 10_000_000;
/// Bytes of a salt that is made here.
pub const SALT_BYTES: usize = 16;
/// Longest salt that is taken, in bytes.
pub const SALT_BYTES_MAX: usize = 256;

/// Why an exchange fails. No text repeats what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// Over [`MESSAGE_BYTES_MAX`].
    #[error("the SCRAM message has {bytes} bytes, at most {MESSAGE_BYTES_MAX} are taken")]
    TooLong {
        /// How many bytes there are.
        bytes: usize,
    },
    /// A NUL in the message.
    #[error("the SCRAM message holds a NUL at byte {at}")]
    Nul {
        /// Counted from 1.
        at: usize,
    },
    /// An attribute is missing, or another one stands in its place.
    #[error("the SCRAM message has no {expected} where it belongs (RFC 5802, section 5.1)")]
    Attribute {
        /// Which one, such as `r= (nonce)`.
        expected: &'static str,
    },
    /// `m=`: an extension that the other side insists on.
    #[error("the SCRAM message demands an extension (m=), and there are none")]
    Extension,
    /// The channel binding flag does not fit the mechanism.
    #[error("the channel binding flag (n, y or p=) does not fit the mechanism")]
    Flag,
    /// A binding other than [`BINDING_NAME`].
    #[error("this channel binding is not offered; use p={BINDING_NAME}")]
    BindingName,
    /// The mechanism wants a binding, and the connection has none.
    #[error("{MECHANISM_PLUS} needs TLS; without it use {MECHANISM}")]
    NoBinding,
    /// Flag `y` although the binding is offered: somebody between the two has hidden that.
    #[error(
        "the client says that no channel binding was offered, but it was: somebody may sit between; use {MECHANISM_PLUS}"
    )]
    Downgrade,
    /// The binding is that of another connection, or the header was changed.
    #[error("the channel binding is not that of this connection: somebody may sit between")]
    BindingMismatch,
    /// `a=` names another user.
    #[error("the SCRAM message asks to act as another user; leave a= out")]
    OtherIdentity,
    /// `=` that is neither `=2C` nor `=3D`, or no name at all.
    #[error(
        "the user name in the SCRAM message is empty or wrongly escaped (, is =2C and = is =3D)"
    )]
    Name,
    /// A text that SASLprep (RFC 4013) refuses.
    #[error("the {what} holds characters that {MECHANISM} does not allow (RFC 4013)")]
    Prohibited {
        /// Which text: `user name` or `password`.
        what: &'static str,
    },
    /// Not printable, too long or empty.
    #[error("the nonce is empty, too long or not printable")]
    Nonce,
    /// The nonce is not that of this exchange: a replay.
    #[error("the nonce is not that of this exchange")]
    NonceMismatch,
    /// A field that should be base64.
    #[error("{field}: {error}")]
    Base64 {
        /// Which field.
        field: &'static str,
        /// What is wrong in it; bytes are counted in the field.
        error: Base64Error,
    },
    /// A field of the wrong length.
    #[error("{field} has {bytes} bytes, which cannot be")]
    Length {
        /// Which field.
        field: &'static str,
        /// Its decoded length.
        bytes: usize,
    },
    /// A number of rounds outside [`ITERATIONS_MIN`] to [`ITERATIONS_MAX`].
    #[error("the iteration count is not a number from {ITERATIONS_MIN} to {ITERATIONS_MAX}")]
    Iterations,
    /// The proof is wrong: another password, or no such user.
    #[error("wrong user name or password")]
    Proof,
    /// The server does not know the password's keys: it is not the server that it claims to be.
    #[error("the server could not prove that it knows this account: do not trust it")]
    ServerSignature,
    /// The server ends the exchange with `e=`.
    #[error("the server refused the log-in")]
    Refused,
}

/// A nonce of our own from random bytes: printable, without a comma.
pub fn nonce(random: [u8; NONCE_RANDOM_BYTES]) -> String {
    super::encode(&random)
}
