//! What a hostile client may say, and in which words it is refused.

use super::client::{Binding, Started};
use super::*;
use crate::edge::wire::sasl::encode;
use proptest::prelude::*;

/// Any account's keys: these tests do not get as far as the password.
fn verifier() -> Verifier {
    Verifier::fake(&[5; 32], "ann")
}

fn exchange(server_nonce: &str) -> Exchange {
    let begun = Exchange::start("n,,n=ann,r=abc", false, None, false).unwrap();
    begun.first(verifier(), server_nonce).unwrap().exchange
}

fn missing(expected: &'static str) -> ScramError {
    ScramError::Attribute { expected }
}

#[test]
fn first_messages_are_read_strictly() {
    let (header, name, nonce) = ("header (n,, or p=,,)", "n= (user name)", "r= (nonce)");
    let long = format!("n,,n=ann,r={}", "x".repeat(NONCE_BYTES_MAX + 1));
    let huge = format!("n,,n={},r=abc", "x".repeat(10 << 20));
    for (text, error) in [
        ("", missing(header)),
        ("n", missing(header)),
        ("n,", missing(header)),
        ("x,,n=ann,r=abc", missing(header)),
        ("N,,n=ann,r=abc", missing(header)),
        ("n,,", missing(name)),
        ("n,,r=abc,n=ann", missing(name)),
        ("n,,n=ann", missing(nonce)),
        ("n,,n=ann,", missing(nonce)),
        ("n,,n=ann,R=abc", missing(nonce)),
        ("n,,N=ann,r=abc", missing(name)),
        ("n,,n=,r=abc", ScramError::Name),
        ("n,,n=a=nn,r=abc", ScramError::Name),
        ("n,,n=a=2cnn,r=abc", ScramError::Name),
        ("n,,n=ann=,r=abc", ScramError::Name),
        ("n,,n=ann=3,r=abc", ScramError::Name),
        ("n,,n=ann,r=", ScramError::Nonce),
        ("n,,n=ann,r=a c", ScramError::Nonce),
        ("n,,n=ann,r=aé", ScramError::Nonce),
        (&long, ScramError::Nonce),
        (&huge, ScramError::TooLong { bytes: huge.len() }),
        ("n,,n=a\0nn,r=abc", ScramError::Nul { at: 7 }),
        (
            "n,,n=a\u{7}nn,r=abc",
            ScramError::Prohibited { what: "user name" },
        ),
        ("n,,m=x,n=ann,r=abc", ScramError::Extension),
        ("n,,n=ann,m=x,r=abc", ScramError::Extension),
        ("n,,n=ann,r=abc,m=x", ScramError::Extension),
        ("n,,n=ann,r=abc,r=def", missing("end or optional extension")),
        ("n,,n=ann,r=abc,t", missing("end or optional extension")),
        ("n,,n=ann,r=abc,", missing("end or optional extension")),
        ("n,bob,n=ann,r=abc", missing("a= (act as)")),
        ("n,a=bob,n=ann,r=abc", ScramError::OtherIdentity),
        ("p=tls-exporter,,n=ann,r=abc", ScramError::Flag),
    ] {
        let result = Exchange::start(text, false, Some([1; 32]), false);
        assert_eq!(
            result.unwrap_err(),
            error,
            "{}",
            text.get(..60).unwrap_or(text)
        );
    }
    for (text, user) in [
        ("n,,n=ann,r=abc,t=any,z==", "ann"),
        ("n,a=ann,n=ann,r=abc", "ann"),
        ("y,,n=a=2Cb=3D,r=abc", "a,b="),
        ("n,,n==3D2C,r=abc", "=2C"),
        ("n,,n=\u{2168}\u{ad},r=abc", "IX"),
    ] {
        assert_eq!(
            Exchange::start(text, false, None, false).unwrap().user,
            user,
            "{text}"
        );
    }
}

#[test]
fn the_binding_has_to_fit_the_mechanism() {
    let start =
        |text, plus, offered| Exchange::start(text, plus, Some([1; 32]), offered).unwrap_err();
    assert_eq!(start("n,,n=ann,r=abc", true, true), ScramError::Flag);
    assert_eq!(start("y,,n=ann,r=abc", true, true), ScramError::Flag);
    assert_eq!(start("y,,n=ann,r=abc", false, true), ScramError::Downgrade);
    for name in [
        "p=tls-unique,,n=ann,r=abc",
        "p=,,n=ann,r=abc",
        "p=TLS-EXPORTER,,n=ann,r=abc",
    ] {
        assert_eq!(start(name, true, true), ScramError::BindingName);
    }
}

