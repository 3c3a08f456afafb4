//! Rooms and the audit log.

use std::time::Duration;

use super::*;

fn create(by: &str) -> RoomEdit {
    RoomEdit::Create {
        is_private: true,
        created_by: Some(by.into()),
    }
}

fn person(account: &str, role: Option<RoomRole>, is_banned: bool, is_muted: bool) -> RoomEdit {
    let account = account.into();
    let person = Person {
        role,
        is_banned,
        is_muted,
    };
    RoomEdit::Person { account, person }
}

/// Every edit changes a snapshot in memory just as it changes the file.
#[test]
fn edits_on_the_disk_and_in_memory_agree() {
    let home = Home::new();
    let mut db = home.open();
    let name = room("dev");
    let mut held = RoomPolicy::new(name.clone(), Timestamp::default());
    let topic = Topic {
        text: "what; we \u{fc}ber do".to_owned(),
        by: user("Alice"),
        at: at(7).time,
    };
    let rule = RetentionRule {
        age: Duration::from_millis(86_400_001),
        messages: u64::MAX / 4,
    };
    let ban = |text: &str| RoomEdit::BanAddress(text.parse().unwrap());
    let edits = [
        create("alice"),
        RoomEdit::Private(false),
        RoomEdit::Topic(Some(topic)),
        RoomEdit::Retention(rule),
        person("bob", Some(RoomRole::Moderator), false, true),
        person("carol", None, true, false),
        person("bob", Some(RoomRole::Member), true, false),
        ban("2001:db8::7/32"),
        ban("192.0.2.9/24"),
        ban("192.0.2.77/24"),
        ban("10.0.0.1/32"),
        RoomEdit::UnbanAddress("10.0.0.1/32".parse().unwrap()),
        RoomEdit::UnbanAddress("10.9.9.9/32".parse().unwrap()),
        person("bob", None, false, false),
        person("nobody", None, false, false),
        RoomEdit::Topic(None),
        RoomEdit::Private(true),
    ];
    for (n, edit) in (10..).zip(&edits) {
        db.edit_room(&name, edit, &at(n)).unwrap();
        held.apply(edit, at(n).time);
        assert_eq!(db.room(&name).unwrap().as_ref(), Some(&held), "{edit:?}");
    }
    assert_eq!(held.people.len(), 2);
    assert_eq!(held.banned_addresses.len(), 2);
    assert_eq!(held.created, at(10).time);
    assert_eq!(audited(&mut db), edits.len());
    drop(db);
    let mut db = home.open();
    assert_eq!(db.rooms().unwrap(), [held]);
    db.edit_room(&name, &RoomEdit::Remove, &at(50)).unwrap();
    assert!(db.rooms().unwrap().is_empty());
    // Nothing of the old room is in a new one.
    db.edit_room(&name, &create("dan"), &at(51)).unwrap();
    let fresh = db.room(&name).unwrap().unwrap();
    assert_eq!((fresh.people.len(), fresh.banned_addresses.len()), (1, 0));
}

#[test]
fn rooms_do_not_get_into_each_other() {
    let mut db = Home::new().open();
    for (name, owner) in [("b", "alice"), ("a", "bob"), ("c", "alice")] {
        db.edit_room(&room(name), &create(owner), &at(1)).unwrap();
    }
    let carol = person("carol", None, false, true);
    db.edit_room(&room("b"), &carol, &at(2)).unwrap();
    let rooms = db.rooms().unwrap();
    let names: Vec<&str> = rooms.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let sizes: Vec<usize> = rooms.iter().map(|one| one.people.len()).collect();
    assert_eq!(sizes, [1, 2, 1]);
    let owner = rooms[0].people[&*std::sync::Arc::<str>::from("bob")];
    assert_eq!(owner.role, Some(RoomRole::Owner));
    assert_eq!(db.rooms_created_by("alice").unwrap(), 2);
    assert_eq!(db.rooms_created_by("carol").unwrap(), 0);
    assert_eq!(db.room(&room("d")).unwrap(), None);
}

#[test]
fn what_cannot_be_edited_is_refused() {
    let mut db = Home::new().open();
    let name = room("dev");
    for edit in [
        RoomEdit::Private(true),
        RoomEdit::Remove,
        person("a", None, true, false),
    ] {
        let error = db.edit_room(&name, &edit, &at(1)).unwrap_err();
        assert!(matches!(error, AccountsError::NoSuchRoom(_)), "{error}");
    }
    db.edit_room(&name, &create("alice"), &at(1)).unwrap();
    let error = db.edit_room(&name, &create("bob"), &at(1)).unwrap_err();
    assert!(matches!(error, AccountsError::RoomExists(_)), "{error}");
    let topic = Topic {
        text: "x".repeat(TOPIC_BYTES_MAX + 1),
        by: user("alice"),
        at: at(1).time,
    };
    let error = db.edit_room(&name, &RoomEdit::Topic(Some(topic)), &at(1));
    assert!(matches!(error, Err(AccountsError::Malformed(_))));
    for n in 0..BANS_PER_ROOM_MAX {
        let net = std::net::Ipv4Addr::from(u32::try_from(n).unwrap());
        let ban = RoomEdit::BanAddress(std::net::IpAddr::from(net).into());
        db.edit_room(&name, &ban, &at(2)).unwrap();
    }
    let ban = RoomEdit::BanAddress("10.0.0.0/8".parse().unwrap());
    let error = db.edit_room(&name, &ban, &at(2)).unwrap_err();
    assert!(matches!(
        error,
        AccountsError::Full {
            limit: BANS_PER_ROOM_MAX,
            ..
        }
    ));
    let held = db.room(&name).unwrap().unwrap().banned_addresses.len();
    assert_eq!(held, 1000, "what was refused is taken back");
}

