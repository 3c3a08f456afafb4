//! Around the flow: configuration, logging, wiring, supervision, shutdown.

pub mod config;
pub mod logging;
pub mod ports;
pub mod supervise;
pub mod sys;
