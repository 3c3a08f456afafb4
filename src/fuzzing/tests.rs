//! The targets in short: over all that is kept in `tests/fuzz/corpus` and `tests/fuzz/found`, and over changed copies of it for a
//! second, or for `GENCOMM_FUZZ_SECONDS`. The seed is always the same; a failure prints the input, which belongs into
//! `tests/fuzz/found/TARGET/`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::input::Dice;
use super::{TARGETS, Target};

/// Changed inputs tried of each target, if there is time.
const CHANGED: usize = 20_000;
const TIME: Duration = Duration::from_secs(1);

fn folder(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz")
        .join(part)
}

/// The files of a folder in order of name; none if there is no folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}

/// Tells which input it was, should the target panic.
struct Trying<'a> {
    name: &'a str,
    data: &'a [u8],
}

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("input of {}: {}", self.name, self.data.escape_ascii());
        }
    }
}

fn run(target: &Target, data: &[u8]) {
    let _trying = Trying {
        name: target.name,
        data,
    };
    (target.run)(data);
}

/// A copy with a few places changed, as a fuzzer does it that sees nothing.
fn changed(inputs: &[Vec<u8>], bytes_max: usize, dice: &mut Dice) -> Vec<u8> {
    const TELLING: [&[u8]; 8] = [
        b"\n",
        b"\r\n",
        b";",
        b"\0",
        b"\xff",
        b"18446744073709551615",
        b"\\",
        b"#",
    ];
    let mut data = inputs[dice.below(inputs.len())].clone();
    for _ in 0..=dice.below(4) {
        let at = dice.below(data.len() + 1);
        let end = (at + dice.below(9)).min(data.len());
        let byte = [0, 1, 0x7F, 0x80, 0xFF, dice.below(256) as u8][dice.below(6)];
        match dice.below(6) {
            0 if at < data.len() => data[at] ^= 1 << dice.below(8),
            1 if at < data.len() => data[at] = byte,
            2 => data.insert(at, byte),
            3 => drop(data.drain(at..end)),
            4 => {
                let piece = TELLING[dice.below(TELLING.len())];
                data.splice(at..end, piece.iter().copied());
            }
            _ => {
                let other = &inputs[dice.below(inputs.len())];
                let from = dice.below(other.len() + 1);
                data.splice(at.., other[from..].iter().copied());
            }
        }
    }
    data.truncate(bytes_max);
    data
}

fn in_short(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.expect("a target of that name");
    let kept = ["corpus", "found"].map(|part| files(&folder(part).join(name)));
    assert!(!kept[0].is_empty(), "no corpus of {name}");
    let read = |path: &PathBuf| std::fs::read(path).expect("an input");
    let inputs: Vec<Vec<u8>> = kept.iter().flatten().map(read).collect();
    run(target, b"");
    inputs.iter().for_each(|data| run(target, data));
    let longer = std::env::var("GENCOMM_FUZZ_SECONDS").ok();
    let longer = longer.and_then(|seconds| seconds.parse().ok().map(Duration::from_secs));
    let (mut dice, end) = (Dice(1), Instant::now() + longer.unwrap_or(TIME));
    let count = if longer.is_some() {
        usize::MAX
    } else {
        CHANGED
    };
    let mut done = inputs.len();
    for _ in 0..count {
        run(target, &changed(&inputs, target.bytes_max, &mut dice));
        done += 1;
        if Instant::now() > end {
            break;
        }
    }
    println!("{name}: {done} executions");
}

macro_rules! in_short {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            in_short(stringify!($name));
        }
    )*

        #[test]
        fn every_target_has_a_program_a_corpus_and_a_test() {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
            let named = |part: &str| -> Vec<String> {
                let stem = |path: &PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
                files(&folder(part)).iter().filter_map(stem).collect()
            };
            let mut sorted = names.clone();
            sorted.sort_unstable();
            assert_eq!(named("fuzz_targets"), sorted);
            assert_eq!(named("corpus"), sorted);
            assert!(named("found").iter().all(|name| names.contains(&&**name)));
        }
    };
}

in_short! {
    gc2 record sidecars journal log_folder legacy first_bytes config_text config c16 import sasl control client
}
