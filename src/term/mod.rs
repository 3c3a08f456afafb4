//! The client's side of GC/2, for everything that people type into a terminal.
//!
//! From the socket up: [`endpoint`] says whom to call and as whom, [`dialer`] calls, [`tls`] makes sure that the right one
//! answers, [`connection`] carries lines, [`login`] makes a name of a secret, [`session`] stays in one
//! room whatever happens to the connection, [`history`] pages through a room's past. Towards people: [`render`] makes lines
//! of messages, [`editor`] is the text being typed.

pub mod connection;
pub mod dialer;
pub mod editor;
pub mod endpoint;
pub mod error;
#[cfg(test)]
pub(crate) mod fake;
pub mod history;
pub mod login;
pub mod message;
pub mod render;
pub mod session;
pub mod time;
pub mod tls;
