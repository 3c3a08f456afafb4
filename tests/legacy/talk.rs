//! What original clients hear and say.

use std::io::Write;
use std::time::Duration;

use super::builder;
use crate::support::original_client::{finish, read_once};
use crate::support::{Habits, OriginalClient, PATIENCE};

#[test]
fn everybody_hears_everybody_in_order() {
    let server = builder().start();
    let mut gc2 = server.member("gil", "lobby");
    let ann = OriginalClient::log_in(&server);
    let bob = OriginalClient::log_in(&server);
    let said = [
        ("ann", "hello; with; semicolons"),
        ("bob", "two\nlines\n"),
        ("gil", r"a backslash \ and; more"),
        ("ann", r"raw \n stays"),
        ("bob", ";"),
        ("bob", "ünïcödé"),
    ];
    for (user, content) in said {
        match user {
            "ann" => ann.say(user, content),
            "gil" => {
                gc2.send(&format!("SEND;;lobby;{}", content.replace('\\', r"\\")));
            }
            _ => bob.say(user, content),
        }
        for client in [&ann, &bob] {
            client.expect(&[(user, content)]);
        }
        let line = gc2.until("MSG;lobby;").1;
        let stored = content.replace('\\', r"\\").replace('\n', r"\n");
        assert!(line.ends_with(&format!(";{user};{stored}")), "{line:?}");
    }
}

#[test]
fn the_name_is_known_with_the_first_message() {
    let server = builder().start();
    let mut gc2 = server.member("gil", "lobby");
    let client = OriginalClient::log_in(&server);
    let unnamed = format!("USER;w;legacy-{};guest", client.address());
    gc2.send("WHO;w;lobby");
    assert_eq!(gc2.until("USER;w;legacy").1, unnamed);
    client.say("no name#1", "x");
    client.expect(&[("no_name_1", "x")]);
    server.wait_for_log("repaired");
    gc2.send("WHO;v;lobby");
    let (before, line) = gc2.until("USER;v;no_name_1");
    assert_eq!(line, "USER;v;no_name_1;guest");
    assert!(
        !before.iter().any(|line| line.contains("legacy-")),
        "{before:?}"
    );
}

#[test]
fn a_record_longer_than_a_delivery_is_cut_with_a_mark() {
    let server = builder().start();
    let client = OriginalClient::log_in(&server);
    client.say("ann", &"é".repeat(4000));
    let record = client.record();
    assert!(record.content.ends_with("é…[cut]"), "{:?}", record.content);
    client.say("ann", "after it");
    client.expect(&[("ann", "after it")]);
    let sizes = client.batch_sizes();
    assert!(
        sizes[0] > 4090 && sizes.iter().all(|size| *size <= 4096),
        "{sizes:?}"
    );
}

#[test]
fn many_messages_come_in_batches_without_loss() {
    let server = builder().start();
    let client = OriginalClient::log_in(&server);
    let mut gc2 = server.member("gil", "lobby");
    let body = |number: usize| format!("{number};{}", "x".repeat(number * 37 % 900));
    for number in 0..1500 {
        gc2.send(&format!("SEND;;lobby;{}", body(number)));
    }
    for number in 0..1500 {
        client.expect(&[("gil", body(number).as_str())]);
    }
    let sizes = client.batch_sizes();
    assert!(sizes.iter().all(|size| *size <= 4096), "{sizes:?}");
    assert!(sizes.len() < 1000, "not batched: {}", sizes.len());
}

#[test]
fn a_client_that_fell_off_the_tail_catches_up_from_the_log() {
    let server = builder()
        .set("rooms.tail_bytes", "64KiB")
        .set("legacy.grace", "60s")
        .start();
    let late = Habits {
        opens_after: Some(Duration::from_millis(700)),
        ..Habits::default()
    };
    let client = OriginalClient::log_in_from(&server, OriginalClient::fresh_address(), late);
    let mut gc2 = server.member("gil", "lobby");
    let padding = "p".repeat(1000);
    for number in 0..400 {
        gc2.send(&format!("SEND;;lobby;{number} {padding}"));
    }
    let gone = gc2.say("lobby", "gone", "to be removed");
    gc2.send(&format!("DELETE;d;{gone}"));
    gc2.until("OK;d;");
    gc2.say("lobby", "end", "the end");
    for number in 0..400 {
        client.expect(&[("gil", format!("{number} {padding}").as_str())]);
    }
    client.expect(&[("gil", "the end")]);
}

#[test]
fn a_burst_is_stored_in_its_order() {
    let server = builder().start();
    let client = OriginalClient::log_in(&server);
    for number in 0..400 {
        client.say("ann", &number.to_string());
    }
    for number in 0..400 {
        client.expect(&[("ann", number.to_string().as_str())]);
    }
}

#[test]
fn order_is_that_of_the_connections_while_one_is_still_open() {
    let server = builder().start();
    let client = OriginalClient::log_in(&server);
    let mut open = client.open_message();
    // Ended by silence only, long after the second one ended by closing.
    open.write_all(b"ann;first").expect("a message");
    client.say("ann", "second");
    client.expect(&[("ann", "first"), ("ann", "second")]);
}

#[test]
fn a_polite_client_reads_its_thx_before_the_end() {
    let server = builder().start();
    let client = OriginalClient::log_in(&server);
    let mut polite = client.open_message();
    polite.write_all(b"ann;hello").expect("a message");
    assert_eq!(read_once(&mut polite, 1024, PATIENCE), b"Thx");
    finish(&polite);
    assert_eq!(read_once(&mut polite, 1024, PATIENCE), b"");
    client.expect(&[("ann", "hello")]);
}

#[test]
fn what_was_thanked_for_survives_the_stop() {
    let mut server = builder().start();
    let client = OriginalClient::log_in(&server);
    let mut polite = client.open_message();
    polite.write_all(b"ann;last words").expect("a message");
    assert_eq!(read_once(&mut polite, 1024, PATIENCE), b"Thx");
    assert_eq!(server.term().code(), Some(0));
    server.restart();
    let mut gc2 = server.member("gil", "lobby");
    let history = gc2.whole_history("lobby");
    assert_eq!(
        history.last().map(|(_, body)| body.as_str()),
        Some("last words")
    );
}
