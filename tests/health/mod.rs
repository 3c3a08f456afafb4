//! Whether the server serves: how it says so, to people and to what supervises it, and what becomes of one with a thread that hangs.

pub mod notify;
mod probe;
mod unit_file;
#[cfg(feature = "fault-injection")]
mod watchdog;

use crate::serve::reload::{Ran, gencomm};
use crate::support::Server;

/// `gencomm health` for the data of `server`.
fn health(server: &Server, more: &[&str]) -> Ran {
    let data = server.data_dir();
    let mut arguments = vec!["health", "--data", data.to_str().expect("text")];
    arguments.extend(more);
    gencomm(server.home(), &arguments)
}

/// The line of a step.
#[track_caller]
fn step<'a>(ran: &'a Ran, name: &str) -> &'a str {
    let mut lines = ran.out.lines();
    let line = lines.find(|line| line.split(' ').next() == Some(name));
    line.unwrap_or_else(|| panic!("no {name} in {:?} {:?}", ran.out, ran.err))
}

/// Has a client hang its shard: nobody else is there to lose a connection.
#[cfg(feature = "fault-injection")]
fn provoke(server: &Server, place: &str) {
    let mut client = server.guest("saboteur");
    client.send(&format!("PROVOKE;p;{place}"));
    if place.starts_with("hang-") {
        client.expect_start("OK;p;");
    }
}
