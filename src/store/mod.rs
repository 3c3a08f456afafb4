//! 3. What remains: the message log, and who may do what.
//!
//! Nothing above [`log`] and [`accounts`] knows which back end is there; only `hub` and the offline commands of `cli` come here.

pub mod accounts;
pub mod log;
