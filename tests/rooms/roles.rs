//! Owners, moderators, members; and that all of it outlives the server.

use gencomm::store::accounts::Role;

use super::{House, change, refused, so_far};

#[test]
fn owners_make_owners_and_the_last_one_stays() {
    let mut house = House::open();
    let mut own = house.account("own");
    own.join("den", "");
    let mut second = house.account("second");
    second.join("den", "");
    let answer = refused(&mut own, "ROOM;x;den;member;own", "conflict");
    assert!(answer.contains("last owner"), "{answer:?}");
    refused(&mut second, "ROOM;x;den;owner;second", "forbidden");
    change(&mut own, "den", "owner;second");
    // Equals: neither can put the other out, but can say that they are less.
    refused(&mut second, "ROOM;x;den;ban;own", "forbidden");
    change(&mut second, "den", "moderator;own");
    refused(&mut own, "ROOM;x;den;private", "forbidden");
    refused(&mut own, "ROOM;x;den;moderator;own", "forbidden");
    change(&mut own, "den", "topic;still a moderator");
    let mut boss = house.admin("boss");
    refused(&mut boss, "ROOM;x;den;ban;second", "conflict");
    change(&mut boss, "den", "owner;boss");
    change(&mut boss, "den", "ban;second");
    second.until("LEFT;den;banned by boss");
    for action in ["owner", "moderator", "member", "invite"] {
        refused(
            &mut boss,
            &format!("ROOM;x;den;{action};nobody"),
            "not-found",
        );
    }
}

#[test]
fn a_moderator_who_is_one_no_longer_is_told_by_the_next_word() {
    let mut house = House::open();
    let mut own = house.account("own");
    own.join("den", "");
    let mut moderator = house.account("mod");
    change(&mut own, "den", "moderator;mod");
    moderator.join("den", "");
    change(&mut moderator, "den", "topic;mine");
    change(&mut own, "den", "member;mod");
    for act in [
        "topic;x",
        "kick;own",
        "ban;192.0.2.1",
        "mute;gus",
        "invite;own",
    ] {
        refused(&mut moderator, &format!("ROOM;x;den;{act}"), "forbidden");
    }
    let id = own.say("den", "t", "hello");
    refused(&mut moderator, &format!("DELETE;x;{id}"), "forbidden");
    moderator.say("den", "t", "a member still");
}

#[test]
fn a_room_of_guests_gets_an_owner_from_an_admin() {
    let mut house = House::open();
    let mut guest = house.server.member("gus", "corner");
    let mut ann = house.account("ann");
    ann.join("corner", "");
    refused(&mut ann, "ROOM;x;corner;topic;mine", "forbidden");
    refused(&mut ann, "ROOM;x;corner;create", "conflict");
    refused(&mut guest, "ROOM;x;corner;create", "forbidden");
    let mut boss = house.admin("boss");
    change(&mut boss, "corner", "owner;ann");
    change(&mut ann, "corner", "topic;mine now");
    guest.until("TOPIC;corner;ann;mine now");
    change(&mut boss, "lobby", "topic;welcome");
    let mut late = house.server.guest("late");
    late.send("JOIN;j;lobby;");
    late.expect_start("OK;j;lobby;");
    late.expect("TOPIC;lobby;boss;welcome");
    refused(&mut boss, "ROOM;x;nowhere;topic;x", "not-found");
}

#[test]
fn an_account_that_is_gone_leaves_no_role_to_the_next_of_its_name() {
    use gencomm::store::accounts::{Accounts, AuditEntry};
    let mut house = House::open();
    let mut own = house.account("own");
    own.join("den", "");
    let mut moderator = house.account("mod");
    change(&mut own, "den", "private");
    change(&mut own, "den", "moderator;mod");
    moderator.join("den", "");
    let entry = AuditEntry {
        time: gencomm::edge::wire::timestamp::Timestamp::now(),
        actor: "tests".into(),
        address: None,
        action: "user.remove".into(),
        room: None,
        subject: None,
        detail: String::new(),
    };
    house.accounts.remove("mod", &entry).expect("removed");
    moderator.until_closed();
    let log_in = house.add("mod", Role::Member);
    let mut heir = house.connect(&log_in);
    // The server hears of it within a second.
    let end = std::time::Instant::now() + crate::support::PATIENCE;
    loop {
        // The server may take it for the one that is gone, and send it away once.
        let answer = if heir.try_send("HISTORY;x;den;;") {
            heir.try_line()
        } else {
            Err(crate::support::Stop::Closed)
        };
        match answer.as_deref() {
            Ok("ERR;x;not-found;there is no such room") => break,
            Ok("BYE;account;0") => {}
            Ok(line) => assert!(
                line.starts_with("HIST;") || line.starts_with("OK;"),
                "{line:?}"
            ),
            Err(_) => heir = house.connect(&log_in),
        }
        assert!(std::time::Instant::now() < end, "it inherited the role");
    }
}

#[test]
fn everything_outlives_the_server() {
    let mut house = House::open();
    let lines: Vec<String> = ["own", "mod", "mem", "bad"]
        .map(|name| house.add(name, Role::Member))
        .into();
    let mut own = house.connect(&lines[0]);
    own.join("den", "");
    for act in [
        "private",
        "topic;what stays",
        "moderator;mod",
        "invite;mem",
        "mute;mem",
        "ban;bad",
        "ban;192.0.2.0/24",
        "retention;messages=1000",
    ] {
        change(&mut own, "den", act);
    }
    own.say("den", "t", "before");
    house.server.kill9();
    house.server.restart();
    let mut member = house.connect(&lines[2]);
    member.send("JOIN;j;den;after=0");
    member.expect_start("OK;j;den;");
    member.expect("TOPIC;den;own;what stays");
    member.expect_start("MSG;den;");
    refused(&mut member, "SEND;x;den;muted", "forbidden");
    refused(&mut house.connect(&lines[3]), "JOIN;x;den;", "not-found");
    refused(&mut house.server.guest("guest"), "JOIN;x;den;", "not-found");
    let mut moderator = house.connect(&lines[1]);
    change(&mut moderator, "den", "unban;192.0.2.0/24");
    refused(&mut moderator, "ROOM;x;den;retention;none", "forbidden");
    let mut own = house.connect(&lines[0]);
    change(&mut own, "den", "public");
    assert_eq!(so_far(&mut member), [""; 0]);
}
