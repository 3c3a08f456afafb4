//! `gencomm backup`, `backup verify` and `restore`: beside a server at work, without one, cut off, on a disk that is full.

mod failures;
mod running;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::serve::reload::{Ran, gencomm};
use crate::support::Server;

/// A server's configuration folder and data folder as options.
fn of(server: &Server) -> Vec<String> {
    let text = |path: PathBuf| path.to_str().expect("text").to_owned();
    vec![
        "--data".to_owned(),
        text(server.data_dir()),
        "--config".to_owned(),
        text(server.home().join("config")),
    ]
}

fn run(home: &Path, words: &[&str], more: &[String]) -> Ran {
    let mut all: Vec<&str> = words.to_vec();
    all.extend(more.iter().map(String::as_str));
    gencomm(home, &all)
}

/// It has to work; what it printed.
#[track_caller]
fn done(home: &Path, words: &[&str], more: &[String]) -> String {
    let ran = run(home, words, more);
    assert_eq!(
        (ran.code, &*ran.err),
        (Some(0), ""),
        "{words:?}: {}",
        ran.out
    );
    ran.out
}

/// It has to fail; what it said.
#[track_caller]
fn failed(home: &Path, words: &[&str], more: &[String]) -> String {
    let ran = run(home, words, more);
    assert!(
        matches!(ran.code, Some(1 | 2)),
        "{words:?}: {:?} {}",
        ran.code,
        ran.out
    );
    assert!(ran.err.starts_with("gencomm: "), "{}", ran.err);
    ran.err
}

/// Everything below a folder belongs to its owner alone.
#[track_caller]
fn is_private(folder: &Path) {
    let mode = |path: &Path| {
        std::fs::symlink_metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    let mut todo = vec![folder.to_owned()];
    while let Some(path) = todo.pop() {
        assert_eq!(mode(&path), 0o700, "{}", path.display());
        for entry in std::fs::read_dir(&path).expect("a folder").flatten() {
            match entry.path().is_dir() {
                true => todo.push(entry.path()),
                false => assert_eq!(mode(&entry.path()), 0o600, "{}", entry.path().display()),
            }
        }
    }
}
