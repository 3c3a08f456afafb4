//! Accounts: made, changed, removed, made again.

use super::*;
use crate::store::accounts::skeleton::skeleton;

#[test]
fn an_account_is_kept_as_it_was_made() {
    let home = Home::new();
    let mut db = home.open();
    assert_eq!(db.account("alice").unwrap(), None);
    assert_eq!(db.secrets("alice").unwrap(), None);
    let made = add(&mut db, "Alice");
    assert_eq!(
        made,
        Account {
            name: user("Alice"),
            account: "alice".into(),
            role: Role::Member,
            state: State::Active,
            epoch: 1,
            created: at(1).time,
            has_password: true,
        }
    );
    let bot = NewAccount {
        role: Role::Bot,
        secrets: Secrets::default(),
        ..newcomer("builder")
    };
    assert!(!db.add(&bot, &at(2)).unwrap().has_password);
    drop(db);
    let mut db = home.open();
    assert_eq!(db.account("alice").unwrap(), Some(made.clone()));
    assert_eq!(db.account("Alice").unwrap(), None, "keys are lower case");
    assert_eq!(
        db.secrets("alice").unwrap(),
        Some((made, password("first")))
    );
    assert_eq!(audited(&mut db), 2);
}

#[test]
fn a_name_is_taken_once() {
    let mut db = Home::new().open();
    add(&mut db, "Alice");
    let taken = |error| matches!(error, AccountsError::NameTaken(name) if name == user("Alice"));
    assert!(taken(db.add(&newcomer("alice"), &at(2)).unwrap_err()));
    let like = |error| matches!(error, AccountsError::LooksLike(name) if name == user("Alice"));
    assert!(like(db.add(&newcomer("a1ice"), &at(2)).unwrap_err()));
    let allowed = NewAccount {
        allow_lookalike: true,
        ..newcomer("a1ice")
    };
    db.add(&allowed, &at(2)).unwrap();
    assert_eq!(db.like(&skeleton("AL1CE")).unwrap(), Some(user("a1ice")));
    assert_eq!(db.like(&skeleton("bob")).unwrap(), None);
    assert_eq!(db.skeletons().unwrap(), ["allce", "allce"]);
    assert_eq!(audited(&mut db), 2, "what was refused is no act");
}

