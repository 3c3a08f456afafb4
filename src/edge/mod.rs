//! 1. Bytes in and out.

pub mod wire;
