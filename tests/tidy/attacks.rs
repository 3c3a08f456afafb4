//! `docs/attacks.md` names a test for each class of attack. A page that names what is not there would be worse than none.

use super::root;

/// Rows that the page has at least.
const CLASSES_MIN: usize = 30;

/// What stands between backticks in a row.
fn quoted(row: &str) -> impl Iterator<Item = &str> {
    row.split('`').skip(1).step_by(2)
}

/// Whether the file has a test of this name.
fn has_test(file: &str, name: &str) -> bool {
    let Ok(text) = std::fs::read_to_string(root().join(file)) else {
        return false;
    };
    // The fuzz targets in short are made by a macro from a list of their names.
    if let Some((_, list)) = text.rsplit_once("\nin_short! {") {
        return list.split_whitespace().any(|target| target == name);
    }
    let head = format!("fn {name}(");
    let mut lines = text.lines().map(str::trim_start);
    let mut is_test = false;
    lines.any(|line| {
        let found = is_test && line.contains(&head);
        // Attributes and comments may stand between.
        is_test = line.contains("test]") || (is_test && !line.contains("fn "));
        found
    })
}

fn rows(text: &str) -> Vec<&str> {
    let is_row = |line: &&str| {
        line.starts_with("| ") && !line.starts_with("| ---") && !line.starts_with("| class ")
    };
    text.lines().filter(is_row).collect()
}

#[test]
fn each_class_of_attack_names_tests_that_exist() {
    let text = std::fs::read_to_string(root().join("docs/attacks.md")).expect("the page");
    let rows = rows(&text);
    assert!(rows.len() >= CLASSES_MIN, "{} classes", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 4, "{row}");
        let named: Vec<&str> = quoted(cells[3]).collect();
        assert!(!named.is_empty(), "no test answers: {row}");
        for test in named {
            let (file, name) = test.split_once("::").expect("file::name");
            assert!(has_test(file, name), "no such test: {test}");
        }
    }
}

#[test]
fn each_key_that_is_named_there_can_be_set() {
    let text = std::fs::read_to_string(root().join("docs/attacks.md")).expect("the page");
    let defaults =
        std::fs::read_to_string(root().join("config/default.toml")).expect("the defaults");
    let defaults: toml::Table = defaults.parse().expect("TOML");
    for row in rows(&text) {
        let server = row.split(" | ").nth(2).expect("what the server does");
        for word in quoted(server) {
            let Some((section, key)) = word.split_once('.') else {
                continue;
            };
            if let Some(section) = defaults.get(section) {
                assert!(section.get(key).is_some(), "there is no key {word}: {row}");
            }
        }
    }
}

#[test]
fn a_test_that_is_not_there_is_found_out() {
    assert!(has_test(
        "tests/tidy/attacks.rs",
        "a_test_that_is_not_there_is_found_out"
    ));
    assert!(!has_test("tests/tidy/attacks.rs", "has_test"));
    assert!(!has_test(
        "tests/tidy/attacks.rs",
        "a_test_that_is_not_there"
    ));
    assert!(!has_test("tests/tidy/nowhere.rs", "rows"));
    assert!(
        has_test("src/fuzzing/tests.rs", "gc2") && !has_test("src/fuzzing/tests.rs", "in_short")
    );
}
