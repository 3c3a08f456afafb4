//! The client's side. [`Started::new`] writes the first message, [`Started::answer`] proves the password,
//! [`Proved::verify`] makes sure that the server knew it too.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::syntax::{Attributes, base64, checked, escaped_name, nonce, prepared};
use super::verifier::{KEY_BYTES, client_key, hmac, salted_password, server_key, sha256, xor};
use super::{BINDING_NAME, NONCE_BYTES_MAX, ScramError};
use crate::edge::wire::sasl::encode;

/// What ties the log-in to the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// This client cannot (`n`): no TLS.
    None,
    /// This client could, but the server does not offer it (`y`). A server that does will end the exchange.
    NotOffered,
    /// `tls-exporter` of the connection, for the mechanism with `-PLUS`.
    TlsExporter([u8; 32]),
}

/// The first message is written. Debug shows nothing of it.
pub struct Started {
    password: Zeroizing<String>,
    bare: String,
    bound: Vec<u8>,
    nonce: String,
}

/// The proof is written; the server's is awaited.
pub struct Proved {
    expected: [u8; KEY_BYTES],
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started").finish_non_exhaustive()
    }
}

impl fmt::Debug for Proved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proved").finish_non_exhaustive()
    }
}

impl Started {
    /// Returns the message to send. `client_nonce` is new for each exchange, as [`super::nonce`] makes it.
    pub fn new(
        user: &str,
        password: &str,
        client_nonce: &str,
        binding: Binding,
    ) -> Result<(Self, String), ScramError> {
        let user = prepared(user, "user name")?;
        if user.is_empty() {
            return Err(ScramError::Name);
        }
        if nonce(client_nonce)?.len() > NONCE_BYTES_MAX {
            return Err(ScramError::Nonce);
        }
        // Refused here already: the server may not be asked in vain.
        drop(Zeroizing::new(prepared(password, "password")?));
        let (header, bytes) = match &binding {
            Binding::None => ("n,,".to_owned(), &[][..]),
            Binding::NotOffered => ("y,,".to_owned(), &[][..]),
            Binding::TlsExporter(bytes) => (format!("p={BINDING_NAME},,"), &bytes[..]),
        };
        let bare = format!("n={},r={client_nonce}", escaped_name(&user));
        let text = format!("{header}{bare}");
        checked(&text)?;
        let started = Self {
            password: Zeroizing::new(password.to_owned()),
            bound: [header.as_bytes(), bytes].concat(),
            nonce: client_nonce.to_owned(),
            bare,
        };
        Ok((started, text))
    }

    /// Reads the server's first message and returns the proof to send; takes as long as PBKDF2 takes.
    pub fn answer(self, server_first: &str) -> Result<(Proved, String), ScramError> {
        let mut attributes = Attributes::new(checked(server_first)?);
        let nonces = nonce(attributes.next('r', "r= (nonce)")?)?;
        let salt = base64("the salt (s=)", attributes.next('s', "s= (salt)")?)?;
        let iterations = iterations(attributes.next('i', "i= (iterations)")?)?;
        attributes.only_extensions()?;
        // A server that adds nothing of its own could replay an old exchange.
        if !nonces.starts_with(&self.nonce) || nonces.len() == self.nonce.len() {
            return Err(ScramError::NonceMismatch);
        }
        let salted = salted_password(&self.password, &salt, iterations)?;
        let without_proof = format!("c={},r={nonces}", encode(&self.bound));
        let said = format!("{},{server_first},{without_proof}", self.bare);
        let key = client_key(&salted);
        let signature = hmac(&sha256(&*key), said.as_bytes());
        let proof = xor(&key, &signature);
        let expected = hmac(&server_key(&salted), said.as_bytes());
        let text = format!("{without_proof},p={}", encode(&*proof));
        Ok((Proved { expected }, text))
    }
}

impl Proved {
    /// Checks the server's last message. Only now the server is known to be the one that the password is for.
    pub fn verify(self, server_final: &str) -> Result<(), ScramError> {
        let message = checked(server_final)?;
        if message.starts_with("e=") {
            return Err(ScramError::Refused);
        }
        let mut attributes = Attributes::new(message);
        let signature = base64(
            "the signature (v=)",
            attributes.next('v', "v= (signature)")?,
        )?;
        attributes.only_extensions()?;
        if bool::from(signature.as_slice().ct_eq(&self.expected)) {
            Ok(())
        } else {
            Err(ScramError::ServerSignature)
        }
    }
}

/// A count in plain decimal digits, without a leading zero; its bounds are checked where it is used.
fn iterations(digits: &str) -> Result<u32, ScramError> {
    if digits.starts_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScramError::Iterations);
    }
    digits.parse().map_err(|_| ScramError::Iterations)
}
