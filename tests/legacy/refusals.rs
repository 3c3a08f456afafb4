//! Messages that are not stored, each with its reason in the log.

use std::io::Write;

use super::builder;
use crate::support::original_client::{connect_from, finish, read_once};
use crate::support::{OriginalClient, PATIENCE, Ports};

#[test]
fn messages_that_are_none_are_refused_and_harm_nobody() {
    let server = builder().start();
    let client = OriginalClient::log_in(&server);
    let ports = Ports::of(&server);

    let mut stranger = connect_from(OriginalClient::fresh_address(), ports.message);
    let _ = stranger.write_all(b"eve;let me in");
    assert_eq!(read_once(&mut stranger, 1024, PATIENCE), b"");
    server.wait_for_log("nobody is logged in from there");

    let too_large = format!("ann;{}", "x".repeat(8 * 1024 + 1));
    let endless_name = "n".repeat(5000);
    for (text, why) in [
        (&b"no separator"[..], "no ; in the message"),
        (b"", "no ; in the message"),
        (b"ann;", "is empty"),
        (too_large.as_bytes(), "limits.message_bytes"),
        (endless_name.as_bytes(), "no ; in the message"),
    ] {
        let seen = server.log_text().matches(why).count();
        let mut stream = client.open_message();
        // The server may close before it has everything.
        let _ = stream.write_all(text);
        finish(&stream);
        let answer = read_once(&mut stream, 1024, PATIENCE);
        assert!(answer.is_empty() || answer == b"Thx", "{answer:?}");
        server.wait_for_logs(why, seen + 1);
    }
    client.say("ann", "fits");
    client.expect(&[("ann", "fits")]);
    let mut gc2 = server.member("gil", "lobby");
    let bodies: Vec<_> = gc2
        .whole_history("lobby")
        .into_iter()
        .map(|(_, b)| b)
        .collect();
    assert_eq!(bodies, ["fits"]);
}

#[test]
fn any_bytes_are_a_message() {
    let server = builder().start();
    let client = OriginalClient::log_in(&server);
    let mut gc2 = server.member("gil", "lobby");
    let mut stream = client.open_message();
    stream.write_all(b"ann;\xff\0\r\n;x").expect("a message");
    drop(stream);
    let line = gc2.until("MSG;lobby;").1;
    assert!(line.ends_with(";ann;\\xFF\\x00\r\\n;x"), "{line:?}");
}
