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
