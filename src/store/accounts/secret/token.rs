//! Tokens and codes that are random through and through: 256 bits, so a plain SHA-256 is enough to keep of them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::super::AccountsError;
use super::random;

/// What a bot's token begins with.
pub const BOT_PREFIX: &str = "gct_";
/// What an invitation begins with.
pub const INVITE_PREFIX: &str = "gci_";
/// Random bytes behind it.
const RANDOM_BYTES: usize = 32;
/// Their length in base64url without padding.
const RANDOM_CHARS: usize = 43;

/// A new token for a bot.
pub fn bot_token() -> Result<String, AccountsError> {
    fresh(BOT_PREFIX)
}

/// A new code of an invitation.
pub fn invitation() -> Result<String, AccountsError> {
    fresh(INVITE_PREFIX)
}

fn fresh(prefix: &str) -> Result<String, AccountsError> {
    let bytes: [u8; RANDOM_BYTES] = random()?;
    let mut text = prefix.to_owned();
    URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
    Ok(text)
}

/// What is kept of a token or code, and what one is looked up by.
pub fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Whether it is worth looking a text up as a bot's token.
pub fn looks_like_bot_token(text: &str) -> bool {
    text.strip_prefix(BOT_PREFIX)
        .is_some_and(|rest| rest.len() == RANDOM_CHARS && rest.bytes().all(is_base64url))
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_their_form_and_are_each_their_own() {
        let (one, two) = (bot_token().unwrap(), bot_token().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), BOT_PREFIX.len() + RANDOM_CHARS);
        assert!(looks_like_bot_token(&one) && looks_like_bot_token(&two));
        assert!(invitation().unwrap().starts_with("gci_"));
        for bad in [
            "",
            "gct_",
            "gcr_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            &one[1..],
            &one[..one.len() - 1],
            &format!("{one}a"),
            &format!("{}=", &one[..one.len() - 1]),
            &invitation().unwrap(),
        ] {
            assert!(!looks_like_bot_token(bad), "{bad}");
        }
    }

    #[test]
    fn the_hash_is_sha_256_of_the_text() {
        let hex: String = hash("abc")
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
