//! `gencomm serve` as its caller sees it: READY, exit codes, the end, messages about what is wrong.

mod control;
mod counters;
mod refusals;
pub mod reload;
mod running;
mod stopping;
