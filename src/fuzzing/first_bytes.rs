//! What a new connection says first: which protocol it speaks, and the header of a proxy before that.

use std::net::SocketAddr;

use super::input::Input;
use crate::edge::wire::first_bytes::{Protocol, VERB_BYTES_MAX, detect};
use crate::edge::wire::legacy;
use crate::edge::wire::proxy::{Fault, Header, REST_BYTES_MAX, SIGNATURE, parse};

/// The first bytes of a connection; of a proxy's, if the first one is odd.
pub fn first_bytes(data: &[u8]) {
    let mut input = Input(data);
    match input.byte() % 4 {
        1 => proxied(input.0),
        3 => {
            let whole = [&SIGNATURE[..], input.0].concat();
            proxied(&whole);
        }
        _ => told(input.0),
    }
}

/// A decision stands, whatever comes behind it; only `Ping` has to be alone.
fn told(bytes: &[u8]) {
    let all = detect(bytes);
    let is_ping = bytes.starts_with(legacy::PING);
    let mut decided = Protocol::Undecided;
    for seen in 0..=bytes.len() {
        let now = detect(&bytes[..seen]);
        if decided == Protocol::Undecided || (is_ping && decided == Protocol::Legacy) {
            decided = now;
        }
        assert_eq!(decided, now, "another decision at {seen}");
        assert!(now != Protocol::Undecided || seen <= VERB_BYTES_MAX);
    }
    assert_eq!(decided, all);
    match all {
        Protocol::Tls => assert_eq!(bytes[0], 0x16),
        Protocol::Legacy => assert!(is_ping),
        Protocol::Http => assert!(bytes.contains(&b' ') && bytes[0].is_ascii_alphabetic()),
        Protocol::Undecided => assert!(bytes.iter().all(u8::is_ascii_alphabetic)),
        Protocol::Gc2 => {}
    }
}

fn proxied(bytes: &[u8]) {
    let whole = parse(bytes);
    for seen in 0..bytes.len() {
        match (parse(&bytes[..seen]), &whole) {
            (Ok(None), _) => {}
            (part, whole) => assert_eq!(part, *whole, "another header at {seen}"),
        }
    }
    match whole {
        Ok(Some(header)) => {
            assert!(header.bytes <= bytes.len() && header.bytes <= 16 + REST_BYTES_MAX);
            assert!(bytes.starts_with(&SIGNATURE));
            assert_eq!(parse(&bytes[..header.bytes]), Ok(Some(header)));
            assert_eq!(header.source, source(bytes), "another address");
            told(&bytes[header.bytes..]);
        }
        Ok(None) => assert!(bytes.len() < 16 + REST_BYTES_MAX, "waits for ever"),
        Err(Fault::TooLong(claimed)) => assert!(claimed > REST_BYTES_MAX),
        Err(_) => {}
    }
    rebuilt(bytes);
}

/// The client's address, read another way.
fn source(bytes: &[u8]) -> Option<SocketAddr> {
    let port = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    match (bytes[12], bytes[13]) {
        (0x21, 0x11) => {
            let address: [u8; 4] = bytes[16..20].try_into().ok()?;
            Some(SocketAddr::from((address, port(24))))
        }
        (0x21, 0x21) => {
            let address: [u8; 16] = bytes[16..32].try_into().ok()?;
            Some(SocketAddr::from((address, port(48))))
        }
        _ => None,
    }
}

/// A header of our own making, with the input as its addresses: taken, and cut anywhere, waited for.
fn rebuilt(bytes: &[u8]) {
    let Some(addresses) = bytes.first_chunk::<12>() else {
        return;
    };
    let mut header = SIGNATURE.to_vec();
    header.extend_from_slice(&[0x21, 0x11, 0, 12]);
    header.extend_from_slice(addresses);
    let expected = Header {
        bytes: header.len(),
        source: source(&header),
        is_tls: false,
    };
    assert_eq!(parse(&header), Ok(Some(expected)));
    assert_eq!(parse(&header[..header.len() - 1]), Ok(None));
}
