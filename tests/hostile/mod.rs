//! Bad input: each gets the right `ERR`, or a closed connection with a logged reason, and harms nobody else.

mod amplifiers;
mod extremes;
mod flood;
mod limits;
mod probes;
mod readiness;
mod smuggling;
mod syntax;
