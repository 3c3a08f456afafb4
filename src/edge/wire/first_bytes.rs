//! Tells the protocols of a new connection apart. In: the first bytes that came. Out: a [`Protocol`], or that more
//! bytes are needed. One port serves them all, and the server sends nothing before it knows.

use super::legacy;

/// Longest verb that is waited for, in bytes; a longer run of letters is answered as GC/2.
pub const VERB_BYTES_MAX: usize = 32;

/// What a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// The log-in of an original client, `Ping`.
    Legacy,
    /// A TLS handshake.
    Tls,
    /// An HTTP request.
    Http,
    /// The native protocol, or something that it will refuse.
    Gc2,
    /// Not to be told yet: wait for more bytes, until the log-in deadline.
    Undecided,
}

/// The first byte of a TLS record that carries a handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// Judges what a connection has sent so far; at most [`VERB_BYTES_MAX`] + 1 bytes are looked at.
pub fn detect(bytes: &[u8]) -> Protocol {
    if bytes.first() == Some(&TLS_HANDSHAKE) {
        return Protocol::Tls;
    }
    if let Some(behind) = bytes.strip_prefix(legacy::PING)
        && matches!(behind.first(), None | Some(b'\r' | b'\n'))
    {
        return Protocol::Legacy;
    }
    let seen = &bytes[..bytes.len().min(VERB_BYTES_MAX + 1)];
    match seen.iter().position(|byte| !byte.is_ascii_alphabetic()) {
        None if seen.len() <= VERB_BYTES_MAX => Protocol::Undecided,
        Some(letters) if letters > 0 && seen[letters] == b' ' => Protocol::Http,
        _ => Protocol::Gc2,
    }
}

#[cfg(test)]
mod tests {
    use super::Protocol::*;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_protocol_by_its_first_bytes() {
        let longest = "X".repeat(VERB_BYTES_MAX);
        for (bytes, expected) in [
            ("", Undecided),
            ("P", Undecided),
            ("Pi", Undecided),
            ("Pin", Undecided),
            ("Ping", Legacy),
            ("Ping\n", Legacy),
            ("Ping\r\n", Legacy),
            ("Ping;t", Gc2),
            ("Ping ", Http),
            ("Pings", Undecided),
            ("PING;t", Gc2),
            ("\x16\x03\x01", Tls),
            ("GET / HTTP/1.1", Http),
            ("GET;g;1", Gc2),
            ("GET", Undecided),
            ("ROOMS\n", Gc2),
            ("ROOMS\r\n", Gc2),
            (&longest, Undecided),
            (&format!("{longest}X"), Gc2),
            (&format!("{longest};"), Gc2),
            (&format!("{longest} "), Http),
            (&format!("{longest}X "), Gc2),
            (" GET", Gc2),
            ("\n", Gc2),
            ("\0", Gc2),
            ("é", Gc2),
            ("JOIN7", Gc2),
        ] {
            assert_eq!(detect(bytes.as_bytes()), expected, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn a_decision_stands(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'G'), Just(b';')], 0..60)
        ) {
            prop_assume!(!bytes.starts_with(legacy::PING));
            let decided = (0..=bytes.len()).map(|n| detect(&bytes[..n])).find(|p| *p != Undecided);
            prop_assert_eq!(decided.unwrap_or(Undecided), detect(&bytes));
        }
    }
}
