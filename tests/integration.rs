//! Integration tests: the built program, driven over real sockets on loopback. One binary for all of them, since linking costs more
//! than running. Every test starts its own server in a folder of its own and takes no fixed port.
#![allow(
    unreachable_pub,
    reason = "a test has nobody outside that could reach anything"
)]

mod support;

mod accounts;
mod auth;
mod crash;
mod direct;
mod gc2;
mod hostile;
mod legacy;
mod limits;
mod log_tools;
mod overload;
#[cfg(feature = "fault-injection")]
mod panics;
mod rooms;
mod serve;
mod tidy;
mod tls;