#[test]
fn last_messages_are_read_strictly() {
    let proof = encode(&[0; 32]);
    let short = encode(&[0; 31]);
    let end = "p= (proof) at its end";
    let with = |text: &str| text.replace("PROOF", &proof).replace("SHORT", &short);
    for (text, error) in [
        ("", missing(end)),
        ("c=biws,r=abcxyz", missing(end)),
        ("p=PROOF", missing(end)),
        (",p=PROOF", missing("c= (channel binding)")),
        ("r=abcxyz,c=biws,p=PROOF", missing("c= (channel binding)")),
        ("c=biws,p=PROOF", missing("r= (nonce)")),
        (
            "c=biws,r=abcxyz,p=PROOF,t=x",
            ScramError::Base64 {
                field: "the proof (p=)",
                error: crate::edge::wire::sasl::Base64Error::Byte { at: 44 },
            },
        ),
        ("m=x,c=biws,r=abcxyz,p=PROOF", ScramError::Extension),
        ("c=biws,r=abcxyz,m=x,p=PROOF", ScramError::Extension),
        (
            "c=biws,r=abcxyz,p=PROOF,p=PROOF",
            missing("end or optional extension"),
        ),
        (
            "c=biws,r=abcxyz,p=SHORT",
            ScramError::Length {
                field: "the proof (p=)",
                bytes: 31,
            },
        ),
        (
            "c=biws,r=abcxyz,p=",
            ScramError::Length {
                field: "the proof (p=)",
                bytes: 0,
            },
        ),
        ("c=biws,r=abcxy\0,p=PROOF", ScramError::Nul { at: 15 }),
        ("c=biws,r=abcxyzz,p=PROOF", ScramError::NonceMismatch),
        ("c=biws,r=abc,p=PROOF", ScramError::NonceMismatch),
        ("c=biws,r=ABCXYZ,p=PROOF", ScramError::NonceMismatch),
        ("c=eSws,r=abcxyz,p=PROOF", ScramError::BindingMismatch),
        ("c=,r=abcxyz,p=PROOF", ScramError::BindingMismatch),
        ("c=biws,r=abcxyz,p=PROOF", ScramError::Proof),
    ] {
        let text = with(text);
        assert_eq!(exchange("xyz").finish(&text).unwrap_err(), error, "{text}");
    }
    for garbage in [
        "c=!!!!,r=abcxyz,p=PROOF",
        "c=biw,r=abcxyz,p=PROOF",
        "c=biws,r=abcxyz,p=AAA",
    ] {
        let error = exchange("xyz").finish(&with(garbage)).unwrap_err();
        assert!(
            matches!(error, ScramError::Base64 { .. }),
            "{garbage}: {error}"
        );
    }
    let bytes = 10 << 20;
    let error = exchange("xyz").finish(&"p".repeat(bytes)).unwrap_err();
    assert_eq!(error, ScramError::TooLong { bytes });
}

#[test]
fn a_recorded_proof_is_of_no_use_in_another_exchange() {
    let verifier = || Verifier::derive("pencil", *b"salt", 4096).unwrap();
    let (started, first) = Started::new("ann", "pencil", "abc", Binding::None).unwrap();
    let open = |server_nonce: &str| {
        let begun = Exchange::start(&first, false, None, false).unwrap();
        begun.first(verifier(), server_nonce).unwrap()
    };
    let good = open("first");
    let (_, proof) = started.answer(&good.text).unwrap();
    assert!(good.exchange.finish(&proof).is_ok());
    assert_eq!(
        open("second").exchange.finish(&proof),
        Err(ScramError::NonceMismatch)
    );
    // The nonce put right by hand no longer fits the proof.
    let forged = proof.replace("r=abcfirst", "r=abcsecond");
    assert_eq!(
        open("second").exchange.finish(&forged),
        Err(ScramError::Proof)
    );
}

#[test]
fn errors_do_not_repeat_what_was_sent() {
    for text in [
        "n,,n=s3cret=,r=abc",
        "s3cret",
        "n,,n=a,r=s3cret\u{1}",
        "p=s3cret,,n=a,r=b",
    ] {
        let error = Exchange::start(text, true, None, true).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}

proptest! {
    #[test]
    fn no_first_message_panics(text in any::<String>(), plus: bool, offered: bool) {
        let _ = Exchange::start(&text, plus, Some([1; 32]), offered);
    }

    #[test]
    fn no_likely_first_message_panics(text in "[npy]=?[a-z-]{0,12},(a=[a-z=2C]{0,5})?,([nrmt]=[a-z=,2C3D]{0,9},?){0,4}") {
        let _ = Exchange::start(&text, false, None, true);
        let _ = Exchange::start(&text, true, None, true);
    }

    #[test]
    fn no_other_message_panics(text in "([crspvime]=[A-Za-z0-9+/=,]{0,12},?){0,6}") {
        let _ = exchange("xyz").finish(&text);
        let (started, _) = Started::new("ann", "pencil", "abc", Binding::NotOffered).unwrap();
        let _ = started.answer(&text);
    }

    #[test]
    fn names_travel(user in "[ -~]{1,30}") {
        let (_, text) = Started::new(&user, "pencil", "abc", Binding::None).unwrap();
        prop_assert_eq!(Exchange::start(&text, false, None, false).unwrap().user, user);
    }
}
