//! Rules of the house that a compiler does not check: sizes of files, who may know whom, where `unsafe` may stand.

mod dependencies;
mod places;

use std::path::{Path, PathBuf};

const LINES_MAX: usize = 500;
const LINES_MEDIAN_MAX: usize = 220;
const TOP_LEVEL_ENTRIES_MAX: usize = 13;

/// What a checkout does not hold: built, or made by a server.
const NOT_SOURCE: [&str; 2] = ["target", "data"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Names in a folder that are visible and part of a checkout.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder).expect("a folder of the project");
    let mut found: Vec<PathBuf> = all.map(|entry| entry.expect("an entry").path()).collect();
    found.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_made = folder == root() && NOT_SOURCE.contains(&&*name);
        !name.starts_with('.') && !is_made
    });
    found.sort();
    found
}

/// Path from the root and text of every file below `folder` that has one of these endings.
fn texts(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|end| endings.iter().any(|known| end == *known))
            {
                let name = path.strip_prefix(root()).expect("below the root");
                let text = std::fs::read_to_string(&path).expect("text");
                found.push((name.display().to_string(), text));
            }
        }
    }
    assert!(!found.is_empty(), "nothing found in {folder:?}");
    found
}

/// Lines that are no comment, with their place.
fn code_lines<'a>(name: &'a str, text: &'a str) -> impl Iterator<Item = (String, &'a str)> {
    let numbered = text.lines().enumerate();
    let code = numbered.filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.map(move |(at, line)| (format!("{name}:{}", at + 1), line))
}

/// Fails for each line of code below `folder` that holds one of `words`, unless `allowed` says otherwise.
fn forbid(folder: &str, words: &[&str], allowed: impl Fn(&str, &str) -> bool) {
    let mut found = Vec::new();
    for (name, text) in texts(folder, &["rs"]) {
        for (place, line) in code_lines(&name, &text) {
            if words.iter().any(|word| line.contains(word)) && !allowed(&name, line) {
                found.push(format!("{place}: {}", line.trim()));
            }
        }
    }
    assert!(
        found.is_empty(),
        "{words:?} in {folder}:\n{}",
        found.join("\n")
    );
}

#[test]
fn source_files_are_short() {
    let mut sizes = Vec::new();
    for (name, text) in texts("", &["rs", "c", "h"]) {
        let lines = text.lines().count();
        assert!(
            lines <= LINES_MAX,
            "{name} has {lines} lines; split it by subject"
        );
        sizes.push(lines);
    }
    sizes.sort_unstable();
    let median = sizes[sizes.len() / 2];
    assert!(median <= LINES_MEDIAN_MAX, "the median is {median} lines");
}

#[test]
fn the_top_level_can_be_taken_in_at_a_glance() {
    let found = entries(root());
    assert!(
        found.len() <= TOP_LEVEL_ENTRIES_MAX,
        "{} entries: {found:?}",
        found.len()
    );
}

#[test]
fn pure_code_knows_no_actor_and_no_runtime() {
    let words = ["actix", "tokio::", "use tokio"];
    forbid("src/edge/wire", &words, |_, _| false);
    forbid("src/hub/rules", &words, |_, _| false);
}

#[test]
fn each_layer_knows_the_ones_below_it_only() {
    forbid("src/edge", &["crate::store"], |_, _| false);
    forbid("src/edge/wire", &["crate::hub", "crate::ops"], |_, _| false);
    let from_store = [
        "crate::hub",
        "crate::edge",
        "crate::ops",
        "crate::cli",
        "crate::term",
    ];
    forbid("src/store", &from_store, |_, line| {
        line.contains("crate::edge::wire")
    });
    forbid("src/hub", &["crate::cli", "crate::term"], |_, _| false);
}

#[test]
fn unsafe_code_stands_in_three_places_and_says_why() {
    let starts = [
        "unsafe {",
        "unsafe fn",
        "unsafe impl",
        "unsafe extern",
        "unsafe trait",
    ];
    let allowed = |name: &str| {
        name == "src/ops/sys.rs"
            || name.starts_with("src/edge/wire/c16")
            || name == "loadtests/src/sys.rs"
    };
    for folder in ["src", "loadtests", "tests"] {
        forbid(folder, &starts, |name, _| {
            allowed(name) || name == "tests/tidy/mod.rs"
        });
    }
    for (name, text) in texts("src", &["rs"]) {
        let blocks = code_lines(&name, &text)
            .filter(|(_, line)| line.contains("unsafe {"))
            .count();
        let reasons = text.matches("// SAFETY:").count();
        assert!(
            blocks <= reasons,
            "{name}: {blocks} blocks, {reasons} reasons"
        );
    }
}

#[test]
fn nothing_names_a_place_on_one_machine() {
    let words = ["home", "root", "Users", "work"].map(|name| format!("/{name}/"));
    for (name, text) in texts("", &["rs", "toml", "md", "c", "h", "sh", "py", "txt"]) {
        for (at, line) in text.lines().enumerate() {
            let found = words.iter().find(|word| line.contains(word.as_str()));
            assert!(found.is_none(), "{name}:{}: {line}", at + 1);
        }
    }
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    let words = ["todo", "unimplemented"].map(|name| format!("{name}!("));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    forbid("", &words, |_, _| false);
    let switched_off = format!("#[{}", "ignore");
    forbid("", &[&switched_off], |_, _| false);
}
