//! The C16 codec, without a server: speed of both directions beside two hexadecimal crates, and a check of every round.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use gencomm::edge::wire::c16;

use super::progress;
use crate::report::Row;

/// Raw bytes of the texts that are timed.
const SIZES: [usize; 6] = [16, 64, 256, 1024, 16 * 1024, 1024 * 1024];
/// A round of one codec lasts about so long: short, so that the quickest of many is one that nobody disturbed.
const ROUND_BYTES: usize = 4 * 1024 * 1024;
const ROUND_CALLS_MAX: usize = 50_000;

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Rounds of each codec in a run; the quickest counts, for all of them alike
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rounds: u32,
}

/// The names of what is timed, in the order of [`Texts::round`].
const FIGURES: [&str; 6] = [
    "encode, C16",
    "encode, const-hex",
    "encode, faster-hex",
    "decode, C16",
    "decode, const-hex",
    "decode, faster-hex",
];

pub(super) fn run(runs: u32, options: &Options) -> Result<Vec<Row>> {
    let level = c16::self_test().map_err(anyhow::Error::msg)?;
    SIZES
        .iter()
        .map(|&size| one(runs, options.rounds, size, level))
        .collect()
}

fn one(runs: u32, rounds: u32, size: usize, level: &str) -> Result<Row> {
    let mut row = Row::new("c16", format!("{size} bytes, {level}"));
    let bar = progress("c16", u64::from(runs) * u64::from(rounds));
    for run in 0..runs {
        let mut quickest = [Duration::MAX; FIGURES.len()];
        for round in 0..rounds {
            // Other bytes in each round, so that each check is another one.
            let mut texts = Texts::new(size, u64::from(run) << 32 | u64::from(round));
            for (quickest, took) in quickest.iter_mut().zip(texts.round()?) {
                *quickest = took.min(*quickest);
            }
            bar.inc(1);
        }
        for (figure, took) in FIGURES.iter().zip(quickest) {
            let bytes = (size * calls(size)) as f64;
            row.add(figure, "GB/s raw", bytes / took.as_secs_f64() / 1e9);
        }
    }
    bar.finish_and_clear();
    Ok(row)
}

/// Calls in a round.
fn calls(size: usize) -> usize {
    (ROUND_BYTES / size).clamp(1, ROUND_CALLS_MAX)
}

/// One text in all its forms, as plain code makes them.
struct Texts {
    raw: Vec<u8>,
    c16: Vec<u8>,
    hex: Vec<u8>,
}

impl Texts {
    fn new(size: usize, seed: u64) -> Self {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        let raw: Vec<u8> = std::iter::repeat_with(next).take(size).collect();
        let letters = |byte: &u8| [b'A' + (byte & 15), b'A' + (byte >> 4)];
        let digit = |half: u8| half + if half < 10 { b'0' } else { b'a' - 10 };
        let digits = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
        Self {
            c16: raw.iter().flat_map(letters).collect(),
            hex: raw.iter().flat_map(digits).collect(),
            raw,
        }
    }

    /// Times everything once and looks at what came out.
    fn round(&mut self) -> Result<[Duration; FIGURES.len()]> {
        let Self { raw, c16, hex } = self;
        let (raw, c16, hex) = (raw.as_slice(), c16.as_slice(), hex.as_slice());
        let size = raw.len();
        let calls = calls(size);
        // Ours appends to a vector that is used again, as the server does; the crates fill a slice.
        let (mut text, mut back) = (Vec::with_capacity(2 * size), Vec::with_capacity(size));
        let (mut text_slice, mut back_slice) = (vec![0; 2 * size], vec![0; size]);

        let ours_encode = time(calls, || {
            text.clear();
            c16::encode_into(black_box(raw), &mut text);
            black_box(&text);
            Ok(())
        })?;
        ensure!(text == c16, "C16 encoded {size} bytes wrongly");
        let ours_decode = time(calls, || {
            back.clear();
            let decoded = c16::decode_into(black_box(c16), &mut back);
            black_box(&back);
            decoded.context("C16 refused its own text")
        })?;
        ensure!(back == raw, "C16 decoded {size} bytes wrongly");

        let const_encode = time(calls, || {
            let encoded = const_hex::encode_to_slice(black_box(raw), &mut text_slice);
            black_box(&text_slice);
            encoded.context("const-hex")
        })?;
        ensure!(text_slice == hex, "const-hex encoded {size} bytes wrongly");
        let const_decode = time(calls, || {
            let decoded = const_hex::decode_to_slice(black_box(hex), &mut back_slice);
            black_box(&back_slice);
            decoded.context("const-hex")
        })?;
        ensure!(back_slice == raw, "const-hex decoded {size} bytes wrongly");

        text_slice.fill(0);
        back_slice.fill(0);
        let faster_encode = time(calls, || {
            let encoded = faster_hex::hex_encode(black_box(raw), &mut text_slice);
            black_box(&encoded);
            encoded.map(|_| ()).context("faster-hex")
        })?;
        ensure!(text_slice == hex, "faster-hex encoded {size} bytes wrongly");
        let faster_decode = time(calls, || {
            let decoded = faster_hex::hex_decode(black_box(hex), &mut back_slice);
            black_box(&back_slice);
            decoded.context("faster-hex")
        })?;
        ensure!(back_slice == raw, "faster-hex decoded {size} bytes wrongly");

        Ok([
            ours_encode,
            const_encode,
            faster_encode,
            ours_decode,
            const_decode,
            faster_decode,
        ])
    }
}

/// How long so many calls take, behind one that brings what they touch into memory.
fn time(calls: usize, mut call: impl FnMut() -> Result<()>) -> Result<Duration> {
    call()?;
    let since = Instant::now();
    for _ in 0..calls {
        call()?;
    }
    Ok(since.elapsed())
}
