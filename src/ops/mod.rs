//! Around the flow: configuration, logging, wiring, supervision, shutdown.
//!
//! [`boot`] wires the tree and [`shutdown`] takes it apart; [`supervise`] starts actors again that panicked; [`config`] and [`logging`] are what an
//! operator sees; [`ports`] and [`sys`] ask the system,
//! and [`doctor`] asks all of them what would keep a server from working.

pub mod boot;
pub mod config;
pub mod doctor;
pub mod logging;
pub mod ports;
mod shutdown;
pub mod supervise;
pub mod sys;
