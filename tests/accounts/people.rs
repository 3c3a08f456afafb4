//! Accounts come, change and go.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::{PASSWORD, Place, end};

#[test]
fn the_first_admin_is_made_where_nothing_was() {
    let place = Place::new();
    let told = place.run(&["user", "list"]).failed();
    assert!(
        told.contains("user add NAME --role admin") && told.contains("--data"),
        "{told}"
    );
    for words in [
        &["user", "passwd", "alice", "--password-stdin"][..],
        &["user", "remove", "alice", "--yes"],
        &["user", "suspend", "alice"],
        &["user", "role", "alice", "admin"],
        &["user", "token", "alice", "list"],
        &["user", "invite"],
        &["audit"],
    ] {
        place.run(words).failed();
    }
    assert!(!place.data.exists(), "only add makes the file");
    let add = [
        "user",
        "add",
        "Alice",
        "--role",
        "admin",
        "--password-stdin",
    ];
    let ran = place.run_with(&add, &format!("{PASSWORD}\n"));
    let file = place.data.join("accounts.db").display().to_string();
    assert!(ran.err.contains(&format!("made {file}")), "{}", ran.err);
    assert_eq!(ran.ok(), "added admin Alice\n");
    let listed = place.run(&["user", "list", "--json"]).json();
    assert_eq!(listed.len(), 1);
    let alice = &listed[0];
    assert_eq!(
        (
            &alice["name"],
            &alice["role"],
            &alice["state"],
            &alice["has_password"]
        ),
        (
            &"Alice".into(),
            &"admin".into(),
            &"active".into(),
            &true.into()
        )
    );
    assert!(alice["created"].as_f64().is_some_and(|time| time > 1.6e9));
}

