use super::client::{Binding, Proved, Started};
use super::*;
use crate::edge::wire::sasl;

/// RFC 7677, section 3.
const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const SERVER_FIRST: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn salt() -> Vec<u8> {
    sasl::decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap().to_vec()
}

/// A whole exchange, by name and password, over a connection that has `there` at the server's end.
fn log_in(
    (user, password): (&str, &str),
    verifier: Verifier,
    here: Binding,
    there: Option<[u8; 32]>,
) -> Result<String, ScramError> {
    let plus = matches!(here, Binding::TlsExporter(_));
    let (started, text) = Started::new(user, password, &nonce([1; 18]), here)?;
    let begun = Exchange::start(&text, plus, there, there.is_some())?;
    let user = begun.user.clone();
    let first = begun.first(verifier, &nonce([2; 18]))?;
    let (proved, text) = started.answer(&first.text)?;
    proved.verify(&first.exchange.finish(&text)?)?;
    Ok(user)
}

#[test]
fn the_server_speaks_as_in_the_rfc() {
    let verifier = Verifier::derive("pencil", salt(), 4096).unwrap();
    let begun = Exchange::start(CLIENT_FIRST, false, None, false).unwrap();
    assert_eq!(begun.user, "user");
    let first = begun.first(verifier, SERVER_NONCE).unwrap();
    assert_eq!(first.text, SERVER_FIRST);
    assert_eq!(first.exchange.finish(CLIENT_FINAL).unwrap(), SERVER_FINAL);
}

#[test]
fn the_client_speaks_as_in_the_rfc() {
    let (started, text) =
        Started::new("user", "pencil", "rOprNGfwEbeRWgbNEkqO", Binding::None).unwrap();
    assert_eq!(text, CLIENT_FIRST);
    let (proved, text) = started.answer(SERVER_FIRST).unwrap();
    assert_eq!(text, CLIENT_FINAL);
    proved.verify(SERVER_FINAL).unwrap();
}

#[test]
fn both_ends_agree() {
    let there = Some([9; 32]);
    // The verifier of a password that looks different and is the same after SASLprep.
    let verifier = || Verifier::derive("pa\u{ad}ssword \u{2168}", salt(), 4096).unwrap();
    let ann = ("a=n,n", "password IX");
    for (here, there) in [
        (Binding::None, None),
        (Binding::None, there),
        (Binding::NotOffered, None),
        (Binding::TlsExporter([9; 32]), there),
    ] {
        assert_eq!(
            log_in(ann, verifier(), here, there).as_deref(),
            Ok("a=n,n"),
            "{here:?}"
        );
    }
    let wrong = log_in(("ann", "other"), verifier(), Binding::None, None);
    assert_eq!(wrong, Err(ScramError::Proof));
}

#[test]
fn nobody_sits_between() {
    let verifier = || Verifier::derive("pencil", salt(), 4096).unwrap();
    let log_in = |here, there| log_in(("ann", "pencil"), verifier(), here, there);
    assert_eq!(
        log_in(Binding::TlsExporter([1; 32]), Some([2; 32])),
        Err(ScramError::BindingMismatch)
    );
    assert_eq!(
        log_in(Binding::TlsExporter([1; 32]), None),
        Err(ScramError::NoBinding)
    );
    assert_eq!(
        log_in(Binding::NotOffered, Some([2; 32])),
        Err(ScramError::Downgrade)
    );
}

#[test]
fn a_server_that_does_not_know_the_password_is_not_believed() {
    let proved = || -> Proved {
        let (started, _) =
            Started::new("user", "pencil", "rOprNGfwEbeRWgbNEkqO", Binding::None).unwrap();
        started.answer(SERVER_FIRST).unwrap().0
    };
    let other = format!("v={}", sasl::encode(&[0; 32]));
    for (text, error) in [
        (other.as_str(), ScramError::ServerSignature),
        ("v=", ScramError::ServerSignature),
        ("e=invalid-proof", ScramError::Refused),
        (
            "",
            ScramError::Attribute {
                expected: "v= (signature)",
            },
        ),
        ("m=x,v=6rriTRBi", ScramError::Extension),
    ] {
        assert_eq!(proved().verify(text), Err(error), "{text}");
    }
    assert!(matches!(
        proved().verify("v=!"),
        Err(ScramError::Base64 { .. })
    ));
}

