//! The codec against a reference of one line a direction, through every implementation.

mod every_level;
mod original;
mod shared_library;

use proptest::prelude::*;

use super::{DecodeError, decode, decode_into, encode, encode_into, self_test};

fn reference_text(raw: &[u8]) -> Vec<u8> {
    raw.iter()
        .flat_map(|byte| [b'A' + (byte & 15), b'A' + (byte >> 4)])
        .collect()
}

/// Bytes without a short period, different for each seed.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[test]
fn known_values_are_as_the_original_writes_them() {
    for (byte, text) in [(b'A', b"BE"), (b'L', b"ME"), (0xFF, b"PP"), (0x00, b"AA")] {
        assert_eq!(encode(&[byte]), text);
        assert_eq!(decode(text), Ok(vec![byte]));
    }
}

#[test]
fn nothing_is_nothing() {
    assert_eq!(encode(b""), b"");
    assert_eq!(decode(b""), Ok(Vec::new()));
}

#[test]
fn output_is_appended_and_untouched_by_an_error() {
    let mut out = b"kept ".to_vec();
    encode_into(b"AL", &mut out);
    assert_eq!(out, b"kept BEME");
    decode_into(b"BEME", &mut out).unwrap();
    assert_eq!(out, b"kept BEMEAL");

    let odd = decode_into(b"BEM", &mut out);
    assert_eq!(odd, Err(DecodeError::OddLength { length_bytes: 3 }));
    let bad = decode_into(b"BEM!", &mut out);
    assert_eq!(
        bad,
        Err(DecodeError::BadCharacter {
            offset_bytes: 3,
            byte: b'!'
        })
    );
    assert_eq!(out, b"kept BEMEAL");
}

#[test]
fn an_odd_length_is_told_before_a_bad_character() {
    assert_eq!(
        decode(b"A"),
        Err(DecodeError::OddLength { length_bytes: 1 })
    );
    assert_eq!(
        decode(b"zz?"),
        Err(DecodeError::OddLength { length_bytes: 3 })
    );
}

#[test]
fn errors_say_what_where_and_what_to_do() {
    let bad = decode(b"BEbe").unwrap_err().to_string();
    assert!(bad.starts_with("byte 0x62 at offset 2 is not C16"), "{bad}");
    assert!(bad.contains("encode the raw bytes again"), "{bad}");
    let odd = decode(b"BEM").unwrap_err().to_string();
    assert!(odd.starts_with("C16 text of 3 characters"), "{odd}");
    assert!(odd.contains("send the whole text"), "{odd}");
    assert!(
        !bad.contains('\n') && !odd.contains('\n'),
        "an answer is one line"
    );
}

#[test]
fn self_test_names_the_implementation_in_use() {
    let name = self_test().unwrap();
    assert!(
        ["scalar", "sse4.1", "avx2", "avx512", "neon"].contains(&name),
        "{name}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_come_back(raw in prop::collection::vec(any::<u8>(), 0..3000)) {
        let text = encode(&raw);
        prop_assert_eq!(&text, &reference_text(&raw));
        prop_assert_eq!(decode(&text), Ok(raw));
    }

    #[test]
    fn any_text_is_read_or_refused_where_it_is_wrong(
        text in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..600),
            prop::collection::vec(b'A'..=b'P', 0..600),
            prop::collection::vec(b'A'..=b'Q', 0..600),
        ],
    ) {
        let first_bad = text.iter().position(|byte| !(b'A'..=b'P').contains(byte));
        match decode(&text) {
            Ok(raw) => {
                prop_assert_eq!(first_bad, None);
                prop_assert_eq!(encode(&raw), text);
            }
            Err(DecodeError::OddLength { length_bytes }) => {
                prop_assert_eq!(length_bytes, text.len());
                prop_assert_eq!(length_bytes % 2, 1);
            }
            Err(DecodeError::BadCharacter { offset_bytes, byte }) => {
                prop_assert_eq!(first_bad, Some(offset_bytes));
                prop_assert_eq!(byte, text[offset_bytes]);
            }
        }
    }
}
