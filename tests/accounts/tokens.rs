//! Tokens and invitations on the command line.

use super::Place;

#[test]
fn a_token_is_printed_once_and_alone() {
    let place = Place::with_alice();
    place.run(&["user", "add", "builder", "--role", "bot"]).ok();
    let ran = place.run(&["user", "token", "builder", "add", "ci", "--expires", "90d"]);
    assert!(ran.err.contains("not shown again"), "{}", ran.err);
    let token = ran.ok();
    assert!(
        token.starts_with("gct_") && token.trim_end().len() == 47,
        "{token}"
    );
    let made = place
        .run(&["user", "token", "builder", "add", "other", "--json"])
        .json();
    assert_eq!(
        (&made[0]["account"], &made[0]["name"]),
        (&"builder".into(), &"other".into())
    );
    assert!(made[0]["expires"].is_null());
    assert_ne!(made[0]["token"].as_str(), Some(token.trim_end()));

    let list = place
        .run(&["user", "token", "builder", "list", "--json"])
        .json();
    assert_eq!(list.len(), 2);
    assert_eq!(
        (&list[0]["name"], &list[0]["is_expired"]),
        (&"ci".into(), &false.into())
    );
    let life =
        list[0]["expires"].as_f64().expect("a time") - list[0]["created"].as_f64().expect("a time");
    assert!((life - 90.0 * 86_400.0).abs() < 0.5, "{life}");

    place
        .run(&["user", "token", "builder", "revoke", "ci"])
        .ok();
    let told = place
        .run(&["user", "token", "builder", "revoke", "ci"])
        .failed();
    assert!(told.contains("no token named ci"), "{told}");
    let list = place.run(&["user", "token", "builder", "list"]).ok();
    assert!(list.contains("other") && !list.contains("ci "), "{list}");
    let words: Vec<_> = place
        .audit()
        .into_iter()
        .map(|(action, _)| action)
        .collect();
    assert_eq!(words[2..], ["token.add", "token.add", "token.revoke"]);
}

#[test]
fn bad_tokens_are_refused() {
    let place = Place::with_alice();
    place.run(&["user", "token", "alice", "add", "ci"]).ok();
    assert!(
        place
            .run(&["user", "token", "alice", "add", "ci"])
            .failed()
            .contains("already")
    );
    assert!(
        place
            .run(&["user", "token", "alice", "add", "a b"])
            .failed()
            .contains("1 to 64")
    );
    place.run(&["user", "token", "bob", "add", "ci"]).failed();
    place
        .run(&["user", "token", "alice", "add", "x", "--expires", "soon"])
        .misused();
    assert!(
        place
            .run(&["user", "token", "alice", "list"])
            .ok()
            .contains("ci")
    );
}

#[test]
fn invitations_are_made_listed_and_revoked() {
    let place = Place::with_alice();
    assert_eq!(
        place.run(&["user", "invite", "list"]).ok(),
        "no invitations\n"
    );
    let ran = place.run(&["user", "invite", "--uses", "3"]);
    assert!(ran.err.contains("auth.registration"), "{}", ran.err);
    assert!(ran.ok().starts_with("gci_"));
    let made = place
        .run(&["user", "invite", "--expires", "never", "--json"])
        .json();
    assert_eq!(made[0]["uses"], 1);
    assert!(made[0]["expires"].is_null());
    let list = place.run(&["user", "invite", "list", "--json"]).json();
    let left: Vec<_> = list.iter().map(|one| one["uses_left"].as_u64()).collect();
    assert_eq!(left, [Some(3), Some(1)]);
    assert_eq!(
        (&list[0]["by"], &list[0]["is_valid"]),
        (&"cli:tester".into(), &true.into())
    );
    place.run(&["user", "invite", "revoke", "1"]).ok();
    assert!(
        place
            .run(&["user", "invite", "revoke", "1"])
            .failed()
            .contains("no invitation 1")
    );
    assert_eq!(
        place
            .run(&["user", "invite", "list", "--json"])
            .json()
            .len(),
        1
    );
    place
        .run(&["user", "invite", "--uses", "3", "list"])
        .misused();
}
