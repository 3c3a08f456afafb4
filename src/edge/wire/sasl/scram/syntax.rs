//! The form of the messages (RFC 5802, section 7): attributes between commas, each a letter, `=` and a value.

use zeroize::Zeroizing;

use super::{MESSAGE_BYTES_MAX, NONCE_BYTES_MAX, ScramError};
use crate::edge::wire::sasl;

/// Letters that have a meaning of their own and cannot be extensions.
const RESERVED: &[u8] = b"anmrcsipve";

/// Checks what holds for every message.
pub(super) fn checked(message: &str) -> Result<&str, ScramError> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(ScramError::TooLong {
            bytes: message.len(),
        });
    }
    match message.find('\0') {
        Some(offset) => Err(ScramError::Nul { at: offset + 1 }),
        None => Ok(message),
    }
}

/// Walks over the attributes of one message.
pub(super) struct Attributes<'a> {
    rest: Option<&'a str>,
}

impl<'a> Attributes<'a> {
    pub(super) fn new(message: &'a str) -> Self {
        Self {
            rest: Some(message),
        }
    }

    /// The value of the next attribute, which has to be `letter`; `expected` names it for a person.
    pub(super) fn next(
        &mut self,
        letter: char,
        expected: &'static str,
    ) -> Result<&'a str, ScramError> {
        let text = self.take().ok_or(ScramError::Attribute { expected })?;
        if text.starts_with("m=") {
            return Err(ScramError::Extension);
        }
        text.strip_prefix(letter)
            .and_then(|value| value.strip_prefix('='))
            .ok_or(ScramError::Attribute { expected })
    }

    /// What is left has to be extensions, which nobody has to know: a letter without a meaning, `=`, something.
    pub(super) fn only_extensions(mut self) -> Result<(), ScramError> {
        while let Some(text) = self.take() {
            match text.as_bytes() {
                [b'm', b'=', ..] => return Err(ScramError::Extension),
                [letter, b'=', _, ..]
                    if letter.is_ascii_alphabetic() && !RESERVED.contains(letter) => {}
                _ => {
                    return Err(ScramError::Attribute {
                        expected: "end or optional extension",
                    });
                }
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let (text, behind) = match rest.split_once(',') {
            Some((text, behind)) => (text, Some(behind)),
            None => (rest, None),
        };
        self.rest = behind;
        Some(text)
    }
}

/// Checks the nonce of one side or of both.
pub(super) fn nonce(text: &str) -> Result<&str, ScramError> {
    let printable = |byte: u8| byte.is_ascii_graphic() && byte != b',';
    if text.is_empty() || text.len() > 2 * NONCE_BYTES_MAX || !text.bytes().all(printable) {
        return Err(ScramError::Nonce);
    }
    Ok(text)
}

/// Decodes a field.
pub(super) fn base64(field: &'static str, text: &str) -> Result<Zeroizing<Vec<u8>>, ScramError> {
    sasl::decode(text).map_err(|error| ScramError::Base64 { field, error })
}

/// A name as it stands in a message: `,` and `=` escaped.
pub(super) fn escaped_name(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// The name that a message spells, prepared.
pub(super) fn name(escaped: &str) -> Result<String, ScramError> {
    let mut name = String::with_capacity(escaped.len());
    let mut pieces = escaped.split('=');
    name.push_str(pieces.next().unwrap_or(""));
    for piece in pieces {
        // Upper case only: one name has one spelling.
        let (c, rest) = match (piece.strip_prefix("2C"), piece.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return Err(ScramError::Name),
        };
        name.push(c);
        name.push_str(rest);
    }
    let name = prepared(&name, "user name")?;
    if name.is_empty() {
        Err(ScramError::Name)
    } else {
        Ok(name)
    }
}

/// SASLprep (RFC 4013). `what` names the text for a person.
pub(super) fn prepared(text: &str, what: &'static str) -> Result<String, ScramError> {
    stringprep::saslprep(text)
        .map(|text| text.into_owned())
        .map_err(|_| ScramError::Prohibited { what })
}
