//! Runs this program once more, under callgrind, and reads what it counted.
//!
//! Callgrind counts only within [`counted`] and writes down what it has whenever that function returns, so one run gives one count a
//! path, free of what setting up costs. It shows programs a processor without AVX-512, the same on every machine that
//! has AVX2: C16 and the C library choose the same code everywhere.

use std::path::Path;
use std::process::{Command, Stdio};

use super::budget::{Condition, Count};

/// The argument that makes this program do the work that is counted.
pub(crate) const MEASURE: &str = "--measure";

/// Calls `operation` so many times; callgrind knows this function by its name.
#[inline(never)]
pub(crate) fn counted(times: u32, operation: &mut dyn FnMut()) {
    for _ in 0..times {
        operation();
    }
}

/// What callgrind calls [`counted`]. Written out, since a pattern does not make it write down anything.
const COUNTED: &str = "instructions::callgrind::counted";

/// Counts every path once.
pub(crate) fn count() -> Result<Vec<Count>, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("a folder for counts: {error}"))?;
    let file = folder.path().join("counts");
    let own = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--combine-dumps=yes"])
        .args(["--collect-atstart=no", "--compress-strings=no"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--dump-after={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(own)
        .arg(MEASURE)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("under valgrind: {}\n{said}", output.status));
    }
    let names = String::from_utf8_lossy(&output.stdout);
    pair(&names, &read(&file)?)
}

/// Puts together what the program said it did, `{operations};{path}` a line, and what was counted.
fn pair(names: &str, totals: &[u64]) -> Result<Vec<Count>, String> {
    let names: Vec<(f64, &str)> = names
        .lines()
        .filter_map(|line| line.split_once(';'))
        .filter_map(|(operations, path)| Some((operations.parse().ok()?, path)))
        .collect();
    if names.len() != totals.len() || names.is_empty() {
        let (names, totals) = (names.len(), totals.len());
        return Err(format!(
            "{names} paths ran and {totals} were counted; is the function {COUNTED} still called so?"
        ));
    }
    let pairs = names.iter().zip(totals);
    Ok(pairs
        .map(|((operations, path), total)| Count::new(path, *total as f64 / operations))
        .collect())
}

/// The counts in callgrind's file, in order. Each part has a line `totals: {instructions}`; the last part is what was counted after
/// the last path, nothing.
fn read(file: &Path) -> Result<Vec<u64>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("the counts: {error}"))?;
    let totals = text.lines().filter_map(|line| line.strip_prefix("totals:"));
    let totals: Result<Vec<u64>, _> = totals.map(|total| total.trim().parse()).collect();
    let mut totals = totals.map_err(|error| format!("the counts: {error}"))?;
    totals.retain(|total| *total > 0);
    Ok(totals)
}

/// What decides which instructions run, beside the code.
pub(crate) fn conditions() -> Result<Vec<Condition>, String> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let of_cpu = |key: &str| {
        let mut lines = cpu.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(name, _)| name.trim() == key);
        found.map_or("unknown", |(_, value)| value.trim())
    };
    let cpu = format!("{} family {}", of_cpu("vendor_id"), of_cpu("cpu family"));
    let avx2 = match of_cpu("flags").split(' ').any(|flag| flag == "avx2") {
        true => "with AVX2",
        false => "without AVX2",
    };
    Ok(vec![
        ("build".to_owned(), env!("GENCOMM_BUILT_AS").to_owned()),
        ("rustc".to_owned(), first_line("rustc", "--version")?),
        ("cc".to_owned(), known("cc", "--version")),
        ("libc".to_owned(), known("getconf", "GNU_LIBC_VERSION")),
        ("valgrind".to_owned(), first_line("valgrind", "--version")?),
        ("cpu".to_owned(), format!("{cpu} {avx2}")),
    ])
}

/// The same for what may be absent or have another name.
fn known(program: &str, argument: &str) -> String {
    first_line(program, argument).unwrap_or_else(|_| "unknown".to_owned())
}

fn first_line(program: &str, argument: &str) -> Result<String, String> {
    let output = Command::new(program)
        .arg(argument)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or("unknown").trim().to_owned())
}
