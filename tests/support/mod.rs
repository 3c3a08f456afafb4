//! What the tests share: a [`Server`] that is the real program, and [`Gc2`], a client that knows nothing but lines.
//!
//! Nothing here sleeps to wait for something: whoever waits reads a socket or a pipe with a deadline, which is long, so that a slow
//! machine fails no test.
#![allow(
    dead_code,
    unused_imports,
    reason = "not every combination of features uses every helper"
)]

pub mod forgetful;
mod gc2;
pub mod load;
mod names;
pub mod original_client;
pub mod privileges;
mod rounds;
mod senders;
mod server;
mod small_disk;
mod successor;

use std::time::Duration;

pub use gc2::{Gc2, Stop, number, parse_message};
pub use names::{fresh_address, fresh_tag};
pub use original_client::{Habits, OriginalClient, Ports};
pub use rounds::{KeptFolder, rounds, seed};
pub use senders::{Said, Senders, SendersReport, assert_same_ids};
pub use server::{Builder, Server};
pub use small_disk::SmallDisk;
pub use successor::Successor;

/// How long anything may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);
