//! The data of a log-in, from somebody without a password: base64, PLAIN, SCRAM from both sides.

use std::sync::LazyLock;

use super::input::Input;
use crate::edge::wire::sasl::plain::Plain;
use crate::edge::wire::sasl::scram::client::{Binding, Started};
use crate::edge::wire::sasl::scram::{Exchange, Verifier};
use crate::edge::wire::sasl::{decode, encode};

const SERVER_NONCE: &str = "3rfcNHYJY1ZVvWVs7j";
const CLIENT_NONCE: &str = "fyko+d2lbbFgONRv9qkxdawL";
const BINDING: [u8; 32] = [7; 32];

/// One step of a log-in.
pub fn sasl(data: &[u8]) {
    let mut input = Input(data);
    match input.byte() % 5 {
        0 => base64(input.0),
        1 => plain(input.0),
        2 => stranger(input),
        3 => changed_proof(input),
        _ => changed_server(input),
    }
}

/// One value has one spelling.
fn base64(bytes: &[u8]) {
    let text = encode(bytes);
    assert_eq!(decode(&text).expect("our own").as_slice(), bytes);
    let text = String::from_utf8_lossy(bytes);
    if let Ok(decoded) = decode(&text) {
        assert_eq!(encode(&decoded), text);
    }
}

fn plain(message: &[u8]) {
    let Ok(read) = Plain::parse(message) else {
        return;
    };
    assert!(!read.user.is_empty() && !read.password.is_empty());
    let other = Plain {
        password: "another",
        ..read
    };
    assert_eq!(
        format!("{read:?}"),
        format!("{other:?}"),
        "a password is shown"
    );
    let built = read.build().expect("what was read can be built");
    assert_eq!(Plain::parse(&built), Ok(read));
}

/// Nobody gets in without a password, whatever the two messages are.
fn stranger(mut input: Input<'_>) {
    let flags = input.byte();
    let [plus, offered, bound] = [1, 2, 4].map(|bit| flags & bit != 0);
    let first = String::from_utf8_lossy(input.piece());
    let Ok(begun) = Exchange::start(&first, plus, bound.then_some(BINDING), offered) else {
        return;
    };
    assert!(!begun.user.is_empty());
    let verifier = Verifier::fake(&[9; 32], &begun.user);
    let answer = begun.first(verifier, SERVER_NONCE).expect("a good nonce");
    assert!(answer.text.contains(SERVER_NONCE) && answer.text.len() < 2048);
    let last = String::from_utf8_lossy(input.0);
    // The nonces are not to be guessed; who has seen them gets further, and not in either.
    let last = last.replace("$", answer.text[2..].split(',').next().unwrap_or(""));
    assert!(answer.exchange.finish(&last).is_err(), "somebody is in");
}

struct Talk {
    verifier: Verifier,
    client_first: String,
    server_first: String,
    client_final: String,
    server_final: String,
}

fn start(first: &str) -> Exchange {
    let begun = Exchange::start(first, false, None, false).expect("a good beginning");
    let verifier = TALK.verifier.clone();
    begun
        .first(verifier, SERVER_NONCE)
        .expect("a nonce")
        .exchange
}

/// A log-in that is right, once: computing it takes thousands of hashes.
static TALK: LazyLock<Talk> = LazyLock::new(|| {
    let verifier = Verifier::derive("pencil", *b"0123456789abcdef", 4096).expect("a password");
    let (started, client_first) =
        Started::new("ann", "pencil", CLIENT_NONCE, Binding::None).expect("a name");
    let begun = Exchange::start(&client_first, false, None, false).expect("a beginning");
    let answer = begun
        .first(verifier.clone(), SERVER_NONCE)
        .expect("a nonce");
    let (proved, client_final) = started.answer(&answer.text).expect("a proof");
    let server_final = answer.exchange.finish(&client_final).expect("right");
    proved.verify(&server_final).expect("the right server");
    Talk {
        verifier,
        client_first,
        server_first: answer.text,
        client_final,
        server_final,
    }
});

/// Replaces a stretch; the same text if nothing changes.
fn changed(text: &str, mut input: Input<'_>) -> String {
    let at = usize::from(input.byte()) % (text.len() + 1);
    let gone = usize::from(input.byte() % 4).min(text.len() - at);
    let new = String::from_utf8_lossy(input.0);
    format!("{}{new}{}", &text[..at], &text[at + gone..])
}

/// A right proof that was changed on its way is wrong, and so is one that is played to another beginning.
fn changed_proof(mut input: Input<'_>) {
    if input.byte().is_multiple_of(2) {
        let last = changed(&TALK.client_final, input);
        let answer = start(&TALK.client_first).finish(&last);
        assert_eq!(answer.is_ok(), last == TALK.client_final, "{last}");
        if let Ok(answer) = answer {
            assert_eq!(answer, TALK.server_final);
        }
    } else {
        let first = changed(&TALK.client_first, input);
        let Ok(begun) = Exchange::start(&first, false, None, false) else {
            return;
        };
        let answer = begun.first(TALK.verifier.clone(), SERVER_NONCE);
        let answer = answer.expect("a nonce").exchange.finish(&TALK.client_final);
        assert_eq!(answer.is_ok(), first == TALK.client_first, "{first}");
    }
}

/// A client believes no first message with another nonce; all that it takes costs a slow hash, so only what is refused before is asked.
fn changed_server(mut input: Input<'_>) {
    let (started, _) = Started::new("ann", "pencil", CLIENT_NONCE, Binding::None).expect("a name");
    let first = match input.byte() % 2 {
        0 => String::from_utf8_lossy(input.0).into_owned(),
        _ => changed(&TALK.server_first, input),
    };
    let nonce = first
        .strip_prefix("r=")
        .and_then(|rest| rest.split(',').next());
    let is_new = nonce
        .is_some_and(|nonce| nonce.starts_with(CLIENT_NONCE) && nonce.len() > CLIENT_NONCE.len());
    if !is_new {
        assert!(started.answer(&first).is_err(), "an old exchange");
    }
}
