//! Pure codecs: bytes to values and back. No I/O, no actors, nothing that waits.
//!
//! [`names`] and [`timestamp`] are the fields, [`escape`] and [`c16`] the two forms of a message's body,
//! [`record`] the line of the log, [`sasl`] the data of a log-in. [`first_bytes`] tells the protocols of a new connection apart; [`gc2`] is the native
//! one, [`legacy`] that of the original clients, [`proxy`] what a proxy puts before all of them.

pub mod c16;
pub mod escape;
pub mod first_bytes;
pub mod gc2;
pub mod legacy;
pub mod names;
pub mod proxy;
pub mod record;
pub mod sasl;
pub mod timestamp;
