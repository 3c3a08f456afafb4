//! Every implementation that this processor has, at every length, alignment and place where the
//! loops, heads and tails could differ.

use super::super::ffi::Implementation;
use super::{DecodeError, noise, reference_text};

/// What surrounds each destination; a byte of it changed is a write out of bounds.
const CANARY: u8 = 0x5A;
const MARGIN_BYTES: usize = 64;

/// Runs `fill` on `length` bytes of a canary-filled buffer that begin at an address of `align`
/// bytes past a 64-byte border, and returns them, having looked at both margins.
fn guarded<T>(length: usize, align: usize, fill: impl FnOnce(&mut [u8]) -> T) -> (Vec<u8>, T) {
    let mut buffer = vec![CANARY; length + 3 * MARGIN_BYTES];
    let start = MARGIN_BYTES + buffer.as_ptr().align_offset(64) % 64 + align;
    let answer = fill(&mut buffer[start..start + length]);
    assert!(
        buffer[..start].iter().all(|&byte| byte == CANARY),
        "written before the start"
    );
    assert!(
        buffer[start + length..].iter().all(|&byte| byte == CANARY),
        "written past the end"
    );
    (buffer[start..start + length].to_vec(), answer)
}

/// `bytes` at an address of `align` bytes past a 64-byte border; `use_it` gets that slice.
fn placed<T>(bytes: &[u8], align: usize, use_it: impl FnOnce(&[u8]) -> T) -> T {
    let mut buffer = vec![CANARY; bytes.len() + 2 * MARGIN_BYTES];
    let start = buffer.as_ptr().align_offset(64) % 64 + align;
    buffer[start..start + bytes.len()].copy_from_slice(bytes);
    use_it(&buffer[start..start + bytes.len()])
}

fn round_trip(implementation: Implementation, raw: &[u8], align_src: usize, align_dst: usize) {
    let context = || {
        let length = raw.len();
        format!(
            "{} length {length} at {align_src}/{align_dst}",
            implementation.name()
        )
    };
    let expected = reference_text(raw);
    let (text, ()) = placed(raw, align_src, |raw| {
        guarded(2 * raw.len(), align_dst, |text| {
            implementation.encode(raw, text)
        })
    });
    assert_eq!(text, expected, "{}", context());
    let (back, answer) = placed(&text, align_src, |text| {
        guarded(raw.len(), align_dst, |back| {
            implementation.decode(text, back)
        })
    });
    assert_eq!(answer, Ok(()), "{}", context());
    assert_eq!(back, raw, "{}", context());
}

#[test]
fn the_plain_one_is_first_and_the_widest_is_in_use() {
    let names: Vec<_> = Implementation::all().map(Implementation::name).collect();
    assert_eq!(names[0], "scalar");
    assert_eq!(names.last(), Some(&Implementation::in_use().name()));
}

#[test]
fn every_byte_value_at_every_place_of_a_block() {
    for implementation in Implementation::all() {
        for first in 0..=255_u8 {
            let raw: Vec<u8> = (0..131).map(|i| first.wrapping_add(i)).collect();
            round_trip(implementation, &raw, 0, 0);
        }
    }
}

#[test]
fn every_length_at_several_alignments() {
    for implementation in Implementation::all() {
        for length in 0..=300 {
            let raw = noise(length, length as u64);
            for (align_src, align_dst) in [(0, 0), (1, 0), (0, 1), (3, 2), (31, 17), (63, 62)] {
                round_trip(implementation, &raw, align_src, align_dst);
            }
        }
    }
}

#[test]
fn every_alignment_at_lengths_that_are_aligned_first() {
    for implementation in Implementation::all() {
        for length in [511, 512, 513, 575, 576, 640, 1000, 1024, 8192] {
            let raw = noise(length, 7);
            for align in 0..64 {
                round_trip(implementation, &raw, align, 63 - align);
                round_trip(implementation, &raw, 63 - align, align);
            }
        }
    }
}

#[test]
fn every_pair_of_characters_alone_and_within_a_block() {
    let valid = |byte: u8| (b'A'..=b'P').contains(&byte);
    for implementation in Implementation::all() {
        for first in 0..=255_u8 {
            for second in 0..=255_u8 {
                // 70 bytes: past one vector of every width, with a tail.
                for (length, at) in [(2, 0), (140, 0), (140, 66), (140, 138)] {
                    let mut text = [b'C'; 140];
                    text[at] = first;
                    text[at + 1] = second;
                    let mut raw = [0; 70];
                    let answer = implementation.decode(&text[..length], &mut raw[..length / 2]);
                    let expected = match (valid(first), valid(second)) {
                        (true, true) => Ok(()),
                        (true, false) => Err((at + 1, second)),
                        (false, _) => Err((at, first)),
                    };
                    let expected = expected.map_err(|(offset_bytes, byte)| {
                        DecodeError::BadCharacter { offset_bytes, byte }
                    });
                    assert_eq!(answer, expected, "{}", implementation.name());
                    if answer.is_ok() {
                        assert_eq!(raw[at / 2], (first - b'A') | (second - b'A') << 4);
                    }
                }
            }
        }
    }
}

/// Beside the alphabet, its ends with the top bit set, other cases and the extremes.
const WRONG: [u8; 8] = [
    b'@',
    b'Q',
    b'a',
    b'A' | 0x80,
    b'P' | 0x80,
    0x00,
    0xFF,
    b'\n',
];

fn wrong_character_is_found(implementation: Implementation, text: &mut [u8], at: usize) {
    let good = text[at];
    for byte in WRONG {
        text[at] = byte;
        let (_, answer) = guarded(text.len() / 2, 1, |raw| implementation.decode(text, raw));
        let expected = Err(DecodeError::BadCharacter {
            offset_bytes: at,
            byte,
        });
        assert_eq!(
            answer,
            expected,
            "{} of {}",
            implementation.name(),
            text.len()
        );
    }
    text[at] = good;
}

#[test]
fn a_wrong_character_is_found_at_every_place_of_every_length() {
    for implementation in Implementation::all() {
        for length in (2..=200).step_by(2) {
            let mut text = reference_text(&noise(length / 2, 3));
            for at in 0..length {
                wrong_character_is_found(implementation, &mut text, at);
            }
        }
        // Long enough for the step to an aligned address.
        let mut text = reference_text(&noise(700, 5));
        for at in 0..text.len() {
            wrong_character_is_found(implementation, &mut text, at);
        }
    }
}

#[test]
fn the_first_of_several_wrong_characters_is_the_one_told() {
    for implementation in Implementation::all() {
        let mut text = reference_text(&noise(600, 9));
        for at in (0..text.len()).rev() {
            text[at] = b'-';
            let (_, answer) = guarded(600, 0, |raw| implementation.decode(&text, raw));
            let expected = Err(DecodeError::BadCharacter {
                offset_bytes: at,
                byte: b'-',
            });
            assert_eq!(answer, expected, "{}", implementation.name());
        }
    }
}

#[test]
fn every_odd_length_is_refused() {
    for implementation in Implementation::all() {
        for length_bytes in (1..=301).step_by(2) {
            let text = vec![b'A'; length_bytes];
            let (_, answer) = guarded(length_bytes / 2, 0, |raw| implementation.decode(&text, raw));
            assert_eq!(answer, Err(DecodeError::OddLength { length_bytes }));
        }
    }
}
