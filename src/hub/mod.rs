//! 2. Who hears what: the actors.
//!
//! A message comes in at its sender's [`client`], goes to [`log`], which is one, and from there once to each shard's [`room`], which wakes
//! the members' clients. [`session`] and [`auth`] are above the clients, [`leaving`] is how they go, [`heartbeat`] watches them, [`codec`] is C16, [`registry`] decides about rooms. What they decide is in
//! [`rules`], without actors; what a shard's actors share is in [`shard`] and, for each client, its [`seat`]. Clients are [`light`] actors; [`probe`] shows that all of it works; [`strangers`] is what those take who are not in; [`runner`] runs
//! them.

pub mod addresses;
mod ask;
pub mod auth;
pub mod client;
pub mod codec;
pub mod connections;
pub mod counters;
pub mod heartbeat;
pub mod identity;
pub mod known_accounts;
pub mod leaving;
pub mod legacy;
pub mod light;
pub mod log;
pub mod log_queue;
pub mod messages;
pub mod page_slots;
pub mod probe;
pub mod registry;
pub mod room;
pub mod rules;
pub mod runner;
pub mod seat;
pub mod session;
pub mod shard;
pub mod strangers;

/// Makes an actor panic, to show that it is survived; the text says where, for actors that have several places.
#[cfg(feature = "fault-injection")]
#[derive(Debug, Clone, Copy, actix::Message)]
#[rtype(result = "()")]
pub struct Provoke(pub &'static str);
