//! TLS 1.2 and 1.3 on the main port. In: certificate files, a socket whose first bytes are a handshake. Out: what the other end
//! says, decrypted, and what it is told, encrypted. Owns one TLS session a connection, and the look at the files.
//!
//! [`certificate`] reads the files, [`facts`] says what stands in a certificate, [`policy`] decides what is spoken; [`session`] is one
//! connection's TLS, [`exporter`] what binds a log-in to it; [`watch`] notices new files.

pub mod certificate;
#[cfg(test)]
mod certificate_tests;
pub mod exporter;
pub mod facts;
pub mod policy;
pub mod session;
#[cfg(test)]
mod session_tests;
pub mod watch;
