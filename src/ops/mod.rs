//! Around the flow: configuration, logging, wiring, supervision, control, shutdown.
//!
//! [`boot`] wires the tree and [`shutdown`] takes it apart; [`supervise`] starts actors again that panicked; [`config`] and [`logging`] are what an
//! operator sees, [`control`] the way to a running server, [`reload`] what changes there, and [`takeover`] how a new one takes its place; [`ports`] and [`sys`] ask the system,
//! [`memory`] gives back what a storm left, and [`doctor`] asks all of them what would keep a server from working.

pub mod boot;
pub mod config;
pub mod control;
pub mod doctor;
pub mod logging;
pub mod memory;
pub mod ports;
pub mod reload;
mod shutdown;
pub mod supervise;
pub mod sys;
pub mod takeover;
