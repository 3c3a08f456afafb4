//! What others' code may come in: by licence and by source. `deny.toml` says the same to `cargo deny`, which also knows advisories.

use std::process::Command;

use serde_json::Value;

use super::root;

/// Licences that ask for no more than to be named.
fn allowed() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let deny: toml::Table = text.parse().expect("deny.toml is TOML");
    let list = deny["licenses"]["allow"].as_array().expect("a list");
    list.iter()
        .map(|name| name.as_str().expect("a name").to_owned())
        .collect()
}

/// Whether a licence expression can be met: every part joined by AND has an allowed choice.
fn is_met(expression: &str, allowed: &[String]) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    plain.split(" AND ").all(|part| {
        part.split(" OR ")
            .any(|name| allowed.iter().any(|known| known == name.trim()))
    })
}

/// The platform that this runs on.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc");
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

#[test]
fn dependencies_come_from_the_registry_under_licences_that_are_allowed() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--all-features"])
        // Those of other platforms were not downloaded to build this.
        .args(["--format-version", "1", "--filter-platform", &host()])
        .current_dir(root())
        .output()
        .expect("cargo metadata");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let (allowed, mut seen) = (allowed(), 0);
    for package in metadata["packages"].as_array().expect("packages") {
        let (name, licence) = (&package["name"], package["license"].as_str());
        let is_ours = package["source"].is_null();
        let is_registry = package["source"]
            .as_str()
            .is_some_and(|source| source.starts_with("registry+"));
        assert!(
            is_ours || is_registry,
            "{name} comes from {}",
            package["source"]
        );
        assert!(
            licence.is_some_and(|licence| is_met(licence, &allowed)),
            "{name} is under {licence:?}, which deny.toml does not allow"
        );
        seen += 1;
    }
    assert!(seen > 100, "only {seen} packages were looked at");
}

#[test]
fn expressions_are_read() {
    let allowed = ["MIT".to_owned(), "Unicode-3.0".to_owned()];
    assert!(is_met("MIT/Apache-2.0", &allowed));
    assert!(is_met("(MIT OR GPL-3.0) AND Unicode-3.0", &allowed));
    assert!(!is_met("GPL-3.0 AND MIT", &allowed));
}
