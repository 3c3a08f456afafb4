//! Every handler has its place where a test may have it panic: what has none is never tried.

use std::collections::BTreeSet;

use super::texts;

/// The text of a function's body that begins behind `from`.
fn body(text: &str, from: usize) -> &str {
    let rest = &text[from..];
    let (mut round, mut curly, mut begin) = (0, 0, 0);
    for (at, character) in rest.char_indices() {
        match character {
            '(' => round += 1,
            ')' => round -= 1,
            '{' if round == 0 => {
                if curly == 0 {
                    begin = at;
                }
                curly += 1;
            }
            '}' if round == 0 => {
                curly -= 1;
                if curly == 0 {
                    return &rest[begin..at];
                }
            }
            _ => {}
        }
    }
    rest
}

/// Code without its unit tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

#[test]
fn every_handler_and_every_start_has_a_place_to_panic() {
    let (mut missing, mut handlers) = (Vec::new(), 0);
    for (name, text) in texts("src/hub", &["rs"])
        .into_iter()
        .chain(texts("src/edge", &["rs"]))
    {
        let text = code(&text);
        for (at, head) in text.match_indices("Handler<") {
            let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
            let line = text[line_start..].lines().next().unwrap_or_default();
            let is_handler = line.starts_with("impl") && line.contains(" for ");
            if !is_handler || line.contains("Provoke") {
                continue;
            }
            handlers += 1;
            let handle = text[at + head.len()..]
                .find("fn handle(")
                .expect("a handler's function");
            if !body(text, at + head.len() + handle).contains("panic_at::place(\"") {
                missing.push(format!("{name}: {line}"));
            }
        }
        for start in [
            "fn started(&mut self",
            "fn restarting(&mut self",
            "fn tick(&mut self",
        ] {
            for (at, _) in text.match_indices(start) {
                // Of a handful of actors that do nothing then there is no such function.
                if !body(text, at).contains("panic_at::place(\"") {
                    missing.push(format!("{name}: {start}"));
                }
            }
        }
    }
    assert!(handlers > 60, "only {handlers} handlers were found");
    assert!(
        missing.is_empty(),
        "without `panic_at::place(..)`:\n{}",
        missing.join("\n")
    );
}

#[test]
fn no_two_places_have_the_same_name() {
    let mut seen = BTreeSet::new();
    for (name, text) in texts("src", &["rs"]) {
        for part in code(&text).split("panic_at::place(\"").skip(1) {
            let place = part.split('"').next().unwrap_or_default();
            assert!(
                seen.insert(place.to_owned()),
                "{name}: {place} is somewhere else too"
            );
        }
    }
}
