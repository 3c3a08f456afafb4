//! Who is listed in `limits.exempt`, and who only looks like it.

use crate::support::{Gc2, Server, fresh_address};

#[test]
fn who_is_exempt_is_never_slowed_and_never_counted() {
    let (listed, other) = (fresh_address(), fresh_address());
    let server = Server::builder()
        .set("limits.exempt", format!("192.0.2.0/24,{listed}/32"))
        .set("limits.connections_per_address", 2)
        .set("limits.connections_per_account", 2)
        .set("limits.commands_per_second", 1)
        .set("limits.commands_burst", 10)
        .set("limits.joins_per_minute", 1)
        .set("limits.room_messages_per_second", 1)
        .set("limits.room_messages_burst", 1)
        .set("limits.new_rooms_per_minute", 1)
        .set("limits.log_ins_per_minute", 1)
        .set("limits.patience", "1s")
        .start();
    let connect = |from, name: &str| {
        let mut client = Gc2::connect_from(server.address(), from);
        client.login(name);
        client
    };
    let mut many: Vec<Gc2> = (0..10).map(|_| connect(listed, "bridge")).collect();
    let bridge = &mut many[0];
    for at in 0..20 {
        bridge.join(&format!("r{at}"), "");
    }
    for at in 0..200 {
        bridge.say("r0", &format!("t{at}"), "x");
    }
    // Sizes hold for it all the same.
    bridge.send(&format!("SEND;big;r0;{}", "x".repeat(9000)));
    bridge.until("ERR;big;too-large;");
    bridge.check_alive();

    let mut person = connect(other, "person");
    let mut told = false;
    for _ in 0..30 {
        person.send("PING;p;x");
        told = told || person.line().starts_with("ERR;p;rate-limited;");
    }
    assert!(told, "somebody else is held to it");
}

/// The deadline holds for whoever is exempt too.
#[test]
fn deadlines_know_no_exemption() {
    let server = Server::builder().set("auth.deadline", "300ms").start();
    assert_eq!(server.connect().until_closed(), [""; 0]);
}
