//! C16 beside two hexadecimal crates: `cargo bench --bench c16`. Each call goes the way of the server's, through the FFI into a
//! vector that is used again; the crates write to a slice of the right length. Speeds are of raw bytes, for both directions.
//!
//! The same figures with a check of every round, and without a framework: `cargo run --release -p loadtests -- c16`.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use gencomm::edge::wire::c16;

/// Raw bytes: a short message to what no cache of a core holds.
const SIZES: [usize; 6] = [16, 64, 256, 1024, 16 * 1024, 1024 * 1024];

fn main() {
    match c16::self_test() {
        Ok(level) => println!("C16 implementation in use: {level}"),
        Err(error) => panic!("{error}"),
    }
    divan::main();
}

/// Bytes that go through all values.
fn raw(length_bytes: usize) -> Vec<u8> {
    (0..length_bytes)
        .map(|at| (at.wrapping_mul(73) ^ (at >> 8)).to_le_bytes()[0])
        .collect()
}

#[divan::bench_group(sample_size = 1000, sample_count = 200, max_time = 2)]
mod encode {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn ours(bencher: Bencher<'_, '_>, size: usize) {
        let (raw, mut text) = (raw(size), Vec::with_capacity(2 * size));
        bencher.counter(BytesCount::new(size)).bench_local(|| {
            text.clear();
            c16::encode_into(black_box(&raw), &mut text);
            black_box(&text);
        });
    }

    #[divan::bench(args = SIZES)]
    fn const_hex(bencher: Bencher<'_, '_>, size: usize) {
        let (raw, mut text) = (raw(size), vec![0; 2 * size]);
        bencher.counter(BytesCount::new(size)).bench_local(|| {
            let _ = ::const_hex::encode_to_slice(black_box(&raw), &mut text);
            black_box(&text);
        });
    }

    #[divan::bench(args = SIZES)]
    fn faster_hex(bencher: Bencher<'_, '_>, size: usize) {
        let (raw, mut text) = (raw(size), vec![0; 2 * size]);
        bencher.counter(BytesCount::new(size)).bench_local(|| {
            let _ = ::faster_hex::hex_encode(black_box(&raw), &mut text);
            black_box(&text);
        });
    }
}

/// All three look at every character.
#[divan::bench_group(sample_size = 1000, sample_count = 200, max_time = 2)]
mod decode {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn ours(bencher: Bencher<'_, '_>, size: usize) {
        let (text, mut back) = (c16::encode(&raw(size)), Vec::with_capacity(size));
        bencher.counter(BytesCount::new(size)).bench_local(|| {
            back.clear();
            let _ = c16::decode_into(black_box(&text), &mut back);
            black_box(&back);
        });
    }

    #[divan::bench(args = SIZES)]
    fn const_hex(bencher: Bencher<'_, '_>, size: usize) {
        let (text, mut back) = (::const_hex::encode(raw(size)), vec![0; size]);
        bencher.counter(BytesCount::new(size)).bench_local(|| {
            let _ = ::const_hex::decode_to_slice(black_box(text.as_bytes()), &mut back);
            black_box(&back);
        });
    }

    #[divan::bench(args = SIZES)]
    fn faster_hex(bencher: Bencher<'_, '_>, size: usize) {
        let (text, mut back) = (::const_hex::encode(raw(size)), vec![0; size]);
        bencher.counter(BytesCount::new(size)).bench_local(|| {
            let _ = ::faster_hex::hex_decode(black_box(text.as_bytes()), &mut back);
            black_box(&back);
        });
    }
}
