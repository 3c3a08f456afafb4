//! Panics.
