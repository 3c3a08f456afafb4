//! AUTH, REGISTER and PASSWD: what a client shows to become someone. The secrets are decoded here and handed to the log-in; nothing
//! of them is kept.

use std::ops::ControlFlow;

use zeroize::Zeroizing;

use crate::edge::wire::gc2::command::Mechanism;
use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::reply;
use crate::edge::wire::gc2::text::{TagText, UserText};
use crate::edge::wire::names::UserName;
use crate::edge::wire::sasl::plain::Plain;
use crate::edge::wire::sasl::{self, scram};
use crate::hub::auth::{
    ChangePassword, Credentials, Granted, LogIn, LogInResult, Register, ScramExchange,
};
use crate::hub::session::Ending;
use crate::ops::config::Plaintext;

use super::{Busy, Client};

/// Bytes of TLS that are no lines and that somebody may send before the log-in. A handshake with a long chain of certificates has
/// some 16 KiB, most have less than 2; the rest is for the records of the lines.
const WRAPPING_BYTES_MAX: usize = 64 * 1024;

type Refusal = (ErrorCode, String);

/// What is remembered of a client until it is someone.
#[derive(Default)]
pub(super) struct Stranger {
    /// Its first bytes, until they tell what it speaks.
    first: Vec<u8>,
    /// Bytes of its lines so far.
    bytes: usize,
    /// Bytes around these so far: the handshake, and what else of TLS says nothing.
    wrapping: usize,
    /// The SCRAM log-in that waits for its proof, and by which mechanism.
    exchange: Option<(Mechanism, Box<ScramExchange>)>,
}

/// What an AUTH waits for an answer as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    LogIn(Mechanism),
    Registration,
    Password,
}

impl Client {
    /// Keeps bytes that do not tell yet what they are; there are few such.
    pub(super) fn keep_first(&mut self, bytes: Vec<u8>) {
        self.stranger.get_or_insert_default().first = bytes;
    }

    /// What was kept, and what came now.
    pub(super) fn with_first(&mut self, input: &[u8]) -> Vec<u8> {
        let kept = self.stranger.as_mut();
        let mut bytes = kept.map_or_else(Vec::new, |it| std::mem::take(&mut it.first));
        bytes.extend_from_slice(input);
        bytes
    }

    /// Counts a line of somebody who is not logged in; there is not much to say before that.
    pub(super) fn count_stranger(&mut self, bytes: usize) -> ControlFlow<()> {
        if self.seat.is_known() {
            return ControlFlow::Continue(());
        }
        let stranger = self.stranger.get_or_insert_default();
        stranger.bytes = stranger.bytes.saturating_add(bytes);
        let max = self.shard.config().auth.bytes;
        if stranger.bytes as u64 <= max {
            return ControlFlow::Continue(());
        }
        self.shard.links().counters.strangers_closed_total.count();
        let text = format!("log in within {max} bytes (auth.bytes)");
        self.refuse("", ErrorCode::TooLarge, &text);
        self.reply(|out| reply::bye(out, "log-in", 0));
        self.close(Ending::Refused("said too much before its log-in"));
        ControlFlow::Break(())
    }

    /// Counts what somebody who is not logged in wraps its lines in. New keys again and again, a word now and then, would keep a
    /// thread busy for as long as a log-in may take.
    pub(super) fn count_wrapping(&mut self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let stranger = self.stranger.get_or_insert_default();
        stranger.wrapping = stranger.wrapping.saturating_add(bytes);
        if stranger.wrapping > WRAPPING_BYTES_MAX {
            self.shard.links().counters.strangers_closed_total.count();
            self.close(Ending::Refused("too much of TLS without a log-in"));
        }
    }

    pub(super) fn log_in(&mut self, tag: TagText<'_>, mechanism: Mechanism, data: &str) {
        // Any AUTH ends an exchange that waits; only the same mechanism goes on with it.
        let exchange = self.stranger.as_mut().and_then(|it| it.exchange.take());
        let exchange = exchange.filter(|(begun, _)| *begun == mechanism);
        let exchange = exchange.map(|(_, exchange)| exchange);
        match self.credentials(mechanism, data, exchange) {
            Ok(by) => {
                self.busy = Some(Box::new(Busy::LogIn {
                    tag: tag.owned(),
                    asked: Asked::LogIn(mechanism),
                }));
                let log_in = LogIn {
                    client: self.seat.client,
                    address: self.seat.peer().ip(),
                    by,
                };
                self.shard.links().auth.do_send(log_in);
            }
            Err((code, text)) => self.refuse(tag.as_str(), code, &text),
        }
    }

    fn credentials(
        &self,
        mechanism: Mechanism,
        data: &str,
        exchange: Option<Box<ScramExchange>>,
    ) -> Result<Credentials, Refusal> {
        if self.seat.is_known() {
            let text = "you are logged in already".to_owned();
            return Err((ErrorCode::Conflict, text));
        }
        self.check_transport()?;
        Ok(match mechanism {
            Mechanism::Guest => Credentials::Guest(UserName::parse(data).map_err(bad)?),
            Mechanism::Plain => {
                let message = sasl::decode(data).map_err(bad)?;
                let plain = Plain::parse(&message).map_err(bad)?;
                Credentials::Password {
                    user: UserName::parse(plain.user).map_err(bad)?,
                    password: Zeroizing::new(plain.password.to_owned()),
                }
            }
            Mechanism::Token => Credentials::Token(text_of(data)?),
            Mechanism::ScramSha256 | Mechanism::ScramSha256Plus => {
                let message = text_of(data)?;
                if let Some(exchange) = exchange {
                    return Ok(Credentials::ScramFinal {
                        exchange,
                        message: message.to_string(),
                    });
                }
                let binding = self.channel_binding();
                let plus = mechanism == Mechanism::ScramSha256Plus;
                let begun = scram::Exchange::start(&message, plus, binding, binding.is_some());
                Credentials::ScramFirst(Box::new(begun.map_err(bad)?))
            }
            Mechanism::External => {
                let name = self.client_certificate_name().ok_or_else(|| {
                    let text = "EXTERNAL needs TLS with a client certificate that this server trusts (tls.client_ca)";
                    (ErrorCode::Unsupported, text.to_owned())
                })?;
                Credentials::Certificate(UserName::parse(&name).map_err(bad)?)
            }
        })
    }

