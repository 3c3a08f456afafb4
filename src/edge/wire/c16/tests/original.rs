//! The original's one-character interface, as linked into this crate.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Pair {
    low: c_char,
    high: c_char,
}

unsafe extern "C" {
    fn encode_B(input: *mut c_char) -> *mut c_char;
    fn decode_B(input: *mut c_char) -> *mut c_char;
    fn pairint(pair: Pair) -> c_int;
    fn intpair(number: c_int) -> Pair;
}

pub(super) type OneCharacter = unsafe extern "C" fn(*mut c_char) -> *mut c_char;

/// Calls `function` on `input`, takes `answer_bytes` bytes of its answer and frees it.
pub(super) fn call(function: OneCharacter, input: &[u8], answer_bytes: usize) -> Option<Vec<u8>> {
    let mut input = input.to_vec();
    // SAFETY: the callers pass as many bytes as the function reads: one to encode, two (or a
    // wrong one) to decode. A non-null answer holds `answer_bytes` bytes and is freed once.
    unsafe {
        let answer = function(input.as_mut_ptr().cast());
        if answer.is_null() {
            return None;
        }
        let bytes = std::slice::from_raw_parts(answer.cast::<u8>(), answer_bytes).to_vec();
        libc::free(answer.cast::<c_void>());
        Some(bytes)
    }
}

#[test]
fn every_byte_is_encoded_and_decoded_with_a_nul_behind_it() {
    for byte in 0..=255_u8 {
        let text = [b'A' + (byte & 15), b'A' + (byte >> 4), 0];
        assert_eq!(call(encode_B, &[byte], 3), Some(text.to_vec()));
        assert_eq!(call(decode_B, &text, 2), Some(vec![byte, 0]));
    }
}

#[test]
fn every_pair_outside_the_alphabet_is_refused() {
    let valid = |byte: u8| (b'A'..=b'P').contains(&byte);
    for first in 0..=255_u8 {
        for second in 0..=255_u8 {
            let accepted = call(decode_B, &[first, second], 2).is_some();
            assert_eq!(accepted, valid(first) && valid(second), "{first} {second}");
        }
    }
}

#[test]
fn an_empty_string_is_not_read_past_its_end() {
    let input = Box::new([0_u8]);
    assert_eq!(call(decode_B, &*input, 2), None);
}

#[test]
fn null_gives_null() {
    // SAFETY: null is among the arguments that both functions accept.
    unsafe {
        assert!(encode_B(ptr::null_mut()).is_null());
        assert!(decode_B(ptr::null_mut()).is_null());
    }
}

#[test]
fn pairs_and_numbers_are_inverse_for_all_16_bits() {
    for number in 0..=0xFFFF_u16 {
        let [low, high] = number.to_le_bytes();
        // SAFETY: plain values in, plain values out.
        let (pair, back) = unsafe {
            let pair = intpair(c_int::from(number));
            (pair, pairint(pair))
        };
        assert_eq!(
            (pair.low.cast_unsigned(), pair.high.cast_unsigned()),
            (low, high)
        );
        assert_eq!(back, c_int::from(number));
    }
}

#[test]
fn a_pair_is_of_the_low_16_bits_of_any_number() {
    for (number, expected) in [
        (-1, 0xFFFF),
        (0x1_0000, 0),
        (c_int::MIN, 0),
        (0x1234_5678, 0x5678),
    ] {
        // SAFETY: plain values in, plain values out.
        assert_eq!(unsafe { pairint(intpair(number)) }, expected);
    }
}
