//! Two at once: what one learns of the other, who waits for whom, and what a crash in the middle leaves.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

fn keys(changes: &[Changed]) -> Vec<&str> {
    changes.iter().map(|one| &*one.account).collect()
}

#[test]
fn the_server_learns_what_somebody_else_changed() {
    let home = Home::new();
    let (mut server, mut other) = (home.open(), home.open());
    assert!(server.changes().unwrap().is_empty());
    let alice = add(&mut other, "alice");
    add(&mut other, "bob");
    let changes = server.changes().unwrap();
    assert_eq!(keys(&changes), ["alice", "bob"]);
    assert_eq!(changes[0].what, What::Now(alice));
    assert!(!changes[0].token_revoked);
    assert!(server.changes().unwrap().is_empty());

    let suspended = other.set_state("alice", State::Suspended, &at(2)).unwrap();
    other.remove("bob", &at(2)).unwrap();
    let changes = server.changes().unwrap();
    assert_eq!(keys(&changes), ["alice", "bob"]);
    assert_eq!(changes[0].what, What::Now(suspended));
    assert_eq!(changes[1].what, What::Removed);

    other.add_token("alice", "ci", None, &at(3)).unwrap();
    assert!(server.changes().unwrap().is_empty(), "nobody has to know");
    other.revoke_token("alice", "ci", &at(4)).unwrap();
    let changes = server.changes().unwrap();
    assert!(changes[0].token_revoked, "{changes:?}");
    other.set_role("alice", Role::Bot, &at(5)).unwrap();
    assert!(!server.changes().unwrap()[0].token_revoked);

    // What it did itself is told as well, and once.
    server.set_role("alice", Role::Admin, &at(6)).unwrap();
    assert_eq!(keys(&server.changes().unwrap()), ["alice"]);
    assert!(server.changes().unwrap().is_empty());
    assert_eq!(
        keys(&other.changes().unwrap()).len(),
        2,
        "alice now, bob gone"
    );
}

/// Removed and made anew between two looks: one change, a higher epoch, and no session of old may stay.
#[test]
fn a_name_made_anew_between_two_looks_is_another_account() {
    let home = Home::new();
    let (mut server, mut other) = (home.open(), home.open());
    let before = add(&mut other, "alice");
    other.add_token("alice", "ci", None, &at(2)).unwrap();
    server.changes().unwrap();
    other.remove("alice", &at(3)).unwrap();
    add(&mut other, "Alice");
    let changes = server.changes().unwrap();
    assert_eq!(keys(&changes), ["alice"]);
    assert!(changes[0].token_revoked);
    let What::Now(now) = &changes[0].what else {
        panic!("{changes:?}");
    };
    assert!(now.epoch > before.epoch && now.name == user("Alice"));
}

#[test]
fn removals_are_not_remembered_for_ever() {
    let home = Home::new();
    let (mut server, mut other) = (home.open(), home.open());
    other
        .db
        .execute_batch(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
            INSERT INTO removed SELECT 'gone' || i, i FROM n;
        UPDATE meta SET changes = 12000;",
        )
        .unwrap();
    add(&mut other, "alice");
    other.remove("alice", &at(2)).unwrap();
    let changes = server.changes().unwrap();
    assert_eq!(changes.len(), 10_000);
    assert_eq!(keys(&changes).last(), Some(&"alice"));
    assert!(server.changes().unwrap().is_empty());
}

#[test]
fn who_waits_too_long_is_told_that_somebody_writes() {
    let home = Home::new();
    let (mut one, mut other) = (home.open(), home.open());
    add(&mut one, "alice");
    let tx = one
        .db
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate);
    let tx = tx.unwrap();
    tx.execute("UPDATE accounts SET role = 'admin'", [])
        .unwrap();
    let busy = other.set_role("alice", Role::Bot, &at(2)).unwrap_err();
    assert!(matches!(busy, AccountsError::Busy { .. }), "{busy}");
    // Readers do not wait, and see what was committed.
    assert_eq!(other.account("alice").unwrap().unwrap().role, Role::Member);
    drop(tx);
    other.set_role("alice", Role::Bot, &at(2)).unwrap();
    assert_eq!(one.account("alice").unwrap().unwrap().role, Role::Bot);
}

#[test]
fn many_hands_make_one_account() {
    let home = Home::new();
    let mut options = home.options();
    options.busy_timeout = std::time::Duration::from_secs(60);
    // All of them find no file and make it.
    let hands: Vec<_> = (0..8)
        .map(|hand| {
            let options = options.clone();
            std::thread::spawn(move || {
                let mut db = EmbeddedAccounts::open(&options).unwrap();
                let won = db.add(&newcomer("alice"), &at(1)).is_ok();
                add(&mut db, &format!("hand{hand}"));
                (won, db.secret().unwrap())
            })
        })
        .collect();
    let done: Vec<_> = hands.into_iter().map(|hand| hand.join().unwrap()).collect();
    assert_eq!(done.iter().filter(|(won, _)| *won).count(), 1);
    assert!(done.iter().all(|(_, secret)| *secret == done[0].1));
    let mut db = home.open();
    let all = db.list(None, 100).unwrap();
    assert_eq!(all.len(), 9);
    let epochs: std::collections::HashSet<u32> = all.iter().map(|one| one.epoch).collect();
    assert_eq!(epochs.len(), 9);
}

#[test]
fn a_panic_in_the_middle_leaves_nothing() {
    let mut db = Home::new().open();
    add(&mut db, "alice");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        db.write(|tx| -> Result<(), super::super::Fault> {
            tx.execute("DELETE FROM accounts", [])?;
            panic!("in the middle");
        })
    }));
    assert!(panicked.is_err());
    assert!(db.account("alice").unwrap().is_some());
    add(&mut db, "bob");
}

/// The files as they lie on the disk while a transaction is half written are what a loss of power leaves.
#[test]
fn a_crash_in_the_middle_leaves_nothing() {
    let home = Home::new();
    let mut db = home.open();
    add(&mut db, "alice");
    let left = Home::new();
    std::fs::create_dir(&left.options().folder).unwrap();
    db.db
        .execute_batch("PRAGMA cache_size = 4; BEGIN IMMEDIATE; DELETE FROM accounts;")
        .unwrap();
    for n in 0..500 {
        let name = format!("{n}{}", "x".repeat(500));
        let text = "INSERT INTO audit (time, actor, action, detail) VALUES (0, 'half', 'half', ?)";
        db.db.execute(text, [name]).unwrap();
    }
    let wal = |home: &Home| format!("{}-wal", home.options().file().display());
    std::fs::copy(home.options().file(), left.options().file()).unwrap();
    std::fs::copy(wal(&home), wal(&left)).unwrap();
    let written = std::fs::read(wal(&left)).unwrap();
    assert!(
        memchr::memmem::find(&written, b"xxxxxxxx").is_some(),
        "it was half written"
    );
    let mut after = left.open();
    assert!(after.account("alice").unwrap().is_some());
    assert_eq!(audited(&mut after), 1);
}
