use super::*;

/// Quick, for tests.
const CHEAP: Params = Params {
    memory_kib: 16,
    passes: 1,
    lanes: 1,
};

const GOOD: &str = "tuesday rain on tin";

#[test]
fn good_passwords_are_taken() {
    for good in [
        GOOD,
        "x7#kP2q!",
        "caf\u{e9} noir",
        "\u{5bc6}\u{7801}\u{5f88}\u{957f}\u{7684}",
        &"long words and many of them ".repeat(10)[..BYTES_MAX],
    ] {
        assert!(
            check(good, "alice", "General Communications").is_ok(),
            "{good}"
        );
    }
}

#[test]
fn bad_passwords_are_refused_with_the_reason() {
    let refusal = |password: &str| {
        let error = check(password, "Alice.B", "General Communications").unwrap_err();
        format!("{error:?}")
    };
    let long = "ab1 ".repeat(65);
    for (password, reason) in [
        ("", "Short"),
        ("1234567", "Short"),
        // Soft hyphens count for nothing.
        ("abc\u{ad}\u{ad}\u{ad}\u{ad}d", "Short"),
        (long.as_str(), "Long"),
        ("tuesday\0rain", "Characters"),
        ("tuesday\nrain", "Characters"),
        ("tuesday\u{7f}rain", "Characters"),
        ("tuesday \u{e000} rain", "Characters"),
        ("tuesday \u{202e} rain", "Characters"),
        ("password", "Common"),
        ("Password123!", "Common"),
        ("QWERTYuiop", "Common"),
        ("1q2w3e4r", "Common"),
        ("aaaaaaaa", "Pattern"),
        ("abababab", "Pattern"),
        ("12345678", "Pattern"),
        ("1234567890", "Pattern"),
        ("9876543210", "Pattern"),
        ("abcdefghij", "Pattern"),
        ("hgfedcba", "Pattern"),
        ("        ", "Pattern"),
        ("alice.b2026", "Name"),
        ("aliceb__aliceb", "Name"),
        ("becila123", "Name"),
        ("2026 Alice B!", "Name"),
        ("generalcommunications", "Name"),
        ("General Communications 1", "Name"),
    ] {
        assert_eq!(refusal(password), reason, "{password:?}");
    }
}

#[test]
fn ten_megabytes_are_refused_at_once() {
    let huge = "tuesday ".repeat(10 << 17);
    assert!(matches!(hash(&huge, CHEAP), Err(PasswordError::Long)));
    assert!(!verify(&huge, &dummy(CHEAP).unwrap()));
}

#[test]
fn a_hash_fits_its_password_and_no_other() {
    let phc = hash(GOOD, CHEAP).unwrap();
    assert!(phc.starts_with("$argon2id$v=19$m=16,t=1,p=1$"), "{phc}");
    assert!(verify(GOOD, &phc));
    for other in [
        "tuesday rain on ti",
        "tuesday rain on tin ",
        "Tuesday rain on tin",
        "",
    ] {
        assert!(!verify(other, &phc), "{other}");
    }
    assert_ne!(hash(GOOD, CHEAP).unwrap(), phc);
    // Nothing is cut: the last of 256 bytes counts.
    let long = format!("{}a", "x1y ".repeat(63));
    let other = format!("{}b", "x1y ".repeat(63));
    let phc = hash(&long, CHEAP).unwrap();
    assert!(verify(&long, &phc) && !verify(&other, &phc));
}

#[test]
fn one_password_composed_in_two_ways_is_one() {
    let phc = hash("caf\u{e9} noir", CHEAP).unwrap();
    assert!(verify("cafe\u{301} noir", &phc));
    assert!(verify("caf\u{e9}\u{a0}noir", &phc));
    assert!(!verify("cafe noir", &phc));
}

/// From the tests of the reference implementation.
#[test]
fn hashes_of_others_are_understood() {
    let phc =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    assert!(verify("password", phc));
    assert!(!verify("passwore", phc));
    assert!(needs_upgrade(phc, CHEAP));
}

#[test]
fn what_is_no_hash_or_too_dear_has_no_password() {
    let phc = hash(GOOD, CHEAP).unwrap();
    let swap = |from: &str, to: &str| {
        let changed = phc.replace(from, to);
        assert_ne!(changed, phc);
        changed
    };
    for bad in [
        String::new(),
        GOOD.to_owned(),
        "$argon2id$".to_owned(),
        swap("argon2id", "argon2i"),
        swap("argon2id", "argon2d"),
        swap("v=19", "v=16"),
        swap("m=16,", "m=1048577,"),
        swap("m=16,", "m=4294967295,"),
        swap("m=16,", "m=1,"),
        swap("m=16,", ""),
        swap("t=1", "t=65"),
        swap("t=1", "t=0"),
        swap("p=1", "p=65"),
        swap("p=1", "p=0"),
        swap("p=1", "p=1,keyid=AAAA"),
        phc[..phc.len() - 30].to_owned(),
        phc[..phc.rfind('$').unwrap()].to_owned(),
        format!("{phc}$"),
    ] {
        assert!(!verify(GOOD, &bad), "{bad}");
        assert!(needs_upgrade(&bad, CHEAP), "{bad}");
    }
}

#[test]
fn other_parameters_are_noticed() {
    let phc = hash(GOOD, CHEAP).unwrap();
    assert!(!needs_upgrade(&phc, CHEAP));
    let (mut memory, mut passes, mut lanes) = (CHEAP, CHEAP, CHEAP);
    memory.memory_kib += 8;
    passes.passes += 1;
    lanes.lanes += 1;
    for params in [memory, passes, lanes] {
        assert!(needs_upgrade(&phc, params));
    }
}

#[test]
fn a_dummy_looks_like_any_hash_and_fits_nothing() {
    let (one, other) = (dummy(CHEAP).unwrap(), dummy(CHEAP).unwrap());
    assert_ne!(one, other);
    assert!(!needs_upgrade(&one, CHEAP));
    assert_eq!(one.len(), hash(GOOD, CHEAP).unwrap().len());
    assert!(!verify(GOOD, &one));
    assert!(!verify("", &one));
}

#[test]
fn parameters_that_cannot_be_are_an_error() {
    let none = Params {
        memory_kib: 1,
        ..CHEAP
    };
    assert!(matches!(hash(GOOD, none), Err(PasswordError::Hash(_))));
}

#[test]
fn no_error_repeats_the_password() {
    for password in ["hunter2", "tuesday\0rain", "password1"] {
        let error = check(password, "alice", "server").unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(
            !text.contains(password) && !text.contains("tuesday"),
            "{text}"
        );
    }
}
