//! What a server keeps of a password: enough to check a proof, too little to make one.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::syntax::prepared;
use super::{ITERATIONS_MAX, ITERATIONS_MIN, SALT_BYTES, SALT_BYTES_MAX, ScramError};

/// Bytes of a key, a hash and a proof.
pub(super) const KEY_BYTES: usize = 32;
/// Bytes of a block of SHA-256.
const BLOCK_BYTES: usize = 64;
/// Rounds that a made-up verifier names unless told otherwise.
const FAKE_ITERATIONS: u32 = ITERATIONS_MIN;

/// The keys of one account (RFC 5802, section 3). Whoever steals them cannot log in with them, but can pretend to be the
/// server and can guess passwords: Debug shows no key, and the memory is cleared.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    /// Random, 1 to [`SALT_BYTES_MAX`] bytes.
    pub salt: Vec<u8>,
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// `H(ClientKey)`.
    pub stored_key: [u8; 32],
    /// What the server proves itself with.
    pub server_key: [u8; 32],
}

impl Verifier {
    /// Computes the keys of `password`; takes as long as PBKDF2 takes (about half a second a million rounds).
    pub fn derive(
        password: &str,
        salt: impl Into<Vec<u8>>,
        iterations: u32,
    ) -> Result<Self, ScramError> {
        let salt = salt.into();
        let salted = salted_password(password, &salt, iterations)?;
        Ok(Self {
            iterations,
            stored_key: sha256(&*client_key(&salted)),
            server_key: *server_key(&salted),
            salt,
        })
    }

    /// For a name that nobody has: looks like an account, the same one each time, and no password fits. `secret` is the
    /// server's own and never leaves it. Names that differ in case only look the same, as those of accounts do. The caller
    /// sets `iterations` to what real accounts have.
    pub fn fake(secret: &[u8; 32], user: &str) -> Self {
        let user = user.to_ascii_lowercase();
        let part = |what: &str| hmac(secret, &[what.as_bytes(), b"\0", user.as_bytes()].concat());
        Self {
            salt: part("salt")[..SALT_BYTES].to_vec(),
            iterations: FAKE_ITERATIONS,
            stored_key: part("stored key"),
            server_key: part("server key"),
        }
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.stored_key.zeroize();
        self.server_key.zeroize();
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// `Hi(Normalize(password), salt, i)`.
pub(super) fn salted_password(
    password: &str,
    salt: &[u8],
    iterations: u32,
) -> Result<Zeroizing<[u8; KEY_BYTES]>, ScramError> {
    if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
        return Err(ScramError::Iterations);
    }
    if salt.is_empty() || salt.len() > SALT_BYTES_MAX {
        return Err(ScramError::Length {
            field: "the salt (s=)",
            bytes: salt.len(),
        });
    }
    let password = Zeroizing::new(prepared(password, "password")?);
    if password.is_empty() {
        return Err(ScramError::Prohibited { what: "password" });
    }
    let mut salted = Zeroizing::new([0; KEY_BYTES]);
    // HMAC takes keys of any length, so this cannot fail.
    pbkdf2::pbkdf2::<Hmac<Sha256>>(password.as_bytes(), salt, iterations, &mut *salted)
        .map_err(|_| ScramError::Prohibited { what: "password" })?;
    Ok(salted)
}

pub(super) fn client_key(salted: &[u8; KEY_BYTES]) -> Zeroizing<[u8; KEY_BYTES]> {
    Zeroizing::new(hmac(salted, b"Client Key"))
}

pub(super) fn server_key(salted: &[u8; KEY_BYTES]) -> Zeroizing<[u8; KEY_BYTES]> {
    Zeroizing::new(hmac(salted, b"Server Key"))
}

pub(super) fn hmac(key: &[u8; KEY_BYTES], data: &[u8]) -> [u8; KEY_BYTES] {
    // A key that is shorter than a block is filled up with zeros anyway; so filled it has the one length that is always taken.
    let mut block = Zeroizing::new([0; BLOCK_BYTES]);
    block[..KEY_BYTES].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as hmac::digest::KeyInit>::new((&*block).into());
    mac.update(data);
    mac.finalize().into_bytes().into()
}

pub(super) fn sha256(data: &[u8]) -> [u8; KEY_BYTES] {
    Sha256::digest(data).into()
}

pub(super) fn xor(a: &[u8; KEY_BYTES], b: &[u8; KEY_BYTES]) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut out = Zeroizing::new(*a);
    out.iter_mut().zip(b).for_each(|(x, y)| *x ^= y);
    out
}
