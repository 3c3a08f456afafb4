//! Asking for privileges: what a machine has, it has under every name it goes by, and what no machine has is skipped.

use crate::support::privileges::{Need, missing};

#[test]
fn a_tool_that_is_nowhere_is_missing_and_named() {
    assert_eq!(missing(&[]), None);
    let needs = [Need::Tool("no-machine-has-this")];
    let missing = missing(&needs).expect("it is missing");
    assert!(missing.contains("no-machine-has-this"), "{missing}");
}

#[test]
fn a_shell_is_on_every_machine() {
    assert_eq!(missing(&[Need::Tool("sh")]), None);
}
