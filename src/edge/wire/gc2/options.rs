//! The options of HELLO: `key=value` pairs separated by spaces. Unknown keys are ignored and not echoed, so that a
//! client of a later version can talk to this one.

use std::fmt;

/// How the bodies of SEND, MSG and HIST travel on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyForm {
    /// Escaped text.
    #[default]
    Text,
    /// C16: two letters a byte, any bytes.
    C16,
}

impl BodyForm {
    /// The value of the option.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::C16 => "c16",
        }
    }
}

/// The options in force on a connection; displays as the pairs of WELCOME.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// `body=text|c16`.
    pub body: BodyForm,
    /// `presence=on|off`: whether JOINED and PARTED lines are wanted.
    pub presence: bool,
}

/// A known option with an unknown value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// Of `body`.
    #[error("option body is text or c16, as in body=c16")]
    Body,
    /// Of `presence`.
    #[error("option presence is on or off, as in presence=on")]
    Presence,
}

impl Options {
    /// Reads the pairs; of a key that stands twice, the last counts.
    pub fn parse(text: &str) -> Result<Self, OptionError> {
        let mut options = Self::default();
        for pair in text.split_ascii_whitespace() {
            match pair.split_once('=').unwrap_or((pair, "")) {
                ("body", "text") => options.body = BodyForm::Text,
                ("body", "c16") => options.body = BodyForm::C16,
                ("body", _) => return Err(OptionError::Body),
                ("presence", "on") => options.presence = true,
                ("presence", "off") => options.presence = false,
                ("presence", _) => return Err(OptionError::Presence),
                _ => {}
            }
        }
        Ok(options)
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let presence = if self.presence { "on" } else { "off" };
        write!(f, "body={} presence={presence}", self.body.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_pairs_count_and_others_do_not() {
        let options = Options::parse("body=c16 colour=red  presence=on x").unwrap();
        assert_eq!(options.to_string(), "body=c16 presence=on");
        assert_eq!(Options::parse(""), Ok(Options::default()));
        assert_eq!(Options::parse(&options.to_string()), Ok(options));
        assert_eq!(Options::parse("body=c16 body=text"), Ok(Options::default()));
    }

    #[test]
    fn a_known_key_wants_a_known_value() {
        assert_eq!(Options::parse("body=C16"), Err(OptionError::Body));
        assert_eq!(Options::parse("body"), Err(OptionError::Body));
        assert_eq!(Options::parse("presence=yes"), Err(OptionError::Presence));
    }
}
