//! The data of a log-in, as pure code: base64 in and out, and the mechanisms behind it.
//!
//! [`plain`] is one message with name and password; [`scram`] proves the password without sending it, both sides of it.
//! Limits: [`BASE64_BYTES_MAX`] as it travels, [`MESSAGE_BYTES_MAX`] decoded.

pub mod plain;
pub mod scram;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Longest decoded message of any mechanism, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 4096;
/// Longest base64 text that is looked at, in bytes: that of a message of [`MESSAGE_BYTES_MAX`].
pub const BASE64_BYTES_MAX: usize = MESSAGE_BYTES_MAX.div_ceil(3) * 4;

/// Why a text is no base64. Says where, never what: the text may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Base64Error {
    /// A character outside the alphabet, or `=` in the middle.
    #[error(
        "the base64 is wrong at byte {at}: only A-Z a-z 0-9 + / are allowed, and = at the very end"
    )]
    Byte {
        /// Counted from 1.
        at: usize,
    },
    /// The length, with its padding, is no multiple of four.
    #[error(
        "the base64 ends after byte {at} too early: with its padding (=) it is a multiple of 4 bytes long"
    )]
    End {
        /// How many bytes there are.
        at: usize,
    },
    /// The last character carries bits that no byte uses.
    #[error(
        "the base64 is wrong at byte {at}: the last character carries unused bits; encode it anew"
    )]
    LastBits {
        /// Counted from 1.
        at: usize,
    },
    /// Over [`BASE64_BYTES_MAX`].
    #[error("the base64 has {bytes} bytes, at most {BASE64_BYTES_MAX} are taken")]
    TooLong {
        /// How many bytes there are.
        bytes: usize,
    },
}

/// Decodes the standard alphabet (RFC 4648 section 4); padding is required, one value has one spelling.
pub fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, Base64Error> {
    use base64::DecodeError;
    if text.len() > BASE64_BYTES_MAX {
        return Err(Base64Error::TooLong { bytes: text.len() });
    }
    STANDARD
        .decode(text)
        .map(Zeroizing::new)
        .map_err(|error| match error {
            DecodeError::InvalidByte(offset, _) => Base64Error::Byte { at: offset + 1 },
            DecodeError::InvalidLastSymbol(offset, _) => Base64Error::LastBits { at: offset + 1 },
            DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => {
                Base64Error::End { at: text.len() }
            }
        })
}

/// Encodes with the standard alphabet and padding.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_value_has_one_spelling() {
        assert_eq!(decode("").unwrap().as_slice(), b"");
        assert_eq!(
            decode("AGFubgBzM2NyZXQ=").unwrap().as_slice(),
            b"\0ann\0s3cret"
        );
        for (text, error) in [
            ("AGFu*gBz", Base64Error::Byte { at: 5 }),
            ("AG-_", Base64Error::Byte { at: 3 }),
            ("AGF\nbgBz", Base64Error::Byte { at: 4 }),
            ("YQ", Base64Error::End { at: 2 }),
            ("YQ=", Base64Error::End { at: 3 }),
            ("YR==", Base64Error::LastBits { at: 2 }),
            ("YWJjé", Base64Error::Byte { at: 5 }),
        ] {
            assert_eq!(decode(text), Err(error), "{text}");
        }
    }

    #[test]
    fn what_is_huge_is_not_looked_at() {
        let fits = encode(&[7; MESSAGE_BYTES_MAX]);
        assert!(fits.len() <= BASE64_BYTES_MAX && decode(&fits).is_ok());
        let bytes = 10 << 20;
        assert_eq!(
            decode(&"A".repeat(bytes)),
            Err(Base64Error::TooLong { bytes })
        );
    }

    #[test]
    fn errors_do_not_repeat_what_was_sent() {
        let text = format!("{:?}{}", decode("s3cret!"), decode("s3cret!").unwrap_err());
        assert!(!text.contains("s3cret") && !text.contains('!'), "{text}");
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let decoded = decode(&encode(&bytes)).unwrap();
            prop_assert_eq!(&*decoded, &bytes);
        }

        #[test]
        fn no_input_panics(text in any::<String>()) {
            let _ = decode(&text);
        }
    }
}
