//! Resume tokens: what a client comes back with after a restart, without its password and without a slow hash.
//!
//! `gcr_` and in base64url: a version, when it was issued, the account's epoch, its name, and a keyed BLAKE3 over it all. Nothing
//! of them is stored: a token is good while its account has that epoch, and as long as the caller says.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use crate::edge::wire::names::{USER_BYTES_MAX, UserName};
use crate::edge::wire::timestamp::Timestamp;

/// What a resume token begins with.
pub const PREFIX: &str = "gcr_";
/// The form described above.
const VERSION: u8 = 1;
/// Version, seconds, epoch, length of the name.
const HEAD_BYTES: usize = 1 + 8 + 4 + 1;
/// BLAKE3, cut to 128 bits: nobody can try offline.
const MAC_BYTES: usize = 16;
/// The longest token before base64.
const BYTES_MAX: usize = HEAD_BYTES + USER_BYTES_MAX + MAC_BYTES;
/// The longest token.
pub const TEXT_BYTES_MAX: usize = PREFIX.len() + (BYTES_MAX * 4).div_ceil(3);
/// Keeps this use of the server's secret apart from others.
const CONTEXT: &[u8] = b"gencomm resume token\0";

/// What a token says. That it is genuine does not mean that it is good: compare the epoch with the account's, and its age with what
/// is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The name, spelt as it was.
    pub name: UserName,
    /// The account's epoch when it was issued.
    pub epoch: u32,
    /// When that was, in whole seconds.
    pub issued: Timestamp,
}

/// That a text is no resume token of this server. It is not told why: only a forger would care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is no resume token of this server; log in with your password")]
pub struct NotAToken;

/// Issues a token.
pub fn mint(secret: &[u8; 32], name: &UserName, epoch: u32, now: Timestamp) -> String {
    let name = name.as_str().as_bytes();
    let mut bytes = [0; BYTES_MAX];
    // A name has at most `USER_BYTES_MAX` bytes.
    let name = &name[..name.len().min(USER_BYTES_MAX)];
    let length = name.len() as u8;
    let end = HEAD_BYTES + name.len();
    bytes[0] = VERSION;
    bytes[1..9].copy_from_slice(&(now.as_micros() / 1_000_000).to_be_bytes());
    bytes[9..13].copy_from_slice(&epoch.to_be_bytes());
    bytes[13] = length;
    bytes[HEAD_BYTES..end].copy_from_slice(name);
    let mac = mac(secret, &bytes[..end]);
    bytes[end..end + MAC_BYTES].copy_from_slice(&mac);
    let mut text = String::with_capacity(TEXT_BYTES_MAX);
    text.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(&bytes[..end + MAC_BYTES], &mut text);
    text
}

/// Reads a token, if this server issued it.
pub fn open(secret: &[u8; 32], text: &str) -> Result<Opened, NotAToken> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(NotAToken);
    }
    let coded = text.strip_prefix(PREFIX).ok_or(NotAToken)?;
    // The decoder wants room for whole groups of three.
    let mut bytes = [0; BYTES_MAX.next_multiple_of(3) + 3];
    let count = URL_SAFE_NO_PAD.decode_slice(coded, &mut bytes);
    let bytes = &bytes[..count.map_err(|_| NotAToken)?];
    let (signed, their_mac) = bytes.split_last_chunk::<MAC_BYTES>().ok_or(NotAToken)?;
    if !bool::from(mac(secret, signed).ct_eq(their_mac)) {
        return Err(NotAToken);
    }
    let (head, name) = signed.split_first_chunk::<HEAD_BYTES>().ok_or(NotAToken)?;
    let [
        version,
        s0,
        s1,
        s2,
        s3,
        s4,
        s5,
        s6,
        s7,
        e0,
        e1,
        e2,
        e3,
        length,
    ] = *head;
    if version != VERSION || usize::from(length) != name.len() {
        return Err(NotAToken);
    }
    let name = std::str::from_utf8(name).map_err(|_| NotAToken)?;
    let seconds = u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
    Ok(Opened {
        name: UserName::parse(name).map_err(|_| NotAToken)?,
        epoch: u32::from_be_bytes([e0, e1, e2, e3]),
        issued: Timestamp::from_micros(seconds.saturating_mul(1_000_000)),
    })
}