#[test]
fn the_client_does_not_work_for_a_hostile_server() {
    let answer = |text: &str| {
        let (started, _) = Started::new("user", "pencil", "abc", Binding::None).unwrap();
        started.answer(text).map(|_| ()).unwrap_err()
    };
    let long = format!("r=abcd,s={},i=4096", sasl::encode(&[1; SALT_BYTES_MAX + 1]));
    for (text, error) in [
        ("r=abcd,s=YQ==,i=4095", ScramError::Iterations),
        ("r=abcd,s=YQ==,i=10000001", ScramError::Iterations),
        ("r=abcd,s=YQ==,i=4294967296", ScramError::Iterations),
        ("r=abcd,s=YQ==,i=04096", ScramError::Iterations),
        ("r=abcd,s=YQ==,i=+4096", ScramError::Iterations),
        ("r=abcd,s=YQ==,i=", ScramError::Iterations),
        ("r=abc,s=YQ==,i=4096", ScramError::NonceMismatch),
        ("r=abxd,s=YQ==,i=4096", ScramError::NonceMismatch),
        ("r=,s=YQ==,i=4096", ScramError::Nonce),
        ("m=x,r=abcd,s=YQ==,i=4096", ScramError::Extension),
        ("r=abcd,s=YQ==,i=4096,m=x", ScramError::Extension),
        (
            "r=abcd,s=,i=4096",
            ScramError::Length {
                field: "the salt (s=)",
                bytes: 0,
            },
        ),
        (
            &long,
            ScramError::Length {
                field: "the salt (s=)",
                bytes: SALT_BYTES_MAX + 1,
            },
        ),
        (
            "s=YQ==,r=abcd,i=4096",
            ScramError::Attribute {
                expected: "r= (nonce)",
            },
        ),
        (
            "r=abcd,i=4096",
            ScramError::Attribute {
                expected: "s= (salt)",
            },
        ),
        (
            "r=abcd,s=YQ==",
            ScramError::Attribute {
                expected: "i= (iterations)",
            },
        ),
    ] {
        assert_eq!(answer(text), error, "{text}");
    }
}

#[test]
fn an_unknown_name_looks_like_an_account() {
    let fake = |secret: u8, user| Verifier::fake(&[secret; 32], user);
    assert_eq!(fake(1, "Bob"), fake(1, "bob"));
    assert_ne!(fake(1, "bob").salt, fake(1, "ann").salt);
    assert_ne!(fake(1, "bob").salt, fake(2, "bob").salt);
    assert_eq!(fake(1, "bob").salt.len(), SALT_BYTES);
    assert_ne!(fake(1, "bob").stored_key, fake(1, "bob").server_key);
    let result = log_in(("bob", "pencil"), fake(1, "bob"), Binding::None, None);
    assert_eq!(result, Err(ScramError::Proof));
}

#[test]
fn no_secret_is_shown() {
    let verifier = Verifier::derive("pencil", salt(), 4096).unwrap();
    let (started, text) = Started::new("user", "pencil", "abc", Binding::None).unwrap();
    let begun = Exchange::start(&text, false, None, false).unwrap();
    let shown = format!("{verifier:?} {started:?} {begun:?}");
    let shown = format!("{shown} {:?}", begun.first(verifier.clone(), "x").unwrap());
    let key = format!("{:?}", &verifier.stored_key[..4]);
    assert!(
        !shown.contains("pencil") && !shown.contains(key.trim_matches(['[', ']'])),
        "{shown}"
    );
}

#[test]
fn parameters_have_bounds() {
    for iterations in [0, 1, ITERATIONS_MIN - 1, ITERATIONS_MAX + 1, u32::MAX] {
        let error = Verifier::derive("pencil", salt(), iterations).unwrap_err();
        assert_eq!(error, ScramError::Iterations);
    }
    let prohibited = ScramError::Prohibited { what: "password" };
    for password in ["", "\u{ad}", "a\u{7}b", "\u{627}1", "a\0b"] {
        let error = Verifier::derive(password, salt(), 4096).unwrap_err();
        assert_eq!(error, prohibited, "{password:?}");
    }
}
