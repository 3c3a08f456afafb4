//! The steps of one log-in, without I/O. In: the server's `AUTH` lines. Out: ours.

use rand::Rng;

use super::{Credentials, Mechanism, Secret};
use crate::edge::wire::gc2::request;
use crate::edge::wire::sasl::plain::{self, Plain};
use crate::edge::wire::sasl::scram::client::{Binding, Proved, Started};
use crate::edge::wire::sasl::scram::{self, NONCE_RANDOM_BYTES, nonce};
use crate::edge::wire::sasl::{decode, encode};
use crate::term::connection::Link;
use crate::term::error::TermError;

/// The tag of every line of a log-in.
pub const TAG: &str = "auth";
/// The mechanism of tokens.
const TOKEN: &str = "TOKEN";
/// The mechanism of guests.
const GUEST: &str = "GUEST";

/// One log-in under way.
#[derive(Debug)]
pub struct LogIn {
    mechanism: &'static str,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// The server only has to agree.
    Told,
    /// The server's first message is awaited. Boxed, because the rest is small.
    First(Box<Started>),
    /// The server's proof is awaited.
    Proof(Proved),
    /// The server has proved itself; it has to agree now.
    Proved,
    /// Nothing more is to come.
    Broken,
}

impl LogIn {
    /// Writes the first line. Over a `link` on which others can read along nothing is sent that they could use.
    pub fn begin(who: &Credentials, link: Link, out: &mut Vec<u8>) -> Result<Self, TermError> {
        let told = |mechanism| Self {
            mechanism,
            step: Step::Told,
        };
        match &who.secret {
            Secret::Guest => {
                request::auth(out, TAG, GUEST, who.user.as_str());
                Ok(told(GUEST))
            }
            Secret::Token(token) => Self::with_token(token, link, out),
            Secret::Password {
                password,
                mechanism: Mechanism::Plain,
            } => {
                exposed_unless_private(link)?;
                let user = who.user.as_str();
                let message = Plain { user, password }
                    .build()
                    .map_err(|error| TermError::LogIn(error.to_string()))?;
                request::auth(out, TAG, plain::MECHANISM, &encode(&message));
                Ok(told(plain::MECHANISM))
            }
            Secret::Password {
                password,
                mechanism: Mechanism::Scram,
            } => {
                let (mechanism, binding) = match link.binding {
                    Some(bytes) => (scram::MECHANISM_PLUS, Binding::TlsExporter(bytes)),
                    None => (scram::MECHANISM, Binding::None),
                };
                let random: [u8; NONCE_RANDOM_BYTES] = rand::rng().random();
                let (started, text) =
                    Started::new(who.user.as_str(), password, &nonce(random), binding)
                        .map_err(|error| TermError::LogIn(error.to_string()))?;
                request::auth(out, TAG, mechanism, &encode(text.as_bytes()));
                Ok(Self {
                    mechanism,
                    step: Step::First(Box::new(started)),
                })
            }
        }
    }

    /// The same with a token, whoever it belongs to.
    pub fn with_token(token: &str, link: Link, out: &mut Vec<u8>) -> Result<Self, TermError> {
        exposed_unless_private(link)?;
        request::auth(out, TAG, TOKEN, &encode(token.as_bytes()));
        Ok(Self {
            mechanism: TOKEN,
            step: Step::Told,
        })
    }

    /// Whether the server has nothing to ask: what depends on the log-in may be sent at once.
    pub fn is_one_step(&self) -> bool {
        matches!(self.step, Step::Told)
    }

    /// Takes an `AUTH` line of the server and writes the answer to it, if one is due. The second step of SCRAM computes for
    /// as long as the server's iteration count wants.
    pub fn step(&mut self, data: &str, out: &mut Vec<u8>) -> Result<(), TermError> {
        let failed = |text: String| TermError::LogIn(text);
        let data = decode(data).map_err(|error| failed(format!("the server's answer: {error}")))?;
        let text = std::str::from_utf8(&data)
            .map_err(|_| failed("the server's answer is not UTF-8".to_owned()))?;
        let wrong = |error: scram::ScramError| failed(error.to_string());
        match std::mem::replace(&mut self.step, Step::Broken) {
            Step::First(started) => {
                let (proved, answer) = started.answer(text).map_err(wrong)?;
                request::auth(out, TAG, self.mechanism, &encode(answer.as_bytes()));
                self.step = Step::Proof(proved);
            }
            Step::Proof(proved) => {
                proved.verify(text).map_err(wrong)?;
                self.step = Step::Proved;
            }
            Step::Told | Step::Proved | Step::Broken => {
                let text = format!("the server asks for more than {} has", self.mechanism);
                return Err(failed(text));
            }
        }
        Ok(())
    }

    /// The server agrees. With SCRAM that counts only after its own proof.
    pub fn agreed(&self) -> Result<(), TermError> {
        match self.step {
            Step::Told | Step::Proved => Ok(()),
            Step::First(_) | Step::Proof(_) | Step::Broken => Err(TermError::LogIn(
                scram::ScramError::ServerSignature.to_string(),
            )),
        }
    }
}

fn exposed_unless_private(link: Link) -> Result<(), TermError> {
    if link.private {
        Ok(())
    } else {
        Err(TermError::Exposed)
    }
}
