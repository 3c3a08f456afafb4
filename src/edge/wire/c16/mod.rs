//! C16: any bytes as the letters `A` to `P`, two a byte, the low half first (`A` is `BE`).
//!
//! In: raw bytes, or C16 text from a connection. Out: the other of the two, appended to a buffer
//! that the caller owns and reuses. The work is done by the C library in `c16/`, which picks the
//! widest instructions of this processor by itself; this module keeps no state.

mod ffi;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;

use ffi::Implementation;

/// Why a text is not C16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The text ends in the middle of a byte.
    #[error(
        "C16 text of {length_bytes} characters ends in the middle of a byte: every byte takes \
         two, so send the whole text and nothing behind it"
    )]
    OddLength {
        /// Length of the text, in bytes.
        length_bytes: usize,
    },
    /// A character that stands for nothing.
    #[error(
        "byte 0x{byte:02X} at offset {offset_bytes} is not C16: only the letters A to P may \
         stand there, so encode the raw bytes again, low half first ('A' is \"BE\")"
    )]
    BadCharacter {
        /// Where the first wrong byte is, counted from the start of the text.
        offset_bytes: usize,
        /// The byte found there.
        byte: u8,
    },
}

/// Appends the C16 text of `raw` to `out`: two characters a byte.
pub fn encode_into(raw: &[u8], out: &mut Vec<u8>) {
    ffi::append_encoded(raw, out);
}

/// The C16 text of `raw`.
pub fn encode(raw: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    encode_into(raw, &mut text);
    text
}

/// Appends the bytes that `text` stands for to `out`; on error `out` is left as it was.
///
/// # Errors
/// When the length is odd, which is looked at first, or a character is not in `A` to `P`.
pub fn decode_into(text: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    ffi::append_decoded(text, out)
}

/// The bytes that `text` stands for.
///
/// # Errors
/// As [`decode_into`].
pub fn decode(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut raw = Vec::new();
    decode_into(text, &mut raw)?;
    Ok(raw)
}

/// Long enough that every implementation runs its loop, its step to an aligned address and its
/// tail; odd, so that the tail is not a round number of anything.
const SELF_TEST_BYTES: u16 = 1025;

/// Round-trips a fixed pattern through every implementation this processor has, and checks that
/// each finds a wrong character. Returns the name of the one in use, such as `avx2`.
///
/// # Errors
/// Says which implementation went wrong, and how.
pub fn self_test() -> Result<&'static str, String> {
    // 73 is odd, so the pattern goes through all 256 values; `>> 8` shifts it from turn to turn.
    let raw: Vec<u8> = (0..SELF_TEST_BYTES)
        .map(|i| (i.wrapping_mul(73) ^ (i >> 8)).to_le_bytes()[0])
        .collect();
    let expected: Vec<u8> = raw
        .iter()
        .flat_map(|byte| [b'A' + (byte & 15), b'A' + (byte >> 4)])
        .collect();
    for implementation in Implementation::all() {
        check_implementation(implementation, &raw, &expected)
            .map_err(|what| format!("C16 implementation {}: {what}", implementation.name()))?;
    }
    Ok(Implementation::in_use().name())
}

fn check_implementation(
    implementation: Implementation,
    raw: &[u8],
    expected: &[u8],
) -> Result<(), String> {
    let mut text = vec![0; expected.len()];
    implementation.encode(raw, &mut text);
    if text != expected {
        return Err("the test pattern was encoded wrongly".to_owned());
    }
    let mut back = vec![0; raw.len()];
    if let Err(error) = implementation.decode(&text, &mut back) {
        return Err(format!("its own text was refused: {error}"));
    }
    if back != raw {
        return Err("the test pattern came back changed".to_owned());
    }
    let offset_bytes = text.len() / 2;
    text[offset_bytes] = b'Q';
    match implementation.decode(&text, &mut back) {
        Err(DecodeError::BadCharacter {
            offset_bytes: found,
            byte: b'Q',
        }) if found == offset_bytes => Ok(()),
        other => Err(format!(
            "a wrong character at offset {offset_bytes} gave {other:?}"
        )),
    }
}
