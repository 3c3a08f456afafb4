//! `gencomm counters`: what was refused is counted, and told by the running server.

use super::reload::gencomm;
use crate::support::Server;

#[test]
fn refusals_are_counted_and_told() {
    let builder = Server::builder().local_toml("[limits]\nexempt = []\njoins_per_minute = 2\n");
    let server = builder.set("limits.message_bytes", 10).start();
    let mut ann = server.member("ann", "den");
    ann.say("den", "a", "short");
    ann.until("MSG;den;1;");
    ann.send("SEND;b;den;longer than ten bytes");
    ann.expect_start("ERR;b;too-large;");
    ann.join("one", "");
    ann.send("JOIN;c;two");
    ann.expect_start("ERR;c;rate-limited;");
    ann.check_alive();

    let data = server.data_dir();
    let data = data.to_str().expect("text");
    let ran = gencomm(server.home(), &["counters", "--data", data, "--json"]);
    assert_eq!((ran.code, &*ran.err), (Some(0), ""));
    let counters: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(counters["too_large_total"], 1, "{counters}");
    assert_eq!(counters["joins_refused_total"], 1, "{counters}");
    assert_eq!(counters["floods_disconnected_total"], 0, "{counters}");
    let ran = gencomm(server.home(), &["counters", "--data", data]);
    let is_there = |line: &str| line.trim() == "1  joins_refused_total";
    assert!(ran.out.lines().any(is_there), "{}", ran.out);
}

#[test]
fn without_a_server_that_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_str().expect("text");
    let ran = gencomm(folder.path(), &["counters", "--data", data]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("no server runs on"), "{}", ran.err);
}
