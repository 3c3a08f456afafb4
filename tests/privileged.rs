//! Tests that need more than a user has: root, mounts, FUSE, network namespaces, or a tool that not every machine has. The built
//! program again, with real faults around it. Where something is missing a test says loudly that it was skipped, and passes
//! ([`support::privileges`]); `.ci/privileged` runs them all and says at its end what could not run.
#![allow(
    unreachable_pub,
    reason = "a test has nobody outside that could reach anything"
)]

mod support;

#[path = "privileged/asking.rs"]
mod asking;
#[path = "privileged/network/mod.rs"]
mod network;
