//! 2. Who hears what: the actors.
