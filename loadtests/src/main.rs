//! Concurrency benchmarks.
fn main() {}
