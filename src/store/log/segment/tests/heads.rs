//! Heads that were kept against logs that somebody rewrote from end to end.

use std::path::Path;

use super::super::super::{Event, EventKind};
use super::super::Segments;
use super::super::audit::{Asked, Audit, Fate, Head, Since, audit, newest_head};
use super::support::*;

/// What an honest server wrote: 30 groups of one to three records, a removal among them.
fn written() -> Vec<Vec<Event>> {
    let mut id = 0;
    let mut next = |n: u64| {
        id += 1;
        let to = if id % 3 == 0 { "dev" } else { "lobby" };
        match id {
            40 => removal(id, id * 1000, "lobby", 7),
            _ => message(
                id,
                id * 1000,
                to,
                &format!("group {n}, the words of record {id}"),
            ),
        }
    };
    (1..=30)
        .map(|n| (0..=n % 3).map(|_| next(n)).collect())
        .collect()
}

/// Writes a log of these groups with everything computed as the server computes it: what a forger with write access can do.
fn forge(folder: &Path, groups: &[Vec<Event>]) -> Vec<Head> {
    let mut heads = Vec::new();
    let mut segments = Segments::open(options(folder), NO_JOURNAL, &log()).unwrap();
    for events in groups {
        append(&mut segments, events.clone());
        for event in events {
            if let EventKind::Removal(target) = event.kind {
                segments.redact(target).unwrap();
            }
        }
        heads.push(newest_head(folder, false).unwrap().unwrap());
    }
    segments.close().unwrap();
    heads
}

fn audited(folder: &Path, heads: &[Head]) -> Audit {
    let asked = Asked {
        heads,
        ..Asked::default()
    };
    let audit = audit(folder, &asked, |_, _| {}).unwrap();
    assert_eq!(audit.faults_count, 0, "{:#?}", audit.faults);
    audit
}

fn fates(folder: &Path, heads: &[Head]) -> Vec<Fate> {
    let audit = audited(folder, heads);
    audit.heads.iter().map(|(_, fate)| *fate).collect()
}

fn all_proved(fates: &[Fate]) -> bool {
    fates
        .iter()
        .all(|fate| *fate == Fate::OnChain(Since::default()))
}

#[test]
fn every_head_of_an_honest_log_is_on_its_chain_over_seals_and_removals() {
    let folder = tempfile::tempdir().unwrap();
    let heads = forge(folder.path(), &written());
    assert!(audited(folder.path(), &[]).segments > 3);
    assert!(all_proved(&fates(folder.path(), &heads)));
    for (head, events) in heads.iter().zip(written()) {
        assert_eq!(head.newest_id, events.last().unwrap().id);
    }
    // Written again by the same hand it is the same log.
    let again = tempfile::tempdir().unwrap();
    assert_eq!(forge(again.path(), &written()), heads);
}

#[test]
fn a_log_rewritten_from_end_to_end_passes_alone_and_fails_against_a_kept_head() {
    let folder = tempfile::tempdir().unwrap();
    let heads = forge(folder.path(), &written());
    let newest = heads.last().unwrap().newest_id;
    let alter: fn(&mut Vec<Vec<Event>>) = |groups| {
        groups[14][0].kind = EventKind::Message(b"other words"[..].into());
    };
    let author: fn(&mut Vec<Vec<Event>>) = |groups| {
        groups[14][0].user = crate::edge::wire::names::UserName::parse("mallory").unwrap();
    };
    let remove: fn(&mut Vec<Vec<Event>>) = |groups| {
        groups[13].remove(1);
    };
    let swap: fn(&mut Vec<Vec<Event>>) = |groups| {
        let (first, second) = (groups[14][0].kind.clone(), groups[16][1].kind.clone());
        (groups[14][0].kind, groups[16][1].kind) = (second, first);
    };
    let reorder: fn(&mut Vec<Vec<Event>>) = |groups| {
        let (first, second) = (groups[16][0].kind.clone(), groups[16][1].kind.clone());
        (groups[16][0].kind, groups[16][1].kind) = (second, first);
    };
    let regroup: fn(&mut Vec<Vec<Event>>) = |groups| {
        let last = groups[13].pop().unwrap();
        groups[14].insert(0, last);
    };
    for (name, change, first) in [
        ("altered", alter, 15),
        ("author", author, 15),
        ("removed", remove, 14),
        ("swapped", swap, 15),
        ("reordered", reorder, 17),
        ("regrouped", regroup, 14),
    ] {
        let mut groups = written();
        change(&mut groups);
        let forged = tempfile::tempdir().unwrap();
        forge(forged.path(), &groups);
        // Everything fits together: without a head nobody could tell.
        assert_eq!(audited(forged.path(), &[]).ids.1, newest, "{name}");
        for (head, fate) in heads.iter().zip(fates(forged.path(), &heads)) {
            let expected = if head.group < first {
                Fate::OnChain(Since::default())
            } else {
                Fate::Differs
            };
            assert_eq!(fate, expected, "{name}, group {}", head.group);
        }
    }
}

