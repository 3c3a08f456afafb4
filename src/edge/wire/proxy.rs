//! The header that a proxy puts before a connection that it hands on: the PROXY protocol, version 2, of the HAProxy project. In: the
//! first bytes of a connection. Out: who is really there, and whether it speaks TLS with the proxy. Pure.
//!
//! ```text
//! 12 bytes signature | version and command | family and transport | length (2) | addresses | TLVs
//! ```

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// How every header begins.
pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes before the addresses.
const HEAD_BYTES: usize = 16;
/// Longest that the rest may claim to be, in bytes. Proxies send a few hundred, certificates' names included.
pub const REST_BYTES_MAX: usize = 1024;

const VERSION: u8 = 2;
const LOCAL: u8 = 0;
const PROXY: u8 = 1;
const UNSPECIFIED: u8 = 0x00;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;
/// Two addresses, two ports.
const TCP4_BYTES: usize = 2 * (4 + 2);
const TCP6_BYTES: usize = 2 * (16 + 2);
/// The TLV that tells of TLS between the client and the proxy, `PP2_TYPE_SSL`.
const TLV_SSL: u8 = 0x20;
/// Its bit for a client that came over TLS, `PP2_CLIENT_SSL`.
const CLIENT_SSL: u8 = 0x01;
/// A set of bits and a verdict of four bytes stand before what it holds.
const SSL_BYTES_MIN: usize = 1 + 4;

/// A whole header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its length, in bytes; what follows is the client's.
    pub bytes: usize,
    /// The client; `None` if the proxy speaks for itself (to see whether the server lives) or does not say.
    pub source: Option<SocketAddr>,
    /// Whether the client came over TLS, as far as the proxy says.
    pub is_tls: bool,
}

/// What is wrong with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is none.
    #[error("it does not begin with a PROXY header of version 2")]
    NoSignature,
    /// Of another version.
    #[error("its PROXY header has another version than 2")]
    Version,
    /// Neither LOCAL nor PROXY.
    #[error("its PROXY header holds an unknown command")]
    Command,
    /// Not TCP over IP.
    #[error("its PROXY header is for something else than TCP over IPv4 or IPv6")]
    Transport,
    /// Too long, in bytes.
    #[error("its PROXY header claims {0} bytes, more than {REST_BYTES_MAX}")]
    TooLong(usize),
    /// Too short for what it says it holds.
    #[error("its PROXY header is shorter than what it says it holds")]
    TooShort,
}

/// Reads the header at the beginning of `bytes`; `None` while it is not whole.
pub fn parse(bytes: &[u8]) -> Result<Option<Header>, Fault> {
    let seen = bytes.len().min(SIGNATURE.len());
    if bytes[..seen] != SIGNATURE[..seen] {
        return Err(Fault::NoSignature);
    }
    let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else {
        return Ok(None);
    };
    let (version, command) = (head[12] >> 4, head[12] & 0x0F);
    if version != VERSION {
        return Err(Fault::Version);
    }
    if command != LOCAL && command != PROXY {
        return Err(Fault::Command);
    }
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    if length > REST_BYTES_MAX {
        return Err(Fault::TooLong(length));
    }
    let Some(rest) = bytes.get(HEAD_BYTES..HEAD_BYTES + length) else {
        return Ok(None);
    };
    let mut header = Header {
        bytes: HEAD_BYTES + length,
        source: None,
        is_tls: false,
    };
    if command == LOCAL {
        return Ok(Some(header));
    }
    let tlvs = match head[13] {
        // What stands there then is not said.
        UNSPECIFIED => return Ok(Some(header)),
        TCP4 => {
            let (addresses, tlvs) = rest.split_at_checked(TCP4_BYTES).ok_or(Fault::TooShort)?;
            let [a, b, c, d, _, _, _, _, high, low, ..] = *addresses else {
                return Err(Fault::TooShort);
            };
            let port = u16::from_be_bytes([high, low]);
            header.source = Some((Ipv4Addr::new(a, b, c, d), port).into());
            tlvs
        }
        TCP6 => {
            let (addresses, tlvs) = rest.split_at_checked(TCP6_BYTES).ok_or(Fault::TooShort)?;
            let source = addresses.first_chunk::<16>().ok_or(Fault::TooShort)?;
            let port = u16::from_be_bytes([addresses[32], addresses[33]]);
            header.source = Some((Ipv6Addr::from(*source), port).into());
            tlvs
        }
        _ => return Err(Fault::Transport),
    };
    header.is_tls = says_tls(tlvs)?;
    Ok(Some(header))
}

