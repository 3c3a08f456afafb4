//! Copies beside a writer: whole at every step of a commit, and without what was removed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::super::super::Outcome;
use super::super::super::inspect::{Audit, audit};
use super::super::super::segment::{copy_removals, copy_segments};
use super::super::copy::{copy, leave_ids_out};
use super::support::*;

#[track_caller]
fn has_no_fault(folder: &Path) -> Audit {
    let (audit, _) = audit(folder, false, &[], |_, _| {}).unwrap();
    assert_eq!(audit.faults_count, 0, "{:?}", audit.faults);
    audit
}

/// Copies are taken from within a commit, so what they are compared with is what they hold themselves.
#[track_caller]
fn is_whole(folder: &Path, contents: &HashMap<u64, String>) -> Vec<(u64, String)> {
    let audit = has_no_fault(folder);
    let log = open(folder);
    let all = bodies(&log);
    assert!(all.last().map_or(0, |(id, _)| *id) <= audit.ids.1);
    for (_, body) in &all {
        if let Some(id) = body.strip_prefix("gone ") {
            let content = &contents[&id.parse().unwrap()];
            let files = files_with(folder, content.as_bytes());
            assert!(files.is_empty(), "{content:?} in {files:?}");
        }
    }
    all
}

#[test]
fn a_copy_at_every_step_of_a_commit_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let copies = Arc::new(Mutex::new(Vec::new()));
    let (kept, from) = (copies.clone(), folder.path().to_owned());
    log.hooks.watch = Some(Box::new(move |step| {
        let to = tempfile::tempdir().unwrap();
        copy(&from, &to.path().join("log")).unwrap();
        kept.lock().unwrap().push((step, to));
    }));
    let (padding, mut contents) = ("x".repeat(1500), HashMap::new());
    for n in 1..=25u64 {
        let event = tagged(&log, &format!("t{n}"), &format!("content {n}. {padding}"));
        let mut group = vec![event, message("den", &padding)];
        // One that is old, in a sealed segment in the end, and the newest.
        if n % 5 == 0 {
            group.push(removal("lobby", bodies(&log)[n as usize / 5].0));
            let newest = bodies(&log)
                .into_iter()
                .rfind(|(_, body)| body.starts_with("content"));
            group.push(removal("lobby", newest.unwrap().0));
        }
        let outcome = commit(&mut log, group).unwrap().outcomes[0];
        contents.insert(stored(outcome), format!("content {n}. "));
    }
    log.hooks.watch = None;
    let all = bodies(&log);
    let mut sizes = Vec::new();
    for (n, (step, to)) in copies.lock().unwrap().iter().enumerate() {
        // Opening takes its time.
        if n % 4 != 0 {
            has_no_fault(&to.path().join("log"));
            continue;
        }
        let found = is_whole(&to.path().join("log"), &contents);
        let newest = found.last().map_or(0, |(id, _)| *id);
        // What was removed later is there, or was caught up with.
        let is_later = |id: &u64, body: &str| !all.contains(&(*id, body.to_owned()));
        for (id, body) in &found {
            assert!(
                !is_later(id, body) || body.starts_with("content"),
                "{step}: {id} {body}"
            );
        }
        let should = all.iter().filter(|(id, _)| *id <= newest);
        assert!(
            should.into_iter().all(|kept| found.contains(kept)),
            "{step}"
        );
        sizes.push(newest);
    }
    assert!(sizes.len() > 20 && sizes.is_sorted(), "{sizes:?}");
    assert!(
        std::fs::read_dir(folder.path()).unwrap().count() > 12,
        "several segments"
    );
}

#[test]
fn tags_go_with_their_messages_and_ids_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let event = tagged(&log, "a", "first");
    let id = stored(one(&mut log, event));
    let to = tempfile::tempdir().unwrap();
    let to = to.path().join("log");
    copy(folder.path(), &to).unwrap();
    let event = tagged(&log, "b", "second");
    let later = stored(one(&mut log, event));
    // A tag that knows of more than the copy.
    std::fs::remove_dir_all(to.join("tags")).unwrap();
    std::fs::create_dir(to.join("tags")).unwrap();
    let tags = |folder: &Path| {
        let mut all: Vec<_> = std::fs::read_dir(folder.join("tags"))
            .unwrap()
            .flatten()
            .collect();
        all.sort_by_key(std::fs::DirEntry::path);
        all
    };
    for entry in tags(folder.path()) {
        let target = to.join("tags").join(entry.file_name());
        if entry.path().extension().is_some() {
            super::super::tags::copy_file(&entry.path(), &target, id, &[].into()).unwrap();
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
    leave_ids_out(&to, id, 1000).unwrap();
    let mut restored = open(&to);
    let event = tagged(&restored, "a", "first");
    assert!(matches!(
        one(&mut restored, event),
        Outcome::Repeated { id: 1, .. }
    ));
    let event = tagged(&restored, "b", "second");
    let anew = stored(one(&mut restored, event));
    assert!(anew > later + 999, "{anew}");
}

#[test]
fn a_removal_while_it_is_copied_reaches_the_copy() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let padding = "x".repeat(1500);
    for n in 1..=60 {
        say(&mut log, &format!("content {n}. {padding}"));
    }
    let to = tempfile::tempdir().unwrap();
    let pieces = copy_segments(folder.path(), to.path()).unwrap();
    assert!(pieces.len() > 2);
    one(&mut log, removal("lobby", 2));
    one(&mut log, removal("lobby", 60));
    // As if the index of the first segment had been copied behind that, and its text before.
    let index = "00000000000000000001.idx";
    std::fs::copy(folder.path().join(index), to.path().join(index)).unwrap();
    assert!(!files_with(to.path(), b"content 2.").is_empty());
    let removed = copy_removals(folder.path(), to.path(), &pieces).unwrap();
    assert_eq!(removed, [2, 60].into());
    assert!(
        copy_removals(folder.path(), to.path(), &pieces)
            .unwrap()
            .is_empty()
    );
    for content in ["content 2.", "content 60."] {
        assert!(
            files_with(to.path(), content.as_bytes()).is_empty(),
            "{content}"
        );
    }
    // The removals came behind what was copied, and are not in it.
    let found = is_whole(to.path(), &HashMap::new());
    assert_eq!(found.len(), 58);
}

#[test]
fn what_retention_takes_meanwhile_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    for n in 1..=60 {
        say(&mut log, &format!("{n} {}", "x".repeat(1500)));
    }
    let to = tempfile::tempdir().unwrap();
    let pieces = copy_segments(folder.path(), to.path()).unwrap();
    for part in ["log", "idx", "chain", "rooms"] {
        let path = folder.path().join(format!("00000000000000000001.{part}"));
        let _ = std::fs::remove_file(path);
    }
    copy_removals(folder.path(), to.path(), &pieces).unwrap();
    is_whole(to.path(), &HashMap::new());
    let to = tempfile::tempdir().unwrap();
    let fewer = copy_segments(folder.path(), to.path()).unwrap();
    assert_eq!(fewer.len() + 1, pieces.len());
}
