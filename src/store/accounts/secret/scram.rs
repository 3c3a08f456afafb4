//! What SCRAM-SHA-256 is checked against (RFC 5802, RFC 7677). Only the verifier: the exchange itself is a mechanism of the
//! log-in.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::super::ScramVerifier;
use super::password::{PasswordError, prepare};
use super::random;

/// Bytes of a salt.
pub const SALT_BYTES: usize = 16;
/// Fewest rounds (RFC 7677, section 4).
pub const ITERATIONS_MIN: u32 = 4096;
/// Most rounds; more would keep clients busy for minutes.
pub const ITERATIONS_MAX: u32 = 10_000_000;

/// A verifier for the password, with a salt of its own. `iterations` is brought within the limits above. Slow by intention.
pub fn derive(password: &str, iterations: u32) -> Result<ScramVerifier, PasswordError> {
    let salt: [u8; SALT_BYTES] = random()?;
    derive_with(password, &salt, iterations)
}

/// As [`derive()`], with this salt.
pub fn derive_with(
    password: &str,
    salt: &[u8],
    iterations: u32,
) -> Result<ScramVerifier, PasswordError> {
    let password = prepare(password)?;
    let iterations = iterations.clamp(ITERATIONS_MIN, ITERATIONS_MAX);
    let mut salted = Zeroizing::new([0; 32]);
    pbkdf2::pbkdf2::<Hmac<Sha256>>(password.as_bytes(), salt, iterations, &mut *salted)
        .map_err(|error| PasswordError::Hash(error.to_string()))?;
    let client_key = Zeroizing::new(mac(&*salted, b"Client Key")?);
    Ok(ScramVerifier {
        salt: salt.to_vec(),
        iterations,
        stored_key: Sha256::digest(client_key.as_slice()).into(),
        server_key: mac(&*salted, b"Server Key")?,
    })
}

fn mac(key: &[u8], text: &[u8]) -> Result<[u8; 32], PasswordError> {
    let mac = Hmac::<Sha256>::new_from_slice(key);
    let mut mac = mac.map_err(|error| PasswordError::Hash(error.to_string()))?;
    mac.update(text);
    Ok(mac.finalize().into_bytes().into())
}

/// The salt that an unknown user is shown: always the same for a name, and like any other to whoever does not have the server's
/// [secret](super::super::Accounts::secret).
pub fn fake_salt(secret: &[u8; 32], account: &str) -> [u8; SALT_BYTES] {
    let mut mac = blake3::Hasher::new_keyed(secret);
    mac.update(b"gencomm scram salt\0");
    mac.update(account.as_bytes());
    let mut salt = [0; SALT_BYTES];
    mac.finalize_xof().fill(&mut salt);
    salt
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    /// The exchange that RFC 7677 prints for user `user`, password `pencil`, seen from the server.
    #[test]
    fn the_example_of_the_rfc_comes_out() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        // `pencil` is too short for us, so the steps behind the password are taken one by one.
        let mut salted = [0; 32];
        pbkdf2::pbkdf2::<Hmac<Sha256>>(b"pencil", &salt, 4096, &mut salted).unwrap();
        let client_key = mac(&salted, b"Client Key").unwrap();
        let stored_key: [u8; 32] = Sha256::digest(client_key).into();
        let message = b"n=user,r=rOprNGfwEbeRWgbNEkqO,\
            r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
            c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let signature = mac(&stored_key, message).unwrap();
        let proof: Vec<u8> = client_key
            .iter()
            .zip(signature)
            .map(|(a, b)| a ^ b)
            .collect();
        assert_eq!(
            STANDARD.encode(proof),
            "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let server_key = mac(&salted, b"Server Key").unwrap();
        assert_eq!(
            STANDARD.encode(mac(&server_key, message).unwrap()),
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
        );
    }

    #[test]
    fn a_verifier_is_of_its_password_and_salt() {
        let verifier = derive("tuesday rain", 1).unwrap();
        assert_eq!(verifier.iterations, ITERATIONS_MIN);
        let again = derive_with("tuesday rain", &verifier.salt, ITERATIONS_MIN).unwrap();
        assert!(verifier == again);
        assert!(derive("tuesday rain", 4096).unwrap() != verifier);
        let other = derive_with("tuesday Rain", &verifier.salt, ITERATIONS_MIN).unwrap();
        assert!(other.stored_key != verifier.stored_key && other.server_key != verifier.server_key);
        assert!(derive("short", 4096).is_err());
        // One password, composed in two ways.
        let (one, two) = ("caf\u{e9} noir", "cafe\u{301} noir");
        let of = |text| derive_with(text, &verifier.salt, 4096).unwrap();
        assert!(of(one) == of(two));
    }

    #[test]
    fn fake_salts_are_constant_and_each_their_own() {
        let secret = [7; 32];
        assert_eq!(fake_salt(&secret, "nobody"), fake_salt(&secret, "nobody"));
        assert_ne!(fake_salt(&secret, "nobody"), fake_salt(&secret, "nobody2"));
        assert_ne!(fake_salt(&secret, "nobody"), fake_salt(&[8; 32], "nobody"));
    }
}