#[test]
fn who_is_removed_loses_roles_and_keeps_bans() {
    let mut db = Home::new().open();
    add(&mut db, "alice");
    let (one, two) = (room("one"), room("two"));
    db.edit_room(&one, &create("alice"), &at(1)).unwrap();
    db.edit_room(&two, &create("bob"), &at(1)).unwrap();
    let banned = person("alice", Some(RoomRole::Member), true, true);
    db.edit_room(&two, &banned, &at(2)).unwrap();
    db.remove("alice", &at(3)).unwrap();
    let rooms = db.rooms().unwrap();
    assert!(rooms[0].people.is_empty() && rooms[0].created_by.is_none());
    let left = Person {
        role: None,
        is_banned: true,
        is_muted: true,
    };
    assert_eq!(rooms[1].people.get("alice"), Some(&left));
    assert_eq!(db.rooms_created_by("alice").unwrap(), 0);
}

#[test]
fn the_audit_log_keeps_the_newest() {
    let home = Home::new();
    let mut options = home.options();
    options.audit_records_max = 5;
    let mut db = EmbeddedAccounts::open(&options).unwrap();
    let full = AuditEntry {
        address: Some("2001:db8::1".parse().unwrap()),
        action: "room.ban".into(),
        room: Some(room("dev")),
        subject: Some("mallory".to_owned()),
        detail: "line\nline; \u{fc}".to_owned(),
        ..at(1)
    };
    db.audit(&full).unwrap();
    assert_eq!(db.audit_page(None, 9).unwrap()[0].entry, full);
    for n in 2..=12 {
        db.audit(&at(n)).unwrap();
    }
    let times = |page: Vec<AuditRecord>| {
        let seconds = page
            .iter()
            .map(|one| one.entry.time.as_micros() / 1_000_000);
        seconds.collect::<Vec<u64>>()
    };
    assert_eq!(times(db.audit_page(None, 100).unwrap()), [8, 9, 10, 11, 12]);
    let page = db.audit_page(None, 2).unwrap();
    let oldest = page[0].id;
    assert_eq!(times(page), [11, 12]);
    assert_eq!(times(db.audit_page(Some(oldest), 2).unwrap()), [9, 10]);
    assert!(db.audit_page(Some(0), 2).unwrap().is_empty());
    let direct = AuditEntry {
        room: Some(RoomName::direct(&user("Bob"), &user("alice"))),
        ..at(12)
    };
    db.audit(&direct).unwrap();
    assert_eq!(db.audit_page(None, 1).unwrap()[0].entry, direct);
    let long = AuditEntry {
        detail: "\u{fc}".repeat(DETAIL_BYTES_MAX),
        ..at(13)
    };
    db.audit(&long).unwrap();
    let kept = db.audit_page(None, 1).unwrap();
    assert_eq!(kept[0].entry.detail.len(), DETAIL_BYTES_MAX);
}

#[test]
fn a_full_disk_refuses_and_breaks_nothing() {
    let mut db = Home::new().open();
    add(&mut db, "alice");
    let name = room("dev");
    db.edit_room(&name, &create("alice"), &at(1)).unwrap();
    let pages: i64 = db
        .db
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    let limit = |db: &EmbeddedAccounts, pages: i64| {
        let text = format!("PRAGMA max_page_count = {pages}");
        let _: i64 = db.db.query_row(&text, [], |row| row.get(0)).unwrap();
    };
    limit(&db, pages + 1);
    let entry = |n: u64| AuditEntry {
        detail: "x".repeat(DETAIL_BYTES_MAX),
        ..at(n)
    };
    let mut muted = 0;
    let error = loop {
        let mute = person(&format!("someone{muted}"), None, false, true);
        match db.edit_room(&name, &mute, &entry(2)) {
            Ok(()) => muted += 1,
            Err(error) => break error,
        }
        assert!(muted < 1000, "it is never full");
    };
    assert!(matches!(error, AccountsError::DiskFull { .. }), "{error}");
    let held = |db: &mut EmbeddedAccounts| db.room(&name).unwrap().unwrap().people.len();
    assert_eq!(held(&mut db), muted + 1);
    let records = audited(&mut db);
    // Whatever was refused left no entry, and there is no transaction left open.
    db.edit_room(&name, &RoomEdit::Private(false), &entry(3))
        .unwrap_err();
    assert_eq!(audited(&mut db), records);
    limit(&db, pages + 1000);
    db.edit_room(&name, &RoomEdit::Private(false), &entry(4))
        .unwrap();
    assert_eq!((held(&mut db), audited(&mut db)), (muted + 1, records + 1));
}
