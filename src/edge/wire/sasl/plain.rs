//! PLAIN (RFC 4616): `[authzid] NUL authcid NUL passwd`, one message. In: decoded bytes. Out: name and password, borrowed.

use std::fmt;

use zeroize::Zeroizing;

use super::MESSAGE_BYTES_MAX;

/// The name on the wire.
pub const MECHANISM: &str = "PLAIN";

/// Who wants to be whom with which password. Debug shows no password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Plain<'a> {
    /// The account, not yet checked against the grammar of names.
    pub user: &'a str,
    /// The password as it was typed.
    pub password: &'a str,
}

impl fmt::Debug for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plain")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Why a message is no PLAIN message. No text repeats what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlainError {
    /// Over [`MESSAGE_BYTES_MAX`].
    #[error("the PLAIN message has {bytes} bytes, at most {MESSAGE_BYTES_MAX} are taken")]
    TooLong {
        /// How many bytes there are.
        bytes: usize,
    },
    /// Not UTF-8.
    #[error("the PLAIN message is not UTF-8 at byte {at} of it")]
    NotUtf8 {
        /// Counted from 1.
        at: usize,
    },
    /// Not two NUL bytes.
    #[error(
        "the PLAIN message has {found} NUL bytes instead of 2; it is NUL, user, NUL, password, in base64"
    )]
    Separators {
        /// How many there are.
        found: usize,
    },
    /// Nobody is named.
    #[error("the PLAIN message names no user")]
    NoUser,
    /// There is no password.
    #[error("the PLAIN message has no password")]
    NoPassword,
    /// One account asks to act as another one.
    #[error("the PLAIN message asks to act as another user; leave its first part empty")]
    OtherIdentity,
}

impl<'a> Plain<'a> {
    /// Reads a message that was decoded from base64.
    pub fn parse(message: &'a [u8]) -> Result<Self, PlainError> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(PlainError::TooLong {
                bytes: message.len(),
            });
        }
        let text = std::str::from_utf8(message).map_err(|error| PlainError::NotUtf8 {
            at: error.valid_up_to() + 1,
        })?;
        let mut parts = text.split('\0');
        let (Some(act_as), Some(user), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(PlainError::Separators {
                found: text.matches('\0').count(),
            });
        };
        match (user, password) {
            ("", _) => Err(PlainError::NoUser),
            (_, "") => Err(PlainError::NoPassword),
            _ if !act_as.is_empty() && act_as != user => Err(PlainError::OtherIdentity),
            _ => Ok(Self { user, password }),
        }
    }

    /// The message to encode in base64. The same rules: what is built is always read again.
    pub fn build(&self) -> Result<Zeroizing<Vec<u8>>, PlainError> {
        let parts = ["", self.user, self.password];
        // The whole length at once: growing would leave copies of the password behind.
        let mut message = Zeroizing::new(Vec::with_capacity(
            self.user.len() + self.password.len() + 2,
        ));
        for (index, part) in parts.into_iter().enumerate() {
            if index > 0 {
                message.push(0);
            }
            message.extend_from_slice(part.as_bytes());
        }
        Plain::parse(&message)?;
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_of_the_identity_are_read() {
        let expected = Plain {
            user: "ann",
            password: "s3;cret pass",
        };
        for message in [&b"\0ann\0s3;cret pass"[..], b"ann\0ann\0s3;cret pass"] {
            assert_eq!(Plain::parse(message), Ok(expected));
        }
        assert_eq!(expected.build().unwrap().as_slice(), b"\0ann\0s3;cret pass");
    }

    #[test]
    fn tells_what_is_wrong() {
        use PlainError::*;
        for (message, error) in [
            (&b""[..], Separators { found: 0 }),
            (b"ann", Separators { found: 0 }),
            (b"\0ann", Separators { found: 1 }),
            (b"\0ann\0a\0b", Separators { found: 3 }),
            (b"\0\0\0\0\0", Separators { found: 5 }),
            (b"\0\0secret", NoUser),
            (b"\0ann\0", NoPassword),
            (b"bob\0ann\0secret", OtherIdentity),
            (b"Ann\0ann\0secret", OtherIdentity),
            (b"\0ann\0s\xffx", NotUtf8 { at: 7 }),
            (
                &[b'x'; MESSAGE_BYTES_MAX + 1],
                TooLong {
                    bytes: MESSAGE_BYTES_MAX + 1,
                },
            ),
        ] {
            assert_eq!(
                Plain::parse(message),
                Err(error),
                "{}",
                message.escape_ascii()
            );
        }
        let with_nul = Plain {
            user: "ann",
            password: "a\0b",
        };
        assert_eq!(with_nul.build(), Err(Separators { found: 3 }));
    }

    #[test]
    fn the_password_is_not_shown() {
        let plain = Plain {
            user: "ann",
            password: "s3cret",
        };
        assert!(!format!("{plain:?}").contains("s3cret"));
    }

    proptest! {
        #[test]
        fn no_input_panics(message in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Plain::parse(&message);
        }

        #[test]
        fn what_is_built_is_read(user in "[^\0]{1,20}", password in "[^\0]{1,40}") {
            let plain = Plain { user: &user, password: &password };
            let message = plain.build().unwrap();
            prop_assert_eq!(Plain::parse(&message), Ok(plain));
        }
    }
}
