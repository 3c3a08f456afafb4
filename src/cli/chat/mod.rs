//! `gencomm chat`: talk in a room, by hand or through pipes.
//!
//! [`interactive`] has a terminal on both sides, [`piped`] has not; [`commands`] are what begins with a slash.

mod commands;
mod interactive;
mod piped;

use std::io::{self, IsTerminal};

use super::args::ChatArgs;
use super::output::Failure;
use crate::edge::wire::gc2::range::JoinFrom;
use crate::term::endpoint::Endpoint;
use crate::term::session::{Session, start};

/// Messages of the past that are shown on joining.
const PAST: u32 = 20;

/// Runs it.
pub async fn run(endpoint: Endpoint, args: &ChatArgs) -> Result<(), Failure> {
    let room = args.client.room.clone();
    let session = Session::new(endpoint.who, room.clone(), JoinFrom::Last(PAST));
    let live = start(endpoint.server, session);
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        interactive::run(live, room).await
    } else {
        piped::run(live).await
    }
}
