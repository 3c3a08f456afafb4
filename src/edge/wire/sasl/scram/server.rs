//! The server's side. [`Exchange::start`] reads the first message, [`Begun::first`] answers it once the account is known,
//! [`Exchange::finish`] checks the proof. Each step consumes the one before: nothing can be played twice.

use std::fmt;

use subtle::ConstantTimeEq;

use super::syntax::{Attributes, base64, checked, name, nonce};
use super::verifier::{KEY_BYTES, Verifier, hmac, sha256, xor};
use super::{BINDING_NAME, NONCE_BYTES_MAX, ScramError};
use crate::edge::wire::sasl::encode;

/// The first message, understood. Who it is has to be looked up now.
#[derive(Debug)]
pub struct Begun {
    /// The user's name, prepared; not yet checked against the grammar of names.
    pub user: String,
    bare: String,
    /// What `c=` has to hold.
    bound: Vec<u8>,
    client_nonce: String,
}

/// The answer to it, and the exchange that waits for the client's proof.
#[derive(Debug)]
pub struct ServerFirst {
    /// To be sent.
    pub text: String,
    /// Goes on with the client's next message.
    pub exchange: Exchange,
}

/// An exchange that waits for the client's proof. Debug shows nothing of it.
pub struct Exchange {
    verifier: Verifier,
    bound: Vec<u8>,
    nonces: String,
    /// client-first-bare, comma, server-first, comma.
    said: String,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}

impl Exchange {
    /// Reads the client's first message. `plus` says that the mechanism is the one with channel binding; `binding` is that of
    /// the connection, if it is TLS; `offered_plus` whether the client could have known that the binding is offered here.
    pub fn start(
        client_first: &str,
        plus: bool,
        binding: Option<[u8; 32]>,
        offered_plus: bool,
    ) -> Result<Begun, ScramError> {
        let missing = ScramError::Attribute {
            expected: "header (n,, or p=,,)",
        };
        let message = checked(client_first)?;
        let (flag, rest) = message.split_once(',').ok_or(missing.clone())?;
        let (act_as, bare) = rest.split_once(',').ok_or(missing.clone())?;
        let header = &message[..message.len() - bare.len()];
        let mut bound = header.as_bytes().to_vec();
        match (flag, flag.strip_prefix("p=")) {
            (_, Some(_)) if !plus => return Err(ScramError::Flag),
            (_, Some(BINDING_NAME)) => bound.extend(binding.ok_or(ScramError::NoBinding)?),
            (_, Some(_)) => return Err(ScramError::BindingName),
            ("n" | "y", None) if plus => return Err(ScramError::Flag),
            ("y", None) if offered_plus => return Err(ScramError::Downgrade),
            ("n" | "y", None) => {}
            _ => return Err(missing),
        }
        let mut attributes = Attributes::new(bare);
        let user = name(attributes.next('n', "n= (user name)")?)?;
        let client_nonce = nonce(attributes.next('r', "r= (nonce)")?)?;
        if client_nonce.len() > NONCE_BYTES_MAX {
            return Err(ScramError::Nonce);
        }
        attributes.only_extensions()?;
        if !act_as.is_empty() {
            let act_as = act_as.strip_prefix("a=").ok_or(ScramError::Attribute {
                expected: "a= (act as)",
            })?;
            if name(act_as)? != user {
                return Err(ScramError::OtherIdentity);
            }
        }
        Ok(Begun {
            user,
            client_nonce: client_nonce.to_owned(),
            bare: bare.to_owned(),
            bound,
        })
    }

    /// Checks the client's proof and returns the server's own, which is to be sent before the log-in counts.
    pub fn finish(self, client_final: &str) -> Result<String, ScramError> {
        let message = checked(client_final)?;
        let no_proof = ScramError::Attribute {
            expected: "p= (proof) at its end",
        };
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(no_proof)?;
        let mut attributes = Attributes::new(without_proof);
        let bound = base64(
            "the binding (c=)",
            attributes.next('c', "c= (channel binding)")?,
        )?;
        let nonces = nonce(attributes.next('r', "r= (nonce)")?)?;
        attributes.only_extensions()?;
        let proof = base64("the proof (p=)", proof)?;
        let proof: &[u8; KEY_BYTES] =
            proof
                .as_slice()
                .try_into()
                .map_err(|_| ScramError::Length {
                    field: "the proof (p=)",
                    bytes: proof.len(),
                })?;
        if !bool::from(nonces.as_bytes().ct_eq(self.nonces.as_bytes())) {
            return Err(ScramError::NonceMismatch);
        }
        if !bool::from(bound.as_slice().ct_eq(&self.bound)) {
            return Err(ScramError::BindingMismatch);
        }
        let said = self.said + without_proof;
        let signature = hmac(&self.verifier.stored_key, said.as_bytes());
        let client_key = xor(proof, &signature);
        if !bool::from(sha256(&*client_key).ct_eq(&self.verifier.stored_key)) {
            return Err(ScramError::Proof);
        }
        let own = hmac(&self.verifier.server_key, said.as_bytes());
        Ok(format!("v={}", encode(&own)))
    }
}

impl Begun {
    /// The answer for the account of `verifier`, or for one that does not exist ([`Verifier::fake`]). `server_nonce` is new
    /// for each exchange, as [`super::nonce`] makes it.
    pub fn first(self, verifier: Verifier, server_nonce: &str) -> Result<ServerFirst, ScramError> {
        if nonce(server_nonce)?.len() > NONCE_BYTES_MAX {
            return Err(ScramError::Nonce);
        }
        let nonces = self.client_nonce + server_nonce;
        let text = format!(
            "r={nonces},s={},i={}",
            encode(&verifier.salt),
            verifier.iterations
        );
        let said = format!("{},{text},", self.bare);
        let exchange = Exchange {
            verifier,
            bound: self.bound,
            nonces,
            said,
        };
        Ok(ServerFirst { text, exchange })
    }
}
