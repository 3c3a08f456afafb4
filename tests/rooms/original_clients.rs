//! Clients of the original system live in the lobby: what is decided about it holds for them too.

use super::{House, change};
use crate::support::{Builder, OriginalClient, Server};

fn builder() -> Builder {
    Server::builder()
        .set("legacy.enabled", "true")
        .set("legacy.auth_port", "0")
        .set("legacy.message_port", "0")
}

#[test]
fn their_names_can_be_muted_and_their_addresses_banned() {
    let mut house = House::of(builder());
    let mut boss = house.admin("boss");
    boss.join("lobby", "");
    let old = OriginalClient::log_in(&house.server);
    let other = OriginalClient::log_in(&house.server);
    old.say("olaf", "hello");
    boss.until("MSG;lobby;");
    change(&mut boss, "lobby", "mute;olaf");
    old.say("olaf", "muted");
    house.server.wait_for_log("may not speak in the lobby");
    other.say("otto", "heard");
    let line = boss.until("MSG;lobby;").1;
    assert!(line.ends_with(";otto;heard"), "{line:?}");
    // Another room is another matter.
    boss.join("den", "");
    change(&mut boss, "den", &format!("ban;{}", other.address()));
    other.say("otto", "still here");
    let line = boss.until("MSG;lobby;").1;
    assert!(line.ends_with(";otto;still here"), "{line:?}");
    change(&mut boss, "lobby", &format!("ban;{}", other.address()));
    house.server.wait_for_log("put out of the lobby");
    boss.send("WHO;w;lobby");
    let who = boss.until("OK;w;").0;
    assert!(!who.iter().any(|line| line.contains("otto")), "{who:?}");
    boss.say("lobby", "t", "who is left?");
    old.expect(&[
        ("olaf", "hello"),
        ("otto", "heard"),
        ("otto", "still here"),
        ("boss", "who is left?"),
    ]);
}
