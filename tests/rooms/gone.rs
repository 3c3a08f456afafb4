//! Accounts that are removed or changed beside the server, in the second before their connections are closed.

use gencomm::edge::wire::names::RoomName;
use gencomm::edge::wire::timestamp::Timestamp;
use gencomm::store::accounts::{Accounts, AuditEntry, Person, Role, RoomRole};

use super::{House, change};
use crate::support::Gc2;

fn act(action: &'static str) -> AuditEntry {
    AuditEntry {
        time: Timestamp::now(),
        actor: "tests".into(),
        address: None,
        action: action.into(),
        room: None,
        subject: None,
        detail: String::new(),
    }
}

impl House {
    fn remove(&mut self, account: &str) {
        let entry = act("user.remove");
        self.accounts.remove(account, &entry).expect("an account");
    }

    /// What the database says of somebody in the den.
    fn person(&mut self, account: &str) -> Person {
        let den = RoomName::parse("den").expect("a name");
        let policy = self.accounts.room(&den).expect("the rooms");
        let known = policy.expect("the den").people.get(account).copied();
        known.unwrap_or_default()
    }
}

/// Sends lines until the connection is closed; none may be answered with `OK`.
#[track_caller]
fn nothing_is_done(client: &mut Gc2, lines: &[&str]) {
    for line in lines {
        client.try_send(line);
    }
    let heard = client.until_closed();
    assert!(heard.iter().any(|line| line.starts_with("ERR;x;")));
    let done = heard.iter().find(|line| line.starts_with("OK;x;"));
    assert_eq!(done, None, "{heard:?}");
}

#[test]
fn who_is_removed_leaves_no_room_to_whoever_takes_the_name() {
    let mut house = House::open();
    let mut eve = house.account("eve");
    eve.check_alive();
    house.remove("eve");
    nothing_is_done(
        &mut eve,
        &["ROOM;x;nest;create", "JOIN;x;den;", "ROOM;x;attic;create"],
    );
    let rooms = house.accounts.rooms().expect("the rooms");
    assert_eq!(rooms, []);
    let mut eve = house.account("eve");
    change(&mut eve, "nest", "create");
}

#[test]
fn a_role_is_not_written_again_for_who_is_removed() {
    let mut house = House::open();
    let mut own = house.account("own");
    own.join("den", "");
    for at in 0..5 {
        let name = format!("mod{at}");
        house.add(&name, Role::Member);
        change(&mut own, "den", &format!("moderator;{name}"));
        house.remove(&name);
        change(&mut own, "den", &format!("mute;{name}"));
        let person = house.person(&name);
        assert_eq!((person.role, person.is_muted), (None, true));
        // Somebody else, as far as the den is concerned.
        house.add(&name, Role::Member);
        change(&mut own, "den", &format!("invite;{name}"));
        assert_eq!(house.person(&name).role, Some(RoomRole::Member));
    }
}

#[test]
fn an_admin_who_is_one_no_longer_makes_nobody_an_owner() {
    let mut house = House::open();
    let mut own = house.account("own");
    own.join("den", "");
    let mut boss = house.admin("boss");
    boss.join("den", "");
    let id = own.say("den", "t", "keep this");
    let entry = act("user.role");
    let changed = house.accounts.set_role("boss", Role::Member, &entry);
    changed.expect("an account");
    nothing_is_done(
        &mut boss,
        &["ROOM;x;den;owner;boss", &format!("DELETE;x;{id}")],
    );
    assert_eq!(house.person("boss").role, None);
    own.send(&format!("GET;g;{id}"));
    own.until("OK;g;1");
}

#[test]
fn what_others_said_under_a_name_is_not_its_new_owners() {
    let mut house = House::open();
    let mut guest = house.server.guest("ann");
    guest.join("lobby", "");
    let by_guest = guest.say("lobby", "g", "from a guest called ann");
    guest.send("BYE;");
    guest.until_closed();
    let mut ann = house.account("ann");
    ann.join("lobby", "");
    let own = ann.say("lobby", "a", "from ann's account");
    ann.until(&format!("MSG;lobby;{own};"));
    ann.send(&format!("DELETE;d;{by_guest}"));
    ann.expect_start("ERR;d;forbidden;");
    ann.send(&format!("DELETE;e;{own}"));
    ann.until(&format!("OK;e;{own}"));
}
