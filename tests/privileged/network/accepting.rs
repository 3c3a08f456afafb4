//! Accepts that fail, for want of descriptors of the whole machine or of memory.

use crate::support::privileges::{self, Need};
use crate::support::{Server, fresh_tag};

#[test]
fn a_failed_accept_is_tried_again_without_haste_and_told_once() {
    if !privileges::has(&[Need::Strace]) {
        return;
    }
    for error in ["ENFILE", "ENOBUFS", "EMFILE"] {
        // The first one succeeds; the next fifteen fail, with a pause of 100 ms after each.
        let inject = format!("inject=accept4:error={error}:when=2..16");
        let strace = [
            "strace",
            "-D",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            &inject,
        ];
        let server = Server::builder()
            .set("server.shards", 1)
            .under(&strace)
            .start();
        let mut ann = server.member("ann", "den");
        server.wait_for_log("accepting failed");
        // Nobody comes in now, and who is in goes on.
        let mut bob = server.connect();
        bob.send("AUTH;login;GUEST;bob");
        let mut said = 0;
        while bob
            .try_line_bytes(std::time::Duration::from_millis(20))
            .is_err()
        {
            ann.say("den", &fresh_tag(), "still here");
            said += 1;
        }
        bob.join("den", "");
        let id = ann.say("den", &fresh_tag(), "welcome");
        bob.until(&format!("MSG;den;{id};"));
        assert!(said > 0, "{error}: nothing failed");
        server.wait_for_log("accepting failed");
        assert_eq!(
            server.log_text().matches("accepting failed").count(),
            1,
            "{error}"
        );
    }
}