    /// Nobody shows a secret where others can read along, unless the configuration says so.
    fn check_transport(&self) -> Result<(), Refusal> {
        let is_safe = self.is_secure() || self.seat.peer().ip().to_canonical().is_loopback();
        if is_safe || self.shard.config().auth.plaintext == Plaintext::Always {
            return Ok(());
        }
        let text = "this connection is not encrypted, so nobody can log in on it; connect with TLS on the same port (or see auth.plaintext)";
        Err((ErrorCode::Forbidden, text.to_owned()))
    }

    pub(super) fn register(
        &mut self,
        tag: TagText<'_>,
        user: UserText<'_>,
        password: &str,
        invite: &str,
    ) {
        let ask = || {
            if self.seat.is_known() {
                let text = "you are logged in; an account is opened before that".to_owned();
                return Err((ErrorCode::Conflict, text));
            }
            self.check_transport()?;
            Ok(Register {
                client: self.seat.client,
                address: self.seat.peer().ip(),
                user: user.owned(),
                password: text_of(password)?,
                invite: Zeroizing::new(invite.to_owned()),
            })
        };
        match ask() {
            Ok(register) => {
                let (tag, asked) = (tag.owned(), Asked::Registration);
                self.busy = Some(Box::new(Busy::LogIn { tag, asked }));
                self.shard.links().auth.do_send(register);
            }
            Err((code, text)) => self.refuse(tag.as_str(), code, &text),
        }
    }

    pub(super) fn change_password(&mut self, tag: TagText<'_>, old: &str, new: &str) {
        let ask = || {
            let identity = self.seat.identity().filter(|who| !who.standing.is_guest());
            let Some(identity) = identity else {
                let text = "guests have no password; ask for an account".to_owned();
                return Err((ErrorCode::Forbidden, text));
            };
            self.check_transport()?;
            if new.is_empty() {
                let text = "write PASSWD;tag;old;new, both passwords in base64".to_owned();
                return Err((ErrorCode::BadRequest, text));
            }
            Ok(ChangePassword {
                client: self.seat.client,
                address: self.seat.peer().ip(),
                account: identity.account,
                epoch: identity.epoch,
                old: text_of(old)?,
                new: text_of(new)?,
            })
        };
        match ask() {
            Ok(change) => {
                let (tag, asked) = (tag.owned(), Asked::Password);
                self.busy = Some(Box::new(Busy::LogIn { tag, asked }));
                self.shard.links().auth.do_send(change);
            }
            Err((code, text)) => self.refuse(tag.as_str(), code, &text),
        }
    }

    /// It was decided; who this is stands at the seat already.
    pub(super) fn take_log_in(&mut self, result: LogInResult) {
        // An answer that nobody waits for leaves alone what is waited for.
        if !matches!(self.busy.as_deref(), Some(Busy::LogIn { .. })) {
            return;
        }
        let Some(Busy::LogIn { tag, asked }) = self.busy.take().map(|busy| *busy) else {
            return;
        };
        if self.seat.closing_since().is_some() {
            // It was told goodbye, and hears nothing behind that.
            return;
        }
        let tag = tag.as_str();
        match (result, asked) {
            (
                Ok(Granted::In {
                    identity,
                    resume_token,
                    last,
                    ..
                }),
                Asked::LogIn(mechanism),
            ) => {
                self.stranger = None;
                self.review_meter();
                let line_bytes = self.line_bytes();
                self.splitter.set_limit(line_bytes);
                if let Some(last) = last {
                    let data = sasl::encode(last.as_bytes());
                    self.reply(|out| reply::auth(out, tag, mechanism.as_str(), &data));
                }
                let user = identity.user.as_str();
                self.reply(|out| reply::ok_auth(out, tag, user, &resume_token));
            }
            (Ok(Granted::Go { message, exchange }), Asked::LogIn(mechanism)) => {
                self.stranger.get_or_insert_default().exchange = Some((mechanism, exchange));
                let data = sasl::encode(message.as_bytes());
                self.reply(|out| reply::auth(out, tag, mechanism.as_str(), &data));
            }
            (Ok(Granted::Registered(user)), _) => {
                self.reply(|out| reply::ok(out, tag, &[user.as_str()]));
            }
            (Ok(Granted::PasswordChanged { .. }), _) => self.reply(|out| reply::ok(out, tag, &[])),
            (Ok(_), _) => {
                let text = "the log-in failed on our side; try again";
                self.refuse(tag, ErrorCode::Unavailable, text);
            }
            (Err((code, text)), _) => self.refuse(tag, code, &text),
        }
    }
}

/// Text in base64.
fn text_of(base64: &str) -> Result<Zeroizing<String>, Refusal> {
    let bytes = sasl::decode(base64).map_err(bad)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let text = format!(
            "what is encoded is not UTF-8 at byte {}",
            error.valid_up_to() + 1
        );
        (ErrorCode::BadRequest, text)
    })?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn bad(error: impl std::error::Error) -> Refusal {
    (ErrorCode::BadRequest, error.to_string())
}
