//! What must not be seen anywhere.

use std::fs;

use super::{PASSWORD, Place};

/// A password that is found wherever it gets to.
const PLANTED: &str = "PLANTED~pass~word~7";

#[test]
fn a_planted_password_is_in_no_output_and_no_file() {
    let place = Place::new();
    let mut seen = String::new();
    for (words, input) in [
        (
            &[
                "user",
                "add",
                "alice",
                "--role",
                "admin",
                "--password-stdin",
            ][..],
            PLANTED.to_owned(),
        ),
        (
            &["user", "add", "alice", "--password-stdin"],
            PLANTED.to_owned(),
        ),
        (
            &["user", "add", "PLANTED", "--password-stdin"],
            format!("{PLANTED}\n{PLANTED}\n"),
        ),
        (
            &["user", "add", "PLANTED", "--password-stdin"],
            format!("{PLANTED}\u{7}"),
        ),
        (
            &["user", "add", "bob", "--password-stdin"],
            PLANTED.repeat(20),
        ),
        (
            &["user", "passwd", "alice", "--password-stdin"],
            format!("{PLANTED}new\r\n"),
        ),
        (
            &["user", "passwd", "alice", "--password-stdin", "--json"],
            format!("{PLANTED}new2"),
        ),
        (&["user", "list", "--json"], String::new()),
        (&["audit"], String::new()),
        (&["audit", "--json"], String::new()),
    ] {
        let ran = place.run_with(words, &input);
        seen += &format!("{}\n{}\n", ran.out, ran.err);
    }
    assert!(!seen.contains("PLANTED~"), "{seen}");
    assert!(!seen.contains("argon2"), "{seen}");
    for entry in fs::read_dir(&place.data).expect("the data folder") {
        let path = entry.expect("an entry").path();
        let bytes = fs::read(&path).expect("a file");
        assert_eq!(
            memchr::memmem::find(&bytes, b"PLANTED~"),
            None,
            "{}",
            path.display()
        );
    }
}

#[test]
fn bad_passwords_are_refused_and_nothing_is_changed() {
    let place = Place::with_alice();
    let before = place.audit().len();
    for (input, reason) in [
        ("", "no password"),
        ("\n", "at least 8"),
        ("short", "at least 8"),
        (&"long".repeat(65), "at most 256"),
        (&"x".repeat(10 << 20), "at most 256"),
        ("password123", "tried first"),
        ("aaaaaaaaaaaa", "pattern"),
        ("alice2026", "from the name"),
        ("General Communications", "from the name"),
        ("tuesday\0rain", "control characters"),
        ("one line\nanother line\n", "more than one line"),
    ] {
        let told = place
            .run_with(&["user", "passwd", "alice", "--password-stdin"], input)
            .failed();
        assert!(told.contains(reason), "{input:.20}: {told}");
    }
    assert_eq!(place.audit().len(), before);
    place
        .run_with(
            &["user", "passwd", "alice", "--password-stdin"],
            "thursday wind\n",
        )
        .ok();
    assert_eq!(place.audit().len(), before + 1);
}

/// A password on the command line could be read by everybody on the machine, so there is no way to put one there.
#[test]
fn a_password_is_no_argument() {
    let place = Place::with_alice();
    for words in [
        &["user", "passwd", "alice", PASSWORD][..],
        &["user", "add", "bob", "--password", PASSWORD],
        &["user", "add", "bob", PASSWORD],
    ] {
        place.run(words).misused();
    }
}
