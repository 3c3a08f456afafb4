//! Panics that are provoked in each actor while others send and read. Compiled only with the feature `fault-injection`, which gives
//! the server the verb `PROVOKE;{tag};{place}`, and `GENCOMM_PANICS` in its environment.

mod campaign;
mod client;
mod in_hand;
mod limits;
mod places;
mod under_load;
mod world;
