//! Passwords: which are good enough, their argon2id hashes (RFC 9106) in PHC form, and checking against one.
//!
//! Every password goes through SASLprep (RFC 4013) first, so that one typed into a PLAIN and into a SCRAM log-in is the same, however
//! the keyboard composes its accents. None is ever cut.

use std::borrow::Cow;

use argon2::password_hash::{
    Decimal, Encoding, Ident, Output, ParamsString, PasswordHash, Salt, SaltString,
};
use argon2::{Algorithm, Argon2, Version};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::super::AccountsError;
use super::super::skeleton::skeleton;
use super::{common, random};

/// Shortest password, in bytes.
pub const BYTES_MIN: usize = 8;
/// Longest password, in bytes; more is refused, not cut.
pub const BYTES_MAX: usize = 256;
/// Memory beyond which a stored hash is refused rather than computed: 1 GiB. A database that was tampered with must not be able to
/// take all of the machine's.
pub const VERIFY_MEMORY_KIB_MAX: u32 = 1 << 20;
/// The same for its passes.
pub const VERIFY_PASSES_MAX: u32 = 64;
/// The same for its lanes.
pub const VERIFY_LANES_MAX: u32 = 64;
/// Bytes of a salt.
const SALT_BYTES: usize = 16;
/// Bytes of a hash.
const HASH_BYTES: usize = 32;
/// Shortest hash that counts as one.
const HASH_BYTES_MIN: usize = 16;
/// Different characters that a password has to have.
const DIFFERENT_MIN: usize = 4;

/// What one hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for Params {
    /// OWASP's first choice: 19 MiB, two passes, one lane.
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
            lanes: 1,
        }
    }
}

/// Why a password is not taken. Never holds the password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// Too short.
    #[error("a password has at least 8 bytes; take a few words")]
    Short,
    /// Too long.
    #[error("a password has at most 256 bytes")]
    Long,
    /// Holds what cannot be typed the same way everywhere.
    #[error(
        "a password cannot hold control characters, or characters that keyboards do not agree on (RFC 4013): letters, digits, signs and spaces are fine"
    )]
    Characters,
    /// On everybody's list.
    #[error("that is one of the passwords that are tried first; take a few words")]
    Common,
    /// Like `aaaaaaaa` or `12345678`.
    #[error("that password is a pattern and is quickly guessed; take a few words")]
    Pattern,
    /// The name of the user or the server.
    #[error("that password can be guessed from the name; take a few words")]
    Name,
    /// It could not be hashed.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
    /// There were no random numbers for a salt.
    #[error(transparent)]
    NoRandomness(#[from] AccountsError),
}

/// The form of a password that is hashed (RFC 4013), or why it can be none.
pub fn prepare(password: &str) -> Result<Zeroizing<String>, PasswordError> {
    // Before anything that takes longer for longer texts.
    check_length(password)?;
    if password.chars().any(char::is_control) {
        return Err(PasswordError::Characters);
    }
    let prepared = stringprep::saslprep(password).map_err(|_| PasswordError::Characters)?;
    check_length(&prepared)?;
    Ok(Zeroizing::new(match prepared {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }))
}

fn check_length(password: &str) -> Result<(), PasswordError> {
    match password.len() {
        ..BYTES_MIN => Err(PasswordError::Short),
        BYTES_MIN..=BYTES_MAX => Ok(()),
        _ => Err(PasswordError::Long),
    }
}

/// Whether a password is good enough for this user of this server. Only asked when it is set: an old one still works.
pub fn check(password: &str, user: &str, server: &str) -> Result<(), PasswordError> {
    let lower = Zeroizing::new(prepare(password)?.to_lowercase());
    if common::is_common(&lower) {
        return Err(PasswordError::Common);
    }
    if is_pattern(&lower) {
        return Err(PasswordError::Pattern);
    }
    if is_name(&lower, user) || is_name(&lower, server) {
        return Err(PasswordError::Name);
    }
    Ok(())
}

/// A few characters over and over, or all in one direction through the alphabet.
fn is_pattern(password: &str) -> bool {
    let chars: Zeroizing<Vec<char>> = Zeroizing::new(password.chars().collect());
    let mut different = Zeroizing::new(chars.to_vec());
    different.sort_unstable();
    different.dedup();
    let follows = |a: char, b: char| u32::from(a) + 1 == u32::from(b) || (a, b) == ('9', '0');
    let mut pairs = chars.iter().zip(chars.iter().skip(1));
    let rises = pairs.clone().all(|(a, b)| follows(*a, *b));
    let falls = pairs.all(|(a, b)| follows(*b, *a));
    different.len() < DIFFERENT_MIN || rises || falls
}

