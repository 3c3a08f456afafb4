//! Around the flow: configuration, logging, wiring, supervision, control, shutdown.
//!
//! [`boot`] wires the tree and [`shutdown`] takes it apart; [`supervise`] starts actors again that panicked, [`again`] keeps what they were handling; [`config`] and [`logging`] are what an
//! operator sees, [`control`] the way to a running server, [`reload`] what changes there, and [`takeover`] how a new one takes its place; [`ports`] and [`sys`] ask the system,
//! [`watchdog`] ends a process with a thread that hangs, [`health`] looks whether all of it works, [`notify`] tells the service manager, [`memory`] gives back what a storm left,
//! [`trouble`] says a fault once that comes back with every request, and [`doctor`] asks all of them what would keep a server from working.

pub mod again;
pub mod boot;
pub mod config;
pub mod control;
pub mod doctor;
pub mod health;
pub mod logging;
pub mod memory;
pub mod notify;
pub(crate) mod panic_at;
pub mod ports;
pub mod reload;
mod shutdown;
pub mod supervise;
pub mod sys;
pub mod takeover;
pub mod trouble;
mod watchdog;
