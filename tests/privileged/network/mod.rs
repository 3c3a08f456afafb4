//! Networks that fail: the real server in one network namespace, clients in others, and packets between them that are dropped for ever,
//! for a while, or now and then. Nothing is lost, nothing comes twice, and who is dead is let go in time.

mod accepting;
mod dead;
mod loss;
mod partition;
mod slow;
mod space;
mod travellers;
