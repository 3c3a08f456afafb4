//! Heartbeats and the grace.

use std::time::Duration;

use super::builder;
use crate::support::{Builder, Habits, OriginalClient};

fn fast() -> Builder {
    builder()
        .set("legacy.heartbeat_interval", "50ms")
        .set("legacy.grace", "1500ms")
}

#[test]
fn a_client_that_answers_stays() {
    let server = fast().set("legacy.grace", "100ms").start();
    let client = OriginalClient::log_in(&server);
    client.wait_for_beats(6);
    client.say("ann", "alive");
    client.expect(&[("ann", "alive")]);
}

#[test]
fn ports_that_open_within_the_grace_are_waited_for() {
    let server = fast().set("legacy.grace", "30s").start();
    let mut gc2 = server.member("gil", "lobby");
    let late = Habits {
        opens_after: Some(Duration::from_millis(600)),
        ..Habits::default()
    };
    let client = OriginalClient::log_in_from(&server, OriginalClient::fresh_address(), late);
    gc2.say("lobby", "t1", "early");
    gc2.say("lobby", "t2", "words");
    client.expect(&[("gil", "early"), ("gil", "words")]);
    client.wait_for_beats(2);
}

#[test]
fn a_client_that_never_opens_its_ports_is_removed_after_the_grace() {
    let server = fast().start();
    let never = Habits {
        opens_after: None,
        ..Habits::default()
    };
    let client = OriginalClient::log_in_from(&server, OriginalClient::fresh_address(), never);
    server.wait_for_log("heartbeat: connection refused");
    client.say("ann", "from nobody");
    server.wait_for_log("nobody is logged in from there");
    let mut gc2 = server.member("gil", "lobby");
    gc2.ask("WHO;w;lobby", "USER;w;gil;guest");
    gc2.expect("OK;w;1");
}

#[test]
fn a_delivery_refused_after_the_grace_removes_the_client() {
    let server = builder().set("legacy.grace", "100ms").start();
    let mut gc2 = server.member("gil", "lobby");
    let client = OriginalClient::log_in(&server);
    gc2.say("lobby", "t1", "heard");
    client.expect(&[("gil", "heard")]);
    std::thread::sleep(Duration::from_millis(150));
    drop(client);
    gc2.say("lobby", "t2", "unheard");
    server.wait_for_log("delivery: connection refused");
}

#[test]
fn an_answer_that_is_no_clock_removes_the_client() {
    let server = fast().set("legacy.grace", "60s").start();
    let odd = Habits {
        heartbeat_answer: Some("abc"),
        ..Habits::default()
    };
    let _client = OriginalClient::log_in_from(&server, OriginalClient::fresh_address(), odd);
    server.wait_for_log("is not a decimal number of seconds");
    server.wait_for_log("original client removed");
}
