//! General Communications: a self-hosted real-time chat server.
//!
//! A tour of the tree in the order in which a message travels:
//!
//! 1. [`edge`]: bytes in and out. Listeners, sockets, outboxes, and the gates, one a protocol;
//!    `edge::wire` holds the pure codecs.
//! 2. [`hub`]: who hears what. The actors; `hub::rules` holds the decisions, free of actix.
//! 3. [`store`]: what remains. The log on disk.
//!
//! Around the flow: [`ops`] wires, configures and watches it; [`term`] and [`cli`] are what people touch.

pub mod cli;
pub mod edge;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod hub;
pub mod ops;
pub mod store;
pub mod term;