/// Walks through the TLVs: type (1), length (2), value.
fn says_tls(mut tlvs: &[u8]) -> Result<bool, Fault> {
    let mut is_tls = false;
    while let Some(&kind) = tlvs.first() {
        let length = tlvs.get(1..3).ok_or(Fault::TooShort)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let value = tlvs.get(3..3 + length).ok_or(Fault::TooShort)?;
        if kind == TLV_SSL {
            if value.len() < SSL_BYTES_MIN {
                return Err(Fault::TooShort);
            }
            is_tls = value[0] & CLIENT_SSL != 0;
        }
        tlvs = &tlvs[3 + length..];
    }
    Ok(is_tls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = (rest.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[0x20 | command, family], &length, rest].concat()
    }

    const ADDRESSES_4: [u8; 12] = [203, 0, 113, 7, 10, 0, 0, 1, 0xC0, 0x01, 0x29, 0xF4];

    fn addresses_6() -> Vec<u8> {
        let from: Ipv6Addr = "2001:db8::7".parse().unwrap();
        let to: Ipv6Addr = "2001:db8::1".parse().unwrap();
        [&from.octets()[..], &to.octets(), &[0xC0, 0x01, 0x29, 0xF4]].concat()
    }

    #[test]
    fn good_headers() {
        let four: SocketAddr = "203.0.113.7:49153".parse().unwrap();
        let six: SocketAddr = "[2001:db8::7]:49153".parse().unwrap();
        let noop = [0x04, 0, 3, 1, 2, 3];
        let tls = [0x20, 0, 8, 0x01, 0, 0, 0, 0, 0x21, 0, 0];
        let no_tls = [0x20, 0, 5, 0x06, 0, 0, 0, 1];
        for (command, family, rest, source, is_tls) in [
            (1, TCP4, ADDRESSES_4.to_vec(), Some(four), false),
            (1, TCP6, addresses_6(), Some(six), false),
            (
                1,
                TCP4,
                [&ADDRESSES_4[..], &noop].concat(),
                Some(four),
                false,
            ),
            (
                1,
                TCP4,
                [&ADDRESSES_4[..], &noop, &tls].concat(),
                Some(four),
                true,
            ),
            (
                1,
                TCP6,
                [addresses_6(), tls.to_vec()].concat(),
                Some(six),
                true,
            ),
            (
                1,
                TCP4,
                [&ADDRESSES_4[..], &no_tls].concat(),
                Some(four),
                false,
            ),
            (1, UNSPECIFIED, vec![1, 2, 3], None, false),
            (0, UNSPECIFIED, vec![], None, false),
            (0, TCP4, ADDRESSES_4.to_vec(), None, false),
            (0, 0x7F, vec![9; 40], None, false),
        ] {
            let whole = header(command, family, &rest);
            let expected = Header {
                bytes: whole.len(),
                source,
                is_tls,
            };
            let with_more = [&whole[..], b"AUTH;1;GUEST;ann\n"].concat();
            assert_eq!(parse(&with_more), Ok(Some(expected)));
            for cut in 0..whole.len() {
                assert_eq!(parse(&whole[..cut]), Ok(None), "{cut} of {whole:?}");
            }
        }
    }

    #[test]
    fn bad_headers() {
        let mut version = header(1, TCP4, &ADDRESSES_4);
        version[12] = 0x11;
        let mut too_long = header(1, TCP4, &ADDRESSES_4);
        too_long[14..16].copy_from_slice(&1025u16.to_be_bytes());
        let with = |tlv: &[u8]| header(1, TCP4, &[&ADDRESSES_4[..], tlv].concat());
        for (bytes, fault) in [
            (b"GET".to_vec(), Fault::NoSignature),
            (
                b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n".to_vec(),
                Fault::NoSignature,
            ),
            (b"\r\n\r\n\0\r\nQUIX".to_vec(), Fault::NoSignature),
            (version, Fault::Version),
            (header(2, TCP4, &ADDRESSES_4), Fault::Command),
            (header(1, 0x12, &ADDRESSES_4), Fault::Transport),
            (header(1, 0x31, &[0; 216]), Fault::Transport),
            (too_long, Fault::TooLong(1025)),
            (header(1, TCP4, &ADDRESSES_4[..11]), Fault::TooShort),
            (header(1, TCP6, &ADDRESSES_4), Fault::TooShort),
            (with(&[0x04]), Fault::TooShort),
            (with(&[0x04, 0]), Fault::TooShort),
            (with(&[0x04, 0, 9, 1]), Fault::TooShort),
            (with(&[0x20, 0, 4, 1, 0, 0, 0]), Fault::TooShort),
        ] {
            assert_eq!(parse(&bytes), Err(fault), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_decided_within_its_bounds(
            command in 0u8..4, family in any::<u8>(), rest in proptest::collection::vec(any::<u8>(), 0..1200)
        ) {
            let bytes = header(command, family, &rest);
            match parse(&bytes) {
                Ok(Some(header)) => prop_assert_eq!(header.bytes, bytes.len()),
                Ok(None) => prop_assert!(false, "all of it is there"),
                Err(_) => {}
            }
        }
    }
}
