//! 3. What remains: the message log, who may do what, and copies of both.
//!
//! Nothing above [`log`] and [`accounts`] knows which back end is there; only `hub` and the offline commands of `cli` come here.

pub mod accounts;
pub(crate) mod backup;
pub mod log;
