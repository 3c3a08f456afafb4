//! Beside a running server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{PASSWORD, Place};
use crate::support::Server;

#[test]
fn what_is_done_beside_a_running_server_holds_there() {
    let server = Server::start();
    let place = Place::of_server(&server.data_dir());
    place.add("alice", &["--role", "admin"]);
    place.run(&["user", "add", "builder", "--role", "bot"]).ok();
    let token = place.run(&["user", "token", "builder", "add", "ci"]).ok();
    let token = STANDARD.encode(token.trim_end());
    let log_in = |name: &str| {
        let mut client = server.connect();
        match name {
            "builder" => client.send(&format!("AUTH;a;TOKEN;{token}")),
            _ => {
                let data = STANDARD.encode(format!("\0{name}\0{PASSWORD}"));
                client.send(&format!("AUTH;a;PLAIN;{data}"));
            }
        }
        client
    };
    let mut alice = log_in("alice");
    alice.expect_start("OK;a;alice;");
    let mut builder = log_in("builder");
    builder.expect_start("OK;a;builder;");

    // Both are disconnected, without anybody having to tell the server.
    place.run(&["user", "suspend", "alice"]).ok();
    place
        .run(&["user", "token", "builder", "revoke", "ci"])
        .ok();
    alice.until_closed();
    builder.until_closed();
    for name in ["alice", "builder"] {
        log_in(name).expect_start("ERR;a;");
    }
}
