//! The decisions of the hub, free of actors and I/O: each takes what is known and returns what to do.
//!
//! [`block`], [`tail`] and [`cursor`] together are the one way in which anything is read: JOIN's past, catch-up,
//! resume and the present. [`access`] says who may do what, [`beat`] when a silent client is asked and when it is gone, [`presence`] who
//! comes and goes, [`strangers`] how much of a shard those take who are not in.

pub mod access;
pub mod back_off;
pub mod beat;
pub mod block;
pub mod bucket;
pub mod cursor;
pub mod hashed;
pub mod meter;
pub mod names_in_use;
pub mod presence;
pub mod room_change;
pub mod standing;
pub mod strangers;
pub mod tail;
pub mod tail_budget;
