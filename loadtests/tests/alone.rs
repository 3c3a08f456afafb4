//! What is read off the whole machine, and is therefore measured while no other test opens sockets.

#[path = "support/rows.rs"]
mod rows;
mod support;

use rows::{figure, rows};

#[test]
fn the_kernels_share_of_a_socket_is_some_kib() {
    let rows = rows(&["idle", "--clients", "300", "--durability", "os"]);
    // Not everybody may ask the kernel what a socket takes.
    if std::fs::read("/proc/slabinfo").is_ok_and(|text| !text.is_empty()) {
        let socket = figure(&rows[0], "kernel objects of a socket");
        assert!((1.0..20.0).contains(&socket), "{socket}");
    } else {
        eprintln!("SKIPPED the kernel's share of a socket: /proc/slabinfo is not for this user");
    }
}
