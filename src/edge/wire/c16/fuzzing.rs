//! The C library against a model of one line a direction: every implementation that this processor has, in buffers without a byte to
//! spare, so that AddressSanitizer sees each step beyond.

use super::ffi::Implementation;
use super::{DecodeError, decode_into, encode_into};

/// The text of `raw`, one byte after the other.
fn model_text(raw: &[u8]) -> Vec<u8> {
    let letters = raw.iter().flat_map(|byte| [byte & 15, byte >> 4]);
    letters.map(|half| b'A' + half).collect()
}

fn model_raw(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    if !text.len().is_multiple_of(2) {
        let length_bytes = text.len();
        return Err(DecodeError::OddLength { length_bytes });
    }
    let is_wrong = |byte: &u8| !(b'A'..=b'P').contains(byte);
    if let Some(offset_bytes) = text.iter().position(is_wrong) {
        let byte = text[offset_bytes];
        return Err(DecodeError::BadCharacter { offset_bytes, byte });
    }
    let pairs = text.chunks_exact(2);
    Ok(pairs
        .map(|pair| (pair[0] - b'A') | (pair[1] - b'A') << 4)
        .collect())
}

/// Bytes to encode; or a text to decode, the letters of which are near the right ones: alignment of both sides, then the bytes.
pub fn c16(data: &[u8]) {
    let [how, shift, rest @ ..] = data else {
        return;
    };
    // Boxes of exactly this size end where the memory ends that one may touch; their beginning moves within.
    let (from, to) = (usize::from(shift & 15), usize::from(shift >> 4));
    let bytes = match how & 1 {
        0 => rest.to_vec(),
        // Most of the 256 values become letters, so that a fuzzer gets far.
        _ => rest
            .iter()
            .map(|byte| if *byte < 240 { b'A' + byte % 16 } else { *byte })
            .collect(),
    };
    let source: Box<[u8]> = [&vec![0; from][..], &bytes].concat().into();
    encodes(&source[from..], to);
    decodes(&source[from..], to);
}

fn encodes(raw: &[u8], to: usize) {
    let expected = model_text(raw);
    for implementation in Implementation::all() {
        let mut text: Box<[u8]> = vec![0; to + expected.len()].into();
        implementation.encode(raw, &mut text[to..]);
        assert_eq!(&text[to..], expected, "{}", implementation.name());
        assert_eq!(&text[..to], &vec![0; to], "written before its place");
        let mut back: Box<[u8]> = vec![0; to + raw.len()].into();
        let answer = implementation.decode(&text[to..], &mut back[to..]);
        assert_eq!(answer, Ok(()), "{}", implementation.name());
        assert_eq!(&back[to..], raw, "{}", implementation.name());
    }
    let mut out = b"kept".to_vec();
    encode_into(raw, &mut out);
    assert_eq!(out, [b"kept", &expected[..]].concat());
}

fn decodes(text: &[u8], to: usize) {
    let expected = model_raw(text);
    for implementation in Implementation::all() {
        let mut raw: Box<[u8]> = vec![0; to + text.len() / 2].into();
        let answer = implementation.decode(text, &mut raw[to..]);
        let answer = answer.map(|()| raw[to..].to_vec());
        assert_eq!(answer, expected, "{}", implementation.name());
        assert_eq!(&raw[..to], &vec![0; to], "written before its place");
    }
    let mut out = b"kept".to_vec();
    match (decode_into(text, &mut out), expected) {
        (Ok(()), Ok(raw)) => assert_eq!(out, [b"kept", &raw[..]].concat()),
        (answer, expected) => {
            assert_eq!(answer.err(), expected.err());
            assert_eq!(out, b"kept");
        }
    }
}
