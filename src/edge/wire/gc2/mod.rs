//! GC/2, the native protocol, as pure code: lines in, values out, and back.
//!
//! A server reads with [`lines`] and [`command`] and answers with [`reply`]; a client writes with [`request`] and
//! reads with [`server_line`]. The reference is `docs/protocol.md`.

pub mod command;
pub mod lines;
pub mod options;
pub mod range;
pub mod refusal;
pub mod reply;
pub mod request;
pub mod server_line;
pub mod text;

#[cfg(test)]
mod command_tests;
#[cfg(test)]
mod round_trip_tests;
