//! `presence=on`.

use crate::support::Server;

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

#[test]
fn several_connections_of_an_account_come_and_go_as_one() {
    let server = Server::builder().set("server.shards", 1).start();
    let mut ann = server.connect();
    ann.send("HELLO;h;2;tests;presence=on");
    ann.expect_start("WELCOME;h;2;");
    ann.login("ann");
    ann.join("den", "");
    for _ in 0..3 {
        // More of them than shards, so some meet on one and some do not.
        let mut bobs: Vec<_> = (0..8).map(|_| server.member("bob", "den")).collect();
        ann.expect("JOINED;den;bob");
        let last = bobs.pop();
        drop(bobs);
        // The others are gone once WHO, which asks everybody, has been answered for another one's coming and going.
        let mut tim = server.member("tim", "den");
        ann.expect("JOINED;den;tim");
        tim.ask("PART;p;den", "OK;p;den");
        ann.expect("PARTED;den;tim");
        drop(last);
        ann.expect("PARTED;den;bob");
    }
}
