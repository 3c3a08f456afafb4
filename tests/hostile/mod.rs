//! Bad input: each gets the right `ERR`, or a closed connection with a logged reason, and harms nobody else.

mod flood;
mod probes;
mod syntax;
