//! One file a subcommand; each parses nothing, it is handed its options.

pub mod config;
