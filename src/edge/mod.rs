//! 1. Bytes in and out: listeners, outboxes, and the gates, one a protocol.
//!
//! [`listener`] accepts and hands each connection to the hub, [`bar`] has the kernel let nobody in from where a flood comes; [`stream`] is such a connection, plain or with [`tls`], on a [`socket`] of which the
//! [`poller`] has news; [`outbox`] is what waits for a client; [`legacy`] is the gate of the original clients; [`wire`] holds the pure codecs
//! of all protocols.

pub mod bar;
pub mod legacy;
pub mod listener;
pub mod outbox;
pub mod poller;
pub mod socket;
pub mod stream;
pub mod tls;
pub mod wire;
