//! `gencomm serve` as its caller sees it: READY, exit codes, the end, messages about what is wrong.

mod refusals;
mod running;
mod stopping;
