//! Secrets: passwords, tokens, SCRAM verifiers. Pure but for random numbers: no file, no network, no clock.
//!
//! Nothing here stores or logs what it is given. Slow things (`password::hash`, `password::verify`, `scram::derive`) belong on
//! a thread that nobody waits for.

mod common;
pub mod password;
pub mod resume;
pub mod scram;
pub mod token;

use rand::TryRngCore;
use rand::rngs::OsRng;

use super::AccountsError;

/// Random bytes from the system.
pub fn random<const N: usize>() -> Result<[u8; N], AccountsError> {
    let mut bytes = [0; N];
    OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| AccountsError::NoRandomness(error.to_string()))?;
    Ok(bytes)
}
