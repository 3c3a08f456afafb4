//! Tokens and invitations: made, found, expired, revoked.

use super::*;

fn find(db: &mut EmbeddedAccounts, text: &str, seconds: u64) -> Option<(Account, TokenInfo)> {
    let hash = secret::token::hash(text);
    db.find_token(&hash, at(seconds).time).unwrap()
}

#[test]
fn a_token_is_found_until_it_expires() {
    let home = Home::new();
    let mut db = home.open();
    let alice = add(&mut db, "alice");
    let lasting = db.add_token("alice", "ci", None, &at(2)).unwrap();
    let brief = db
        .add_token("alice", "brief", Some(at(10).time), &at(2))
        .unwrap();
    assert!(secret::token::looks_like_bot_token(&lasting));
    drop(db);
    let mut db = home.open();
    let (account, token) = find(&mut db, &lasting, 1 << 40).unwrap();
    assert_eq!(account, alice);
    assert_eq!((token.name.as_str(), token.created), ("ci", at(2).time));
    assert_eq!(find(&mut db, &brief, 9).unwrap().1.name, "brief");
    assert_eq!(find(&mut db, &brief, 10), None);
    assert_eq!(find(&mut db, "gct_", 9), None);
    let names: Vec<String> = db
        .tokens("alice")
        .unwrap()
        .into_iter()
        .map(|one| one.name)
        .collect();
    assert_eq!(names, ["brief", "ci"]);
    // A suspended account's token is found: the log-in says why it is refused.
    db.set_state("alice", State::Suspended, &at(3)).unwrap();
    assert_eq!(
        find(&mut db, &lasting, 4).unwrap().0.state,
        State::Suspended
    );
}

#[test]
fn a_revoked_token_is_none() {
    let mut db = Home::new().open();
    add(&mut db, "Alice");
    let token = db.add_token("alice", "ci", None, &at(2)).unwrap();
    db.revoke_token("alice", "ci", &at(3)).unwrap();
    assert_eq!(find(&mut db, &token, 4), None);
    assert!(matches!(
        db.revoke_token("alice", "ci", &at(3)),
        Err(AccountsError::NoSuchToken { account, name }) if account == "Alice" && name == "ci"
    ));
    assert_ne!(db.add_token("alice", "ci", None, &at(5)).unwrap(), token);
}

#[test]
fn names_of_tokens_are_checked() {
    let mut db = Home::new().open();
    add(&mut db, "alice");
    add(&mut db, "bob");
    db.add_token("alice", "ci", None, &at(2)).unwrap();
    db.add_token("bob", "ci", None, &at(2)).unwrap();
    let taken = db.add_token("alice", "ci", None, &at(2)).unwrap_err();
    assert!(matches!(taken, AccountsError::TokenNameTaken { .. }));
    for bad in ["", "a b", "a;b", "a\n", "\u{e4}", &"x".repeat(65)] {
        let error = db.add_token("alice", bad, None, &at(2)).unwrap_err();
        assert!(matches!(error, AccountsError::Malformed(_)), "{bad}");
    }
    for error in [
        db.add_token("nobody", "ci", None, &at(2)).map(drop),
        db.tokens("nobody").map(drop),
        db.revoke_token("nobody", "ci", &at(2)),
    ] {
        assert!(matches!(error, Err(AccountsError::NoSuchAccount(_))));
    }
    assert_eq!(audited(&mut db), 4);
}

#[test]
fn tokens_have_a_limit_and_expired_ones_do_not_count() {
    let mut db = Home::new().open();
    add(&mut db, "alice");
    for n in 0..TOKENS_PER_ACCOUNT_MAX {
        let name = format!("t{n}");
        db.add_token("alice", &name, Some(at(10).time), &at(2))
            .unwrap();
    }
    let full = db.add_token("alice", "one-more", None, &at(9)).unwrap_err();
    assert!(full.to_string().contains("64 tokens"), "{full}");
    db.add_token("alice", "one-more", None, &at(10)).unwrap();
    assert_eq!(db.tokens("alice").unwrap().len(), 1);
}

