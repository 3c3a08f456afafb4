//! The name of one certificate: SHA-256 over its DER form, in hexadecimal.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// SHA-256 of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// That of a certificate in DER.
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Reads 64 hexadecimal digits; `sha256:` before them and colons between pairs are allowed, as tools print them.
impl FromStr for Fingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "a fingerprint is the SHA-256 of a certificate, 64 hexadecimal digits; `gencomm certs show` on the server prints it"
                .to_owned()
        };
        let (prefix, digits) = text.split_at_checked("sha256:".len()).unwrap_or(("", text));
        let digits = if prefix.eq_ignore_ascii_case("sha256:") {
            digits
        } else {
            text
        };
        // Pairs have the same distance from each other throughout: with colons or without.
        let distance = match digits.len() {
            64 => 2,
            95 => 3,
            _ => return Err(wrong()),
        };
        let mut bytes = [0; 32];
        for (byte, piece) in bytes.iter_mut().zip(digits.as_bytes().chunks(distance)) {
            let nibble = |at: usize| char::from(piece[at]).to_digit(16);
            let (Some(high), Some(low)) = (nibble(0), nibble(1)) else {
                return Err(wrong());
            };
            if piece.get(2).is_some_and(|colon| *colon != b':') {
                return Err(wrong());
            }
            *byte = (high << 4 | low) as u8;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_usual_spelling_is_read() {
        let print = Fingerprint::of(b"x");
        let text = print.to_string();
        let pairs: Vec<&str> = (0..32).map(|n| &text[2 * n..2 * n + 2]).collect();
        for spelling in [
            text.clone(),
            text.to_ascii_uppercase(),
            format!("sha256:{text}"),
            format!("SHA256:{}", pairs.join(":").to_ascii_uppercase()),
        ] {
            assert_eq!(spelling.parse(), Ok(print), "{spelling}");
        }
        for bad in [
            "".to_owned(),
            "sha256:".to_owned(),
            text[1..].to_owned(),
            format!("{text}0"),
            format!("{text}00"),
            text.replace(&text[..1], "g"),
            format!("+{}", &text[1..]),
            format!("md5:{text}"),
            format!("é{}", &text[2..]),
        ] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_input_panics(text in any::<String>(), hex in "[0-9a-f:é]{60,70}") {
            let _ = text.parse::<Fingerprint>();
            let _ = hex.parse::<Fingerprint>();
        }
    }
}