/// Whatever the umask of whoever makes the first account.
#[test]
fn the_files_are_private_under_every_umask() {
    for umask in ["000", "022", "077"] {
        let place = Place::new();
        let mut command = Command::new("sh");
        place.dress(&mut command);
        let script = format!("umask {umask} && exec \"$0\" user add bot --role bot");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_gencomm")]);
        end(command, "").ok();
        let mode = |path| {
            std::fs::metadata(path)
                .expect("it is there")
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!(mode(place.data.clone()), 0o700, "umask {umask}");
        assert_eq!(mode(place.data.join("accounts.db")), 0o600, "umask {umask}");
    }
}

#[test]
fn names_are_taken_once_however_they_are_spelt() {
    let place = Place::with_alice();
    let add = |name| place.run_with(&["user", "add", name, "--password-stdin"], PASSWORD);
    assert!(add("ALICE").failed().contains("alice is taken"));
    let like = add("al1ce").failed();
    assert!(
        like.contains("looks like alice") && like.contains("--allow-lookalike"),
        "{like}"
    );
    place.add("al1ce", &["--allow-lookalike"]);
    add("al ice").misused();
    add("\u{430}lice").misused();
    assert_eq!(place.audit().len(), 2);
}

#[test]
fn an_account_is_suspended_restored_and_gets_roles() {
    let place = Place::with_alice();
    place.add("bob", &[]);
    let one = |words: &[&str]| {
        let shown = place.run(&[words, &["--json"]].concat()).json();
        let text = |key: &str| shown[0][key].as_str().unwrap_or("?").to_owned();
        (text("name"), text("role"), text("state"))
    };
    let is =
        |name: &str, role: &str, state: &str| (name.to_owned(), role.to_owned(), state.to_owned());
    assert_eq!(
        one(&["user", "suspend", "BOB"]),
        is("bob", "member", "suspended")
    );
    assert_eq!(
        one(&["user", "suspend", "bob"]),
        is("bob", "member", "suspended")
    );
    assert!(
        place
            .run(&["user", "suspend", "bob"])
            .ok()
            .contains("already")
    );
    assert_eq!(
        one(&["user", "restore", "bob"]),
        is("bob", "member", "active")
    );
    assert_eq!(
        one(&["user", "role", "bob", "bot"]),
        is("bob", "bot", "active")
    );
    let words: Vec<_> = place
        .audit()
        .into_iter()
        .map(|(action, _)| action)
        .collect();
    assert_eq!(
        words,
        [
            "user.add",
            "user.add",
            "user.suspend",
            "user.restore",
            "user.role"
        ]
    );
    // Who takes away the last admin is told.
    let ran = place.run(&["user", "role", "alice", "member"]);
    assert!(
        ran.err.contains("no account is an active admin"),
        "{}",
        ran.err
    );
    ran.ok();
}

#[test]
fn removing_is_asked_for_and_leaves_the_name_free() {
    let place = Place::with_alice();
    place.add("bob", &[]);
    assert!(
        place
            .run(&["user", "remove", "bob"])
            .misused()
            .contains("--yes")
    );
    assert_eq!(place.run(&["user", "list", "--json"]).json().len(), 2);
    let told = place
        .run(&["user", "remove", "Bob", "--yes", "--json"])
        .json();
    assert_eq!(told[0]["removed"], "bob");
    place.run(&["user", "remove", "bob", "--yes"]).failed();
    place.add("bob", &["--role", "bot"]);
    let bob = ("user.remove".to_owned(), Some("bob".to_owned()));
    assert_eq!(place.audit()[2], bob);
}

#[test]
fn who_is_not_there_is_told_with_names_that_are_near() {
    let place = Place::with_alice();
    place.add("Malice", &[]);
    place.add("zoe", &[]);
    let told = place.run(&["user", "suspend", "zeo"]).failed();
    assert!(told.contains("did you mean zoe?"), "{told}");
    let told = place.run(&["user", "token", "alicce", "list"]).failed();
    assert!(told.contains("did you mean alice or Malice?"), "{told}");
    let told = place.run(&["user", "role", "nobody", "admin"]).failed();
    assert!(
        told.contains("no account nobody") && told.contains("user list"),
        "{told}"
    );
}

#[test]
fn the_list_and_the_audit_log_are_whole() {
    let place = Place::with_alice();
    for n in 0..30 {
        let name = format!("bot-number-{n}x");
        place.run(&["user", "add", &name, "--role", "bot"]).ok();
    }
    assert_eq!(place.run(&["user", "list", "--json"]).json().len(), 31);
    assert_eq!(place.run(&["user", "list"]).ok().lines().count(), 32);
    let entries = place.run(&["audit", "--json", "--last", "5"]).json();
    let ids: Vec<u64> = entries
        .iter()
        .filter_map(|one| one["id"].as_u64())
        .collect();
    assert_eq!(ids, [27, 28, 29, 30, 31]);
    assert_eq!(entries[0]["actor"], "cli:tester");
    assert_eq!(place.run(&["audit"]).ok().lines().count(), 31);
    assert_eq!(place.run(&["audit", "--last", "0"]).ok(), "");
    let lines = place.run(&["audit", "--last", "5000"]).ok();
    assert!(
        lines
            .lines()
            .next()
            .is_some_and(|line| line.contains("user.add  alice"))
    );
}

#[test]
fn a_file_that_is_not_ours_is_not_touched() {
    let place = Place::new();
    let file = place.data.join("accounts.db");
    std::fs::create_dir(&place.data).expect("the data folder");
    let text = "a shopping list\n".repeat(100);
    std::fs::write(&file, &text).expect("the file");
    let told = place.run(&["user", "add", "bot", "--role", "bot"]).failed();
    assert!(
        told.contains("not gencomm's database of accounts"),
        "{told}"
    );
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), text);
}

#[test]
fn the_data_folder_can_be_named() {
    let place = Place::new();
    let other = place.home.path().join("other");
    let other = other.to_str().expect("a path in UTF-8");
    place
        .run(&["user", "--data", other, "add", "bot", "--role", "bot"])
        .ok();
    assert!(!place.data.exists());
    assert_eq!(
        place
            .run(&["user", "list", "--json", "--data", other])
            .json()
            .len(),
        1
    );
    assert_eq!(
        place
            .run(&["audit", "--json", "--data", other])
            .json()
            .len(),
        1
    );
}
