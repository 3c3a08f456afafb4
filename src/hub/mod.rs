//! 2. Who hears what: the actors.

pub mod rules;
