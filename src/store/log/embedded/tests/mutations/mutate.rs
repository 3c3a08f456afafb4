//! One way of altering one file, chosen by a seed.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::rig::Rig;

/// What a file becomes.
pub(super) struct Mutation {
    pub(super) file: PathBuf,
    /// Of what kind the file is.
    pub(super) class: &'static str,
    what: String,
    /// `None` if it is deleted.
    pub(super) bytes: Option<Vec<u8>>,
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.what)
    }
}

/// Kinds of files, and of a hundred mutations about how many meet them.
const CLASSES: [(&str, u32); 12] = [
    (".log", 22),
    (".idx", 22),
    (".chain", 18),
    (".rooms", 5),
    ("rooms.table", 3),
    ("journal-0", 8),
    ("journal-1", 8),
    ("ids", 3),
    ("floors", 4),
    (".tags", 3),
    ("key", 2),
    ("LOCK", 2),
];

impl Mutation {
    /// The mutation of this seed.
    pub(super) fn choose(rig: &Rig, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        loop {
            let mut dice = random.random_range(0..CLASSES.iter().map(|(_, n)| n).sum());
            let class = CLASSES.iter().find(|(_, weight)| {
                let here = dice < *weight;
                dice = dice.saturating_sub(*weight);
                here
            });
            let class = class.unwrap().0;
            let files: Vec<&PathBuf> = rig
                .files
                .keys()
                .filter(|path| path.to_str().unwrap().ends_with(class))
                .collect();
            if files.is_empty() {
                continue;
            }
            let file = files[random.random_range(0..files.len())].clone();
            let old = &rig.files[&file];
            let (what, bytes) = alter(rig, &file, old, &mut random);
            if bytes.as_ref() != Some(old) {
                return Self {
                    file,
                    class,
                    what,
                    bytes,
                };
            }
        }
    }

    /// Does it in `folder`.
    pub(super) fn apply(&self, folder: &Path) {
        let path = folder.join(&self.file);
        match &self.bytes {
            Some(bytes) => fs::write(path, bytes).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
    }
}

fn alter(rig: &Rig, file: &Path, old: &[u8], random: &mut StdRng) -> (String, Option<Vec<u8>>) {
    let mut new = old.to_vec();
    let length = old.len();
    let mut within = |from: usize, to: usize| random.random_range(from..to.max(from + 1));
    let at = within(0, length);
    let bytes = within(1, 1 + (length - at).min(700)).min(length - at);
    let other = within(0, length - bytes + 1);
    let bit = within(0, 8);
    let extra = within(1, 600);
    let block = match file.extension().and_then(|e| e.to_str()) {
        Some("idx") => 128,
        Some("chain") => 64,
        _ => 40,
    };
    let head = if block == 40 { 24 } else { 64 };
    let blocks = length.saturating_sub(head) / block;
    let (one, two) = (within(0, blocks), within(0, blocks));
    let (sector, sector_two) = (within(0, length / 512), within(0, length / 512));
    let kind = within(0, 12);
    let noise: Vec<u8> = (0..bytes.max(extra)).map(|_| random.random()).collect();
    let what = match kind {
        0 | 1 if length > 0 => {
            new[at] ^= 1 << bit;
            format!("bit {bit} of byte {at} flipped")
        }
        2 => {
            new[at..at + bytes].fill(0);
            format!("{bytes} zeros at {at}")
        }
        3 => {
            new[at..at + bytes].copy_from_slice(&noise[..bytes]);
            format!("{bytes} random bytes at {at}")
        }
        4 => {
            let text = b"7;1700000007.000;mallory#ops;I never said that\n";
            for (n, byte) in new[at..at + bytes].iter_mut().enumerate() {
                *byte = text[n % text.len()];
            }
            format!("{bytes} bytes of text at {at}")
        }
        5 => {
            new.truncate(at);
            format!("cut to {at} of {length} bytes")
        }
        6 => {
            new.extend_from_slice(&noise[..extra]);
            format!("{extra} random bytes added")
        }
        7 => {
            if length >= 512 {
                let (a, b) = (sector * 512, sector_two * 512);
                for n in 0..512 {
                    new.swap(a + n, b + n);
                }
            }
            format!("sectors {sector} and {sector_two} swapped")
        }
        8 => {
            let range = new[at..at + bytes].to_vec();
            new[other..other + bytes].copy_from_slice(&range);
            format!("{bytes} bytes of {at} put over {other}")
        }
        9 => return ("deleted".to_owned(), None),
        10 => {
            if let Some(older) = rig.older.get(file) {
                new.clone_from(older);
            }
            "an older version put back".to_owned()
        }
        _ if file.extension().is_some_and(|e| e == "log") => swap_lines(&mut new, at, other),
        _ => {
            if blocks > 0 {
                for n in 0..block {
                    new.swap(head + one * block + n, head + two * block + n);
                }
            }
            format!("blocks {one} and {two} swapped")
        }
    };
    (what, Some(new))
}

fn swap_lines(new: &mut Vec<u8>, at: usize, other: usize) -> String {
    let mut lines: Vec<Vec<u8>> = new
        .split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    if lines.is_empty() {
        return "nothing".to_owned();
    }
    let (one, two) = (at % lines.len(), other % lines.len());
    lines.swap(one, two);
    *new = lines.concat();
    format!("lines {one} and {two} swapped")
}