#[test]
fn lists_come_in_pages() {
    let mut db = Home::new().open();
    for name in ["dan", "alice", "Carol", "bob"] {
        add(&mut db, name);
    }
    let names = |page: Vec<Account>| {
        page.iter()
            .map(|one| one.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(db.list(None, 3).unwrap()), ["alice", "bob", "Carol"]);
    assert_eq!(names(db.list(Some("carol"), 3).unwrap()), ["dan"]);
    assert!(db.list(Some("dan"), 3).unwrap().is_empty());
    assert!(db.list(None, 0).unwrap().is_empty());
    assert_eq!(db.list(None, usize::MAX).unwrap().len(), 4);
}

#[test]
fn a_new_password_raises_the_epoch_and_a_better_hash_does_not() {
    let mut db = Home::new().open();
    let made = add(&mut db, "alice");
    let scram = ScramVerifier {
        salt: vec![1; 16],
        iterations: 4096,
        stored_key: [2; 32],
        server_key: [3; 32],
    };
    let better = Secrets {
        scram: Some(scram),
        ..password("better")
    };
    let expected = "$argon2id$first";
    let upgrade = SecretsChange::Upgrade { expected };
    let now = db.set_secrets("alice", &better, upgrade).unwrap();
    assert_eq!(now, Some(made.clone()));
    assert_eq!(db.secrets("alice").unwrap().unwrap().1, better);
    // The same again comes too late, and so does one for nobody.
    assert_eq!(
        db.set_secrets("alice", &password("x"), upgrade).unwrap(),
        None
    );
    assert_eq!(db.set_secrets("nobody", &better, upgrade).unwrap(), None);
    assert_eq!(db.secrets("alice").unwrap().unwrap().1, better);
    assert_eq!(audited(&mut db), 1);

    let new = at(3);
    let change = SecretsChange::New(&new);
    let now = db
        .set_secrets("alice", &password("second"), change)
        .unwrap();
    assert!(now.unwrap().epoch > made.epoch);
    assert_eq!(db.secrets("alice").unwrap().unwrap().1, password("second"));
    assert_eq!(audited(&mut db), 2);
    assert!(matches!(
        db.set_secrets("nobody", &better, change),
        Err(AccountsError::NoSuchAccount(name)) if name == "nobody"
    ));
}

#[test]
fn roles_and_states_raise_the_epoch_when_they_change() {
    let mut db = Home::new().open();
    let mut epoch = add(&mut db, "alice").epoch;
    assert_eq!(db.admins().unwrap(), 0);
    let mut rises = |now: Account| {
        assert!(now.epoch > epoch, "{now:?}");
        epoch = now.epoch;
        now
    };
    let now = rises(db.set_role("alice", Role::Admin, &at(2)).unwrap());
    assert_eq!(now.role, Role::Admin);
    assert_eq!(db.admins().unwrap(), 1);
    let now = rises(db.set_state("alice", State::Suspended, &at(3)).unwrap());
    assert_eq!(now.state, State::Suspended);
    assert_eq!(db.admins().unwrap(), 0, "a suspended one is none");
    let now = rises(db.set_state("alice", State::Active, &at(4)).unwrap());
    assert_eq!(audited(&mut db), 4);
    assert_eq!(db.set_state("alice", State::Active, &at(5)).unwrap(), now);
    assert_eq!(db.set_role("alice", Role::Admin, &at(5)).unwrap(), now);
    assert_eq!(audited(&mut db), 4, "nothing happened");
    for result in [
        db.set_role("nobody", Role::Bot, &at(6)),
        db.set_state("nobody", State::Active, &at(6)),
    ] {
        assert!(matches!(result, Err(AccountsError::NoSuchAccount(_))));
    }
}

#[test]
fn a_name_that_is_taken_again_begins_with_nothing_of_old() {
    let mut db = Home::new().open();
    let before = add(&mut db, "alice");
    let token = db.add_token("alice", "ci", None, &at(2)).unwrap();
    db.remove("alice", &at(3)).unwrap();
    assert_eq!(db.account("alice").unwrap(), None);
    assert!(matches!(
        db.remove("alice", &at(3)),
        Err(AccountsError::NoSuchAccount(_))
    ));
    let again = add(&mut db, "alice");
    assert!(again.epoch > before.epoch);
    assert!(db.tokens("alice").unwrap().is_empty());
    let hash = secret::token::hash(&token);
    assert_eq!(db.find_token(&hash, at(4).time).unwrap(), None);
}

#[test]
fn an_invitation_is_redeemed_with_the_account_or_not_at_all() {
    let mut db = Home::new().open();
    let code = db
        .add_invite(2, Some(at(100).time), "alice", &at(1))
        .unwrap();
    let invited = |name| NewAccount {
        invite: Some(&code),
        ..newcomer(name)
    };
    let left = |db: &mut EmbeddedAccounts| db.invites().unwrap()[0].uses_left;
    db.add(&invited("bob"), &at(2)).unwrap();
    assert_eq!(left(&mut db), 1);
    assert!(matches!(
        db.add(&invited("bob"), &at(3)),
        Err(AccountsError::NameTaken(_))
    ));
    assert_eq!(left(&mut db), 1);
    let bad = |error| matches!(error, Err(AccountsError::BadInvite));
    assert!(bad(db.add(&invited("carol"), &at(100))), "expired");
    db.add(&invited("carol"), &at(99)).unwrap();
    assert!(bad(db.add(&invited("dan"), &at(4))), "used up");
    // Without a good invitation nobody learns that a name is taken.
    assert!(bad(db.add(&invited("bob"), &at(4))));
    for code in ["", "gci_x", &code[1..]] {
        let invited = NewAccount {
            invite: Some(code),
            ..newcomer("dan")
        };
        assert!(bad(db.add(&invited, &at(4))));
    }
}

#[test]
fn the_secret_is_made_once() {
    let home = Home::new();
    let (mut one, mut two) = (home.open(), home.open());
    let secret = one.secret().unwrap();
    assert_ne!(secret, [0; 32]);
    assert_eq!(two.secret().unwrap(), secret);
    drop((one, two));
    assert_eq!(home.open().secret().unwrap(), secret);
    assert_ne!(Home::new().open().secret().unwrap(), secret);
}

#[test]
fn no_secret_shows_in_debug() {
    let secrets = Secrets {
        password: Some("PLANTED".to_owned()),
        scram: Some(ScramVerifier {
            salt: vec![0xaa; 16],
            iterations: 4096,
            stored_key: [0xbb; 32],
            server_key: [0xcc; 32],
        }),
    };
    let new = NewAccount {
        secrets: secrets.clone(),
        invite: Some("PLANTED"),
        ..newcomer("alice")
    };
    let text = format!("{secrets:?} {:?} {new:?}", secrets.scram);
    for planted in ["PLANTED", "170", "187", "204"] {
        assert!(!text.contains(planted), "{text}");
    }
}