#[test]
fn a_log_cut_off_or_begun_anew_is_found_by_its_head() {
    let folder = tempfile::tempdir().unwrap();
    let heads = forge(folder.path(), &written());
    let short = tempfile::tempdir().unwrap();
    forge(short.path(), &written()[..20]);
    let end = Since {
        group: 20,
        id: heads[19].newest_id,
    };
    for (head, fate) in heads.iter().zip(fates(short.path(), &heads)) {
        match head.group {
            group if group > 20 => assert_eq!(fate, Fate::CutOff(end)),
            _ => assert_eq!(fate, Fate::OnChain(Since::default())),
        }
    }
    // A head whose own text was changed.
    let wrong = Head {
        newest_id: 1,
        ..heads[9]
    };
    let fate = fates(folder.path(), &[wrong])[0];
    assert_eq!(fate, Fate::OtherId(heads[9].newest_id));
}

#[test]
fn what_retention_deleted_is_said_and_its_last_head_still_holds() {
    let folder = tempfile::tempdir().unwrap();
    let heads = forge(folder.path(), &written());
    let mut options = options(folder.path());
    options.retain_messages = 20;
    let mut segments = Segments::open(options, ALL_SYNCED, &log()).unwrap();
    segments
        .retain(crate::edge::wire::timestamp::Timestamp::from_micros(99_000))
        .unwrap();
    segments.close().unwrap();
    let begin = audited(folder.path(), &[]).ids.0 - 1;
    assert!(begin > 5);
    let found = fates(folder.path(), &heads);
    let mut expired = 0;
    for (head, fate) in heads.iter().zip(found) {
        match fate {
            Fate::Expired(since) => {
                assert!(head.newest_id < begin && since.id == begin);
                expired += 1;
            }
            Fate::OnChain(since) => assert!(head.newest_id >= begin && since.id == begin),
            other => panic!("{other:?}"),
        }
    }
    assert!(expired > 3);
}

#[test]
fn a_damaged_link_or_entry_breaks_the_proof_only_where_it_must() {
    let folder = tempfile::tempdir().unwrap();
    let heads = forge(folder.path(), &written());
    let chain = folder.path().join(format!("{:020}.chain", 1));
    let whole = std::fs::read(&chain).unwrap();
    // The link of group 2 is no longer readable, but what it was follows from the records.
    let mut bytes = whole.clone();
    bytes[64 + 64 + 30] ^= 1;
    std::fs::write(&chain, bytes).unwrap();
    let asked = Asked {
        heads: &heads,
        ..Asked::default()
    };
    let found = audit(folder.path(), &asked, |_, _| {}).unwrap();
    assert_eq!(found.faults_count, 1, "{:#?}", found.faults);
    assert!(
        found
            .heads
            .iter()
            .all(|(_, fate)| *fate == Fate::OnChain(Since::default()))
    );
    std::fs::write(&chain, whole).unwrap();
    // With the entry of a record its hash is gone: what stands before is proved by an earlier head alone.
    let index = folder.path().join(format!("{:020}.idx", 1));
    let mut bytes = std::fs::read(&index).unwrap();
    bytes[64 + 4 * 128 + 90] ^= 1;
    std::fs::write(&index, bytes).unwrap();
    let found = audit(folder.path(), &asked, |_, _| {}).unwrap();
    let broken = heads.iter().find(|head| head.newest_id >= 5).unwrap();
    for (head, fate) in &found.heads {
        let since = if head.group < broken.group {
            Since::default()
        } else {
            Since {
                group: broken.group,
                id: broken.newest_id,
            }
        };
        assert_eq!(*fate, Fate::OnChain(since));
    }
}

#[test]
fn an_empty_log_has_no_head_and_a_damaged_end_is_said() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(newest_head(folder.path(), false).unwrap(), None);
    let segments = Segments::open(options(folder.path()), NO_JOURNAL, &log()).unwrap();
    drop(segments);
    assert_eq!(newest_head(folder.path(), false).unwrap(), None);
    forge(folder.path(), &written());
    let chain = std::fs::read_dir(folder.path()).unwrap().flatten();
    let newest = chain
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "chain"))
        .max()
        .unwrap();
    let mut bytes = std::fs::read(&newest).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    std::fs::write(&newest, bytes).unwrap();
    let told = newest_head(folder.path(), false).unwrap_err().to_string();
    assert!(
        told.contains("end of the log is not whole") && told.contains("verify"),
        "{told}"
    );
}
