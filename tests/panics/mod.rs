//! Panics that are provoked in each actor while others send and read. Compiled only with the feature `fault-injection`, which gives
//! the server the verb `PROVOKE;{tag};{place}`.

mod client;
mod under_load;
