//! `presence=on`.

use crate::support::{Gc2, Server};

#[test]
fn who_asked_for_it_hears_who_comes_and_goes() {
    let server = Server::start();
    let mut ann = server.connect();
    ann.send("HELLO;h;2;tests;presence=on");
    ann.expect_start("WELCOME;h;2;");
    ann.login("ann");
    ann.join("den", "");
    let mut deaf = server.member("deaf", "den");
    ann.expect("JOINED;den;deaf");
    let mut bob = server.member("Bob", "den");
    ann.expect("JOINED;den;Bob");
    // A room that ann is not in.
    bob.join("other", "");
    bob.ask("PART;p;den", "OK;p;den");
    ann.expect("PARTED;den;Bob");
    bob.join("den", "");
    ann.expect("JOINED;den;Bob");
    drop(bob);
    ann.expect("PARTED;den;Bob");
    deaf.ask("PING;end;", "PONG;end;");
}

/// A connection that hears who comes into `den` and goes.
fn watcher(server: &Server) -> Gc2 {
    let mut client = server.connect();
    client.send("HELLO;h;2;tests;presence=on");
    client.expect_start("WELCOME;h;2;");
    client.login("watcher");
    client.join("den", "");
    client
}

/// The next line about somebody's coming or going has to be this one.
#[track_caller]
fn expect_presence(watcher: &mut Gc2, expected: &str) {
    let mut line = watcher.line();
    while line.starts_with("MSG;") {
        line = watcher.line();
    }
    assert_eq!(line, expected);
}

fn part(client: &mut Gc2) {
    client.send("PART;p;den");
    client.until("OK;p;den");
}

/// Eight connections of one account come and go; the watcher hears of one coming and one going.
fn come_and_go(server: &Server, watcher: &mut Gc2) {
    // More of them than shards, so some meet on one and some do not.
    let mut bobs: Vec<_> = (0..8).map(|_| server.member("bob", "den")).collect();
    expect_presence(watcher, "JOINED;den;bob");
    let last = bobs.pop();
    for bob in &mut bobs {
        part(bob);
    }
    let mut tim = server.member("tim", "den");
    expect_presence(watcher, "JOINED;den;tim");
    part(&mut tim);
    expect_presence(watcher, "PARTED;den;tim");
    drop(last);
    expect_presence(watcher, "PARTED;den;bob");
}

#[test]
fn several_connections_of_an_account_come_and_go_as_one() {
    for shards in [1, 3] {
        let server = Server::builder().set("server.shards", shards).start();
        let mut watcher = watcher(&server);
        for _ in 0..4 {
            come_and_go(&server, &mut watcher);
        }
    }
}

#[cfg(feature = "fault-injection")]
#[test]
fn who_is_there_is_known_after_the_fan_outs_panicked() {
    let server = Server::builder().set("server.shards", 3).start();
    let mut watcher = watcher(&server);
    let mut bobs: Vec<_> = (0..8).map(|_| server.member("bob", "den")).collect();
    expect_presence(&mut watcher, "JOINED;den;bob");
    // Whichever shards these four are on; no shard panics more often than it may.
    for bob in bobs.iter_mut().take(4) {
        bob.ask("PROVOKE;p;room", "OK;p;room");
    }
    // Everybody is back once everybody hears the room again.
    let id = watcher.say("den", "t", "we are");
    for bob in &mut bobs {
        bob.until(&format!("MSG;den;{id};"));
    }
    let last = bobs.pop();
    for bob in &mut bobs {
        part(bob);
    }
    drop(last);
    expect_presence(&mut watcher, "PARTED;den;bob");
    come_and_go(&server, &mut watcher);
}
