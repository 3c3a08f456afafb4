//! Failing disks: what is not answered is not there, what is answered is, and a failed sync ends it.

use super::super::super::{LogError, LogStore, Outcome};
use super::super::journal::Fault;
use super::super::{Durability, EmbeddedOptions};
use super::support::*;

#[test]
fn a_failed_write_leaves_nothing_of_its_group() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let mut said = vec![(say(&mut log, "first"), "first".to_owned())];
    // Large enough that switching halves is met, too.
    for n in 0..80 {
        log.journal.fault = Some(Fault::ShortWrite(n * 67));
        let lost = message("lobby", &format!("lost {n:01000}"));
        assert!(matches!(commit(&mut log, [lost]), Err(LogError::Io { .. })));
        assert_eq!(log.staged_bytes(), 80);
        assert_eq!(bodies(&log), said);
        let body = format!("kept {n:01000}");
        if n % 10 == 0 {
            drop(log);
            log = open(folder.path());
            assert_eq!(bodies(&log), said);
        }
        said.push((say(&mut log, &body), body));
    }
    drop(log);
    assert_eq!(bodies(&open(folder.path())), said);
}

#[test]
fn a_failed_sync_ends_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open_with(EmbeddedOptions {
        durability: Durability::Always,
        ..options(folder.path())
    });
    say(&mut log, "answered");
    log.journal.fault = Some(Fault::Sync);
    let failed = commit(&mut log, [message("lobby", "unknown")]);
    assert!(matches!(failed, Err(LogError::Stopped { .. })));
    for _ in 0..2 {
        let refused = commit(&mut log, [message("lobby", "late")]);
        assert!(matches!(refused, Err(LogError::Stopped { .. })));
    }
    assert!(matches!(log.maintain(at(1)), Err(LogError::Stopped { .. })));
    assert!(matches!(log.last_group(), Err(LogError::Stopped { .. })));
    assert!(matches!(log.close(), Err(LogError::Stopped { .. })));
    assert_eq!(bodies(&log).len(), 1);
    drop(log);
    // The group was whole in the page cache: kept, and harmless.
    let log = open(folder.path());
    assert_eq!(bodies(&log)[0].1, "answered");
    assert!(bodies(&log).iter().all(|(_, body)| body != "late"));
}

#[test]
fn a_group_that_cannot_be_applied_is_answered_and_comes_later() {
    for reopen in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut log = open(folder.path());
        say(&mut log, "first");
        log.hooks.apply_faults = 3;
        let event = tagged(&log, "t", "second");
        assert_eq!(stored(one(&mut log, event)), 2);
        assert_eq!(log.group(), 2);
        assert_eq!(bodies(&log).len(), 1);
        let refused = commit(&mut log, [message("lobby", "third")]);
        assert!(matches!(refused, Err(LogError::Io { .. })));
        assert!(log.maintain(at(1)).is_err());
        assert_eq!(bodies(&log).len(), 1);
        if reopen {
            drop(log);
            log = open(folder.path());
        } else {
            log.maintain(at(1)).unwrap();
        }
        assert_eq!(bodies(&log)[1], (2, "second".to_owned()));
        let event = tagged(&log, "t", "second");
        assert!(matches!(
            one(&mut log, event),
            Outcome::Repeated { id: 2, .. }
        ));
        say(&mut log, "fourth");
        assert_eq!(bodies(&log).len(), 3);
    }
}

#[test]
fn a_removal_that_fails_is_not_answered_and_done_later() {
    for reopen in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut log = open(folder.path());
        let id = say(&mut log, "to be forgotten");
        log.hooks.redact_faults = 2;
        assert!(commit(&mut log, [removal("lobby", id)]).is_err());
        // The caller sees by the group that it was committed.
        assert_eq!(log.group(), 2);
        assert!(commit(&mut log, [message("lobby", "later")]).is_err());
        assert_eq!(log.group(), 2);
        if reopen {
            drop(log);
            log = open(folder.path());
        } else {
            log.maintain(at(1)).unwrap();
        }
        assert!(files_with(folder.path(), b"to be forgotten").is_empty());
        assert_eq!(one(&mut log, removal("lobby", id)), Outcome::NotFound);
    }
}

#[test]
fn a_round_that_cannot_be_put_together_leaves_everything_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let event = tagged(&log, "t", "tagged");
    one(&mut log, event);
    // As with too many open files.
    let (tags, away) = (folder.path().join("tags"), folder.path().join("away"));
    std::fs::rename(&tags, &away).unwrap();
    assert!(log.sync_work().is_err());
    std::fs::rename(&away, &tags).unwrap();
    let work = log.sync_work().unwrap();
    assert!(work.segments.is_some() && !work.tags.is_empty());
}

#[test]
fn a_probe_changes_nothing_and_fails_as_a_commit_would() {
    let folder = tempfile::tempdir().unwrap();
    let always = EmbeddedOptions {
        durability: Durability::Always,
        ..options(folder.path())
    };
    let mut log = open_with(always.clone());
    let journal = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    for n in 0..30 {
        let before = (journal("journal-0"), journal("journal-1"));
        log.probe(at(1)).unwrap();
        assert_eq!(before, (journal("journal-0"), journal("journal-1")));
        say(&mut log, &format!("message {n:02000}"));
    }
    drop(log);
    let mut log = open_with(always);
    assert_eq!(bodies(&log).len(), 30);
    // A disk that takes no more.
    log.hooks.apply_faults = 2;
    say(&mut log, "in the journal");
    assert!(matches!(log.probe(at(1)), Err(LogError::Io { .. })));
    log.probe(at(1)).unwrap();
    // It really syncs.
    log.journal.fault = Some(Fault::Sync);
    assert!(matches!(log.probe(at(1)), Err(LogError::Stopped { .. })));
    assert!(matches!(log.probe(at(1)), Err(LogError::Stopped { .. })));
}
