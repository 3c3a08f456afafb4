//! Tests that the documentation names.

use std::collections::HashSet;

use super::texts;

/// Names with so many underscores are tests' names; paths of the code have fewer.
const UNDERSCORES_MIN: usize = 4;

#[test]
fn a_test_that_the_documentation_names_is_there() {
    let mut known = HashSet::new();
    for (_, text) in texts("src", &["rs"])
        .into_iter()
        .chain(texts("tests", &["rs"]))
    {
        for rest in text.split("fn ").skip(1) {
            known.extend(rest.split('(').next().map(str::to_owned));
        }
    }
    let mut named = 0;
    for (file, text) in texts("docs", &["md"]) {
        for word in text
            .split('`')
            .skip(1)
            .step_by(2)
            .map(|word| word.trim_start_matches("privileged: "))
            .filter(|word| word.contains("::") && !word.contains(' '))
        {
            let name = word.rsplit("::").next().unwrap_or_default();
            let is_name = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if is_name && name.matches('_').count() >= UNDERSCORES_MIN {
                named += 1;
                assert!(
                    known.contains(name),
                    "{file} names {word}, which is not there"
                );
            }
        }
    }
    assert!(named > 20, "only {named} are named");
}
