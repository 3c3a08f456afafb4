//! Hostile bytes: what the fuzz targets of `tests/fuzz` run, and the tests of this crate in short.
//!
//! In: any bytes. Out: nothing, or a panic that says which promise was broken. A target is more than "does not crash": what is read
//! can be written and read again, cuts do not matter, two ways to the same answer agree, nothing grows beyond what came in.
//! Compiled for tests and with the feature `fuzzing` only.

mod first_bytes;
mod gc2;
mod input;
mod legacy;
mod record;
mod sasl;
#[cfg(test)]
mod tests;

pub use crate::cli::fuzzing::client;
pub use crate::cli::log::import::fuzzing::import;
pub use crate::edge::wire::c16::fuzzing::c16;
pub use crate::ops::config::fuzzing::{config, config_text};
pub use crate::ops::control::fuzzing::control;
pub use crate::store::log::embedded::fuzzing::{journal, log_folder};
pub use crate::store::log::segment::fuzzing::sidecars;

pub use first_bytes::first_bytes;
pub use gc2::gc2;
pub(crate) use input::Input;
pub use legacy::legacy;
pub use record::record;
pub use sasl::sasl;

/// One way to hand in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// As the program and the folder of its corpus are called.
    pub name: &'static str,
    /// Panics if a promise is broken.
    pub run: fn(&[u8]),
    /// Longest input that is worth trying, in bytes.
    pub bytes_max: usize,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("gc2", gc2, 256),
    target("record", record, 200),
    target("sidecars", sidecars, 320),
    target("journal", journal, 600),
    target("log_folder", log_folder, 64),
    target("legacy", legacy, 128),
    target("first_bytes", first_bytes, 160),
    target("config_text", config_text, 200),
    target("config", config, 256),
    target("c16", c16, 512),
    target("import", import, 256),
    target("sasl", sasl, 256),
    target("control", control, 200),
    target("client", client, 256),
];

const fn target(name: &'static str, run: fn(&[u8]), bytes_max: usize) -> Target {
    Target {
        name,
        run,
        bytes_max,
    }
}
