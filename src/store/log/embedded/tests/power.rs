//! A power cut: what was synced is there, and of everything else whatever the disk happened to have.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::super::super::{LogStore, Outcome};
use super::super::{Durability, EmbeddedOptions};
use super::support::*;

fn is_journal(name: &str) -> bool {
    name.starts_with("journal") || name == "ids" || name == "LOCK"
}

/// The newest id that the text segments in a folder hold.
fn newest_line(folder: &Path) -> u64 {
    let mut newest = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "log") {
            for line in fs::read_to_string(path).unwrap().lines() {
                let id = line.split(';').next().unwrap();
                newest = newest.max(id.parse().unwrap_or(0));
            }
        }
    }
    newest
}

/// The folder as a power cut leaves it at worst: the journal of now, all else as of `synced`.
fn after_power_cut(now: &Path, synced: &Path, to: &Path) {
    copy(synced, to);
    for entry in fs::read_dir(now).unwrap() {
        let entry = entry.unwrap();
        if is_journal(&entry.file_name().to_string_lossy()) {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn a_power_cut_costs_nothing_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let always = |folder: &Path| EmbeddedOptions {
        durability: Durability::Always,
        tags_max: 10_000,
        ..options(folder)
    };
    let mut log = open_with(always(folder.path()));
    // What is handed over to be synced, as it is then: newest id, copy.
    let handed: Arc<Mutex<Vec<(u64, PathBuf)>>> = Arc::default();
    {
        let (handed, from, to) = (
            Arc::clone(&handed),
            folder.path().to_owned(),
            copies.path().to_owned(),
        );
        copy(&from, &to.join("0"));
        handed.lock().unwrap().push((0, to.join("0")));
        log.hooks.watch = Some(Box::new(move |step| {
            if step == "sync begins" {
                let mut handed = handed.lock().unwrap();
                let path = to.join(handed.len().to_string());
                copy(&from, &path);
                handed.push((newest_line(&path), path));
            }
        }));
    }
    let mut said = Vec::new();
    for n in 0u32..240 {
        let body = format!("{n} {}", "x".repeat(300));
        let event = tagged(&log, &n.to_string(), &body);
        said.push((stored(one(&mut log, event)), body));
        if n % 3 == 1 {
            let (removed, body) = said[said.len() / 2].clone();
            if !body.starts_with("gone") {
                let outcome = one(&mut log, removal("lobby", removed));
                if let Outcome::Stored { id, .. } = outcome {
                    said.retain(|(id, _)| *id != removed);
                    said.push((id, format!("gone {removed}")));
                }
            }
        }
        if n % 8 != 0 {
            continue;
        }
        let synced = log.syncer.synced;
        let handed = handed.lock().unwrap().clone();
        let newest = handed.iter().rfind(|(id, _)| *id <= synced);
        let cut = tempfile::tempdir().unwrap();
        after_power_cut(folder.path(), &newest.unwrap().1, cut.path());
        let mut after = open_with(always(cut.path()));
        assert_eq!(bodies(&after), said, "cut at {n}, synced to {synced}");
        let again = said.iter().rfind(|(_, body)| !body.starts_with("gone"));
        let (id, body) = again.unwrap();
        let tag = body.split(' ').next().unwrap().to_owned();
        let event = tagged(&after, &tag, body);
        let outcome = one(&mut after, event);
        assert!(matches!(outcome, Outcome::Repeated { id: first, .. } if first == *id));
        assert!(say(&mut after, "goes on") > said.last().unwrap().0);
    }
    assert!(handed.lock().unwrap().len() > 2, "the journal has wrapped");
    log.close().unwrap();
}
