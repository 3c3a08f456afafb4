//! What is kept of a password for SCRAM-SHA-256, if the configuration wants that. The mechanism itself, and how its keys come about, are
//! [`crate::edge::wire::sasl::scram`].

use super::super::ScramVerifier;
use super::password::{PasswordError, prepare};
use super::random;
use crate::edge::wire::sasl::scram::{ITERATIONS_MAX, ITERATIONS_MIN, SALT_BYTES};

/// A verifier for the password, with a salt of its own. `iterations` is brought within what RFC 7677 allows and clients bear. Slow by
/// intention.
pub fn derive(password: &str, iterations: u32) -> Result<ScramVerifier, PasswordError> {
    // The same rules as for the hash: what one of them takes, the other does.
    let password = prepare(password)?;
    let salt: [u8; SALT_BYTES] = random()?;
    let iterations = iterations.clamp(ITERATIONS_MIN, ITERATIONS_MAX);
    ScramVerifier::derive(&password, salt, iterations)
        .map_err(|error| PasswordError::Hash(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_is_of_its_password_and_salt() {
        let verifier = derive("tuesday rain", 1).unwrap();
        assert_eq!(verifier.iterations, ITERATIONS_MIN);
        assert!(derive("tuesday rain", 4096).unwrap() != verifier);
        assert!(derive("short", 4096).is_err());
        let of = |text| ScramVerifier::derive(text, verifier.salt.clone(), ITERATIONS_MIN).unwrap();
        assert!(of("tuesday rain") == verifier);
        assert!(of("tuesday Rain") != verifier);
        // One password, composed in two ways.
        assert!(of("caf\u{e9} noir") == of("cafe\u{301} noir"));
    }
}
