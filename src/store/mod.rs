//! 3. What remains: the message log.
//!
//! Nothing above [`log`] knows which back end is there; only `hub` and the offline commands of `cli` come here.

pub mod log;
