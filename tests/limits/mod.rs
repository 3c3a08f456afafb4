//! Rates and counts, with nobody exempt: what a person does passes, what a flood does is told, slowed and at the end sent away; what got
//! an OK is kept, and what was refused was not stored.

mod counts;
mod exempt;
mod floods;
mod rooms;

use std::net::Ipv4Addr;

use crate::support::{Builder, Gc2, Server, fresh_address};

/// A server that holds everybody to its limits.
fn strict() -> Builder {
    Server::builder().local_toml("[limits]\nexempt = []\n")
}

/// A guest from an address of its own.
fn guest(server: &Server, name: &str) -> Gc2 {
    guest_from(server, name, fresh_address())
}

fn guest_from(server: &Server, name: &str, address: Ipv4Addr) -> Gc2 {
    let mut client = Gc2::connect_from(server.address(), address);
    client.login(name);
    client
}

/// The same in a room.
fn member(server: &Server, name: &str, room: &str) -> Gc2 {
    let mut client = guest(server, name);
    client.join(room, "");
    client
}