/// The name itself, once or more often, forwards or backwards, with digits and signs around it.
fn is_name(password: &str, name: &str) -> bool {
    let is_edge = |c: char| !c.is_alphabetic();
    let bare = |text: &str| skeleton(text.trim_matches(is_edge)).replace(' ', "");
    let (password, name) = (Zeroizing::new(bare(password)), bare(&name.to_lowercase()));
    if name.is_empty() || password.is_empty() {
        return false;
    }
    let reversed: String = name.chars().rev().collect();
    [name, reversed]
        .iter()
        .any(|name| password.replace(name.as_str(), "").is_empty())
}

/// An argon2id hash of the password, as a PHC text with a salt of its own. Slow by intention.
pub fn hash(password: &str, params: Params) -> Result<String, PasswordError> {
    let password = prepare(password)?;
    let salt: [u8; SALT_BYTES] = random()?;
    let mut out = Zeroizing::new([0; HASH_BYTES]);
    hasher(params, HASH_BYTES)
        .and_then(|argon| argon.hash_password_into(password.as_bytes(), &salt, &mut *out))
        .map_err(|error| PasswordError::Hash(error.to_string()))?;
    phc(params, &salt, &*out).map_err(|error| PasswordError::Hash(error.to_string()))
}

/// A hash that no password has, which costs as much to check as a real one: what the passwords of unknown users are checked
/// against, so that nobody can tell by the time whether there is such a user.
pub fn dummy(params: Params) -> Result<String, PasswordError> {
    let (salt, out): ([u8; SALT_BYTES], [u8; HASH_BYTES]) = (random()?, random()?);
    phc(params, &salt, &out).map_err(|error| PasswordError::Hash(error.to_string()))
}

/// Whether this is the password of that hash. Takes the parameters from the hash; a hash that is malformed, not argon2id, or asks
/// for more than the limits above has no password. Slow by intention.
pub fn verify(password: &str, phc: &str) -> bool {
    let (Ok(password), Some(stored)) = (prepare(password), Stored::parse(phc)) else {
        return false;
    };
    let mut out = Zeroizing::new(vec![0; stored.hash.len()]);
    let done = hasher(stored.params, stored.hash.len())
        .and_then(|argon| argon.hash_password_into(password.as_bytes(), &stored.salt, &mut out));
    done.is_ok() && bool::from(out.as_slice().ct_eq(stored.hash.as_bytes()))
}

/// Whether a hash was made with other parameters than these, so that it should be made anew when the password is there.
pub fn needs_upgrade(phc: &str, params: Params) -> bool {
    Stored::parse(phc).is_none_or(|stored| {
        (stored.params, stored.salt.len(), stored.hash.len()) != (params, SALT_BYTES, HASH_BYTES)
    })
}

/// What a PHC text says.
struct Stored {
    params: Params,
    salt: Vec<u8>,
    hash: Output,
}

impl Stored {
    /// `None` for what must not be computed.
    fn parse(phc: &str) -> Option<Self> {
        let parsed = PasswordHash::new(phc).ok()?;
        let number = |name: &str| parsed.params.get_decimal(name);
        let params = Params {
            memory_kib: number("m").filter(|m| *m <= VERIFY_MEMORY_KIB_MAX)?,
            passes: number("t").filter(|t| *t <= VERIFY_PASSES_MAX)?,
            lanes: number("p").filter(|p| *p <= VERIFY_LANES_MAX)?,
        };
        let is_ours = parsed.algorithm == Algorithm::Argon2id.ident()
            && parsed.version == Some(Decimal::from(Version::V0x13))
            && parsed.params.iter().count() == 3;
        let mut buffer = [0; Salt::MAX_LENGTH];
        let salt = parsed.salt?.decode_b64(&mut buffer).ok()?.to_vec();
        let hash = parsed.hash.filter(|hash| hash.len() >= HASH_BYTES_MIN)?;
        is_ours.then_some(Self { params, salt, hash })
    }
}

fn hasher(params: Params, bytes: usize) -> argon2::Result<Argon2<'static>> {
    let params = argon2::Params::new(params.memory_kib, params.passes, params.lanes, Some(bytes))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn phc(params: Params, salt: &[u8], hash: &[u8]) -> Result<String, argon2::password_hash::Error> {
    let mut text = ParamsString::new();
    text.add_decimal("m", params.memory_kib)?;
    text.add_decimal("t", params.passes)?;
    text.add_decimal("p", params.lanes)?;
    let salt = SaltString::encode_b64(salt)?;
    let hash = PasswordHash {
        algorithm: Ident::new("argon2id")?,
        version: Some(Version::V0x13.into()),
        params: text,
        salt: Some(salt.as_salt()),
        hash: Some(Output::new_with_encoding(hash, Encoding::B64)?),
    };
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests;