#[test]
fn a_use_is_noted_once_a_minute() {
    let mut db = Home::new().open();
    add(&mut db, "alice");
    let text = db.add_token("alice", "ci", None, &at(2)).unwrap();
    let mut used = |seconds: u64| {
        let (_, token) = find(&mut db, &text, seconds).unwrap();
        db.touch_token(&token, at(seconds).time).unwrap();
        find(&mut db, &text, seconds).unwrap().1.last_used
    };
    assert_eq!(used(100), Some(at(100).time));
    assert_eq!(used(159), Some(at(100).time));
    assert_eq!(used(160), Some(at(160).time));
    // A clock that was wrong for a while does not stop the notes for ever.
    assert_eq!(used(9_000_000), Some(at(9_000_000).time));
    assert_eq!(used(200), Some(at(200).time));
}

#[test]
fn invitations_are_listed_and_revoked() {
    let mut db = Home::new().open();
    let code = db.add_invite(3, None, "cli:root", &at(1)).unwrap();
    db.add_invite(1, Some(at(9).time), "alice", &at(2)).unwrap();
    let listed = db.invites().unwrap();
    assert_eq!(
        listed[0],
        InviteInfo {
            id: 1,
            by: "cli:root".to_owned(),
            created: at(1).time,
            expires: None,
            uses: 3,
            uses_left: 3,
        }
    );
    db.revoke_invite(1, &at(3)).unwrap();
    let invited = NewAccount {
        invite: Some(&code),
        ..newcomer("bob")
    };
    assert!(matches!(
        db.add(&invited, &at(4)),
        Err(AccountsError::BadInvite)
    ));
    assert!(matches!(
        db.revoke_invite(1, &at(3)),
        Err(AccountsError::NoSuchInvite(1))
    ));
    assert!(matches!(
        db.add_invite(0, None, "alice", &at(3)),
        Err(AccountsError::Malformed(_))
    ));
    // A number is never given twice, and what has expired is forgotten.
    db.add_invite(1, None, "alice", &at(10)).unwrap();
    let ids: Vec<u64> = db.invites().unwrap().iter().map(|one| one.id).collect();
    assert_eq!(ids, [3]);
}

/// The file holds no token and no code, only hashes.
#[test]
fn no_plain_text_is_on_the_disk() {
    let home = Home::new();
    let mut db = home.open();
    add(&mut db, "alice");
    let token = db.add_token("alice", "ci", None, &at(2)).unwrap();
    let code = db.add_invite(1, None, "alice", &at(2)).unwrap();
    let name = home.options().file();
    let files = ["", "-wal"].map(|end| std::fs::read(format!("{}{end}", name.display())).unwrap());
    for file in files {
        for secret in [&token, &code] {
            for part in [secret.as_bytes(), &secret.as_bytes()[4..]] {
                assert_eq!(memchr::memmem::find(&file, part), None);
            }
        }
    }
}

#[test]
fn what_a_log_in_writes_waits_for_nobody() {
    let home = Home::new();
    let mut options = home.options();
    // Who waits for this long is noticed.
    options.busy_timeout = std::time::Duration::from_secs(600);
    let mut db = EmbeddedAccounts::open(&options).unwrap();
    add(&mut db, "alice");
    let text = db.add_token("alice", "ci", None, &at(2)).unwrap();
    let (_, token) = find(&mut db, &text, 3).unwrap();
    let mut other = home.open();
    let lock = other
        .db
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    db.touch_token(&token, at(3).time).unwrap();
    let upgrade = SecretsChange::Upgrade {
        expected: "$argon2id$first",
    };
    let busy = db.set_secrets("alice", &password("again"), upgrade);
    assert!(matches!(busy, Err(AccountsError::Busy { .. })), "{busy:?}");
    drop(lock);
    let upgraded = db.set_secrets("alice", &password("again"), upgrade);
    assert!(upgraded.unwrap().is_some());
    assert_eq!(find(&mut db, &text, 3).unwrap().1.last_used, None);
    db.touch_token(&token, at(4).time).unwrap();
    let used = find(&mut db, &text, 5).unwrap().1.last_used;
    assert_eq!(used, Some(at(4).time));
}