fn mac(secret: &[u8; 32], signed: &[u8]) -> [u8; MAC_BYTES] {
    let mut mac = blake3::Hasher::new_keyed(secret);
    mac.update(CONTEXT);
    mac.update(signed);
    let mut out = [0; MAC_BYTES];
    out.copy_from_slice(&mac.finalize().as_bytes()[..MAC_BYTES]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: [u8; 32] = [42; 32];

    fn user(name: &str) -> UserName {
        UserName::parse(name).unwrap()
    }

    #[test]
    fn a_token_says_what_it_was_issued_for() {
        let now = Timestamp::parse("1795324350.9").unwrap();
        for name in ["a", "Alice", &"x".repeat(USER_BYTES_MAX)] {
            for epoch in [0, 1, u32::MAX] {
                let text = mint(&SECRET, &user(name), epoch, now);
                assert!(text.len() <= TEXT_BYTES_MAX && text.starts_with(PREFIX));
                let opened = open(&SECRET, &text).unwrap();
                assert_eq!((opened.name.as_str(), opened.epoch), (name, epoch));
                assert_eq!(opened.issued, Timestamp::parse("1795324350").unwrap());
            }
        }
    }

    #[test]
    fn the_form_is_fixed() {
        let text = mint(
            &SECRET,
            &user("Alice"),
            3,
            Timestamp::parse("1795324350").unwrap(),
        );
        let bytes = URL_SAFE_NO_PAD.decode(&text[PREFIX.len()..]).unwrap();
        assert_eq!(
            bytes[..HEAD_BYTES + 5],
            *b"\x01\x00\x00\x00\x00\x6b\x02\x79\xbe\x00\x00\x00\x03\x05Alice"
        );
    }

    #[test]
    fn nothing_else_is_a_token() {
        let text = mint(&SECRET, &user("alice"), 3, Timestamp::from_micros(0));
        assert_eq!(open(&[43; 32], &text), Err(NotAToken));
        for at in 0..text.len() {
            for byte in [b'A', b'B', b'_', b'=', b' ', b'\n'] {
                let mut bytes = text.clone().into_bytes();
                if bytes[at] == byte {
                    continue;
                }
                bytes[at] = byte;
                let changed = String::from_utf8(bytes).unwrap();
                assert_eq!(open(&SECRET, &changed), Err(NotAToken), "{changed}");
            }
            assert_eq!(open(&SECRET, &text[..at]), Err(NotAToken));
        }
        for bad in [
            "".to_owned(),
            PREFIX.to_owned(),
            format!("{text}A"),
            format!("{text}="),
            format!("{PREFIX}{}", "A".repeat(TEXT_BYTES_MAX)),
            format!("{PREFIX}{}", "A".repeat(10 << 20)),
            format!("{PREFIX}{}", "\u{e4}".repeat(20)),
            format!("gct_{}", "A".repeat(43)),
        ] {
            assert_eq!(open(&SECRET, &bad), Err(NotAToken));
        }
    }

    /// What has the right key but not the right form was made by a newer server, or never.
    #[test]
    fn a_genuine_mac_does_not_excuse_the_form() {
        let sealed = |signed: &[u8]| {
            let bytes = [signed, &mac(&SECRET, signed)[..]].concat();
            format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
        };
        let good = b"\x01\0\0\0\0\0\0\0\x01\0\0\0\x01\x01a";
        assert!(open(&SECRET, &sealed(good)).is_ok());
        for bad in [
            &b""[..],
            b"\x01",
            b"\x02\0\0\0\0\0\0\0\x01\0\0\0\x01\x01a",
            b"\x01\0\0\0\0\0\0\0\x01\0\0\0\x01\x02a",
            b"\x01\0\0\0\0\0\0\0\x01\0\0\0\x01\x00",
            b"\x01\0\0\0\0\0\0\0\x01\0\0\0\x01\x01;",
            b"\x01\0\0\0\0\0\0\0\x01\0\0\0\x01\x01\xff",
        ] {
            assert_eq!(open(&SECRET, &sealed(bad)), Err(NotAToken), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(gcr_)?[A-Za-z0-9_=-]{0,100}") {
            prop_assert_eq!(open(&SECRET, &text), Err(NotAToken));
        }
    }
}
