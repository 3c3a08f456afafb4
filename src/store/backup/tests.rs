//! Backups that are whole, damaged, and made by an enemy.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tar::{Builder, EntryType, Header};

use super::*;
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;
use crate::store::accounts::embedded::{EmbeddedAccounts, EmbeddedOptions as AccountsOptions};
use crate::store::log::embedded::{Durability, EmbeddedLog, EmbeddedOptions};
use crate::store::log::{EventKind, LogStore, NewEvent};

fn log(folder: &Path) -> EmbeddedLog {
    let options = EmbeddedOptions {
        folder: folder.join("log"),
        durability: Durability::Os,
        flush_interval: Duration::from_millis(20),
        segment_bytes: 4096,
        journal_bytes: 64 * 1024,
        retain_messages: 0,
        retain_age: Duration::ZERO,
        retain_bytes: 0,
        rooms_max: 8,
        tags_max: 100,
    };
    EmbeddedLog::open(options, slog::Logger::root(slog::Discard, slog::o!())).unwrap()
}

fn say(log: &mut EmbeddedLog, body: &str) -> u64 {
    log.stage(NewEvent {
        room: RoomName::parse("den").unwrap(),
        user: UserName::parse("ann").unwrap(),
        kind: EventKind::Message(body.as_bytes().to_vec().into()),
        origin: 1,
        nonce: 0,
        tag: None,
        time: None,
    });
    log.commit(Timestamp::now()).unwrap().events[0].id
}

/// A data folder with something of everything, its backup in a folder, and an empty place beside both.
struct Sample {
    home: tempfile::TempDir,
    made: Made,
    newest: u64,
}

impl Sample {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (data, config) = (home.path().join("data"), home.path().join("etc"));
        fs::create_dir_all(data.join("certs")).unwrap();
        fs::create_dir(&config).unwrap();
        fs::write(config.join("local.toml"), "[server]\n").unwrap();
        fs::write(data.join("certs/server.key"), "secret").unwrap();
        let mut log = log(&data);
        let ids: Vec<u64> = (0..20)
            .map(|n| say(&mut log, &format!("{n} {}", "x".repeat(500))))
            .collect();
        drop(log);
        drop(EmbeddedAccounts::open(&AccountsOptions::new(&data)).unwrap());
        let origin = Origin {
            data,
            config: Some(config),
        };
        fs::create_dir(home.path().join("backup")).unwrap();
        let made = make(&origin, &home.path().join("backup")).unwrap();
        fs::create_dir(home.path().join("place")).unwrap();
        Self {
            home,
            made,
            newest: *ids.last().unwrap(),
        }
    }

    fn backup(&self) -> PathBuf {
        self.home.path().join("backup")
    }

    fn target(&self) -> PathBuf {
        self.home.path().join("place/data")
    }

    fn stream(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_archive(&self.backup(), &self.made.manifest, &mut bytes).unwrap();
        bytes
    }

    /// It has to be refused, and nothing may be left of it anywhere; why.
    #[track_caller]
    fn refused(&self, source: Source<'_>) -> String {
        let Err(error) = restore(source, &self.target(), None) else {
            panic!("it was restored");
        };
        let left: Vec<_> = fs::read_dir(self.home.path().join("place"))
            .unwrap()
            .collect();
        assert!(left.is_empty(), "{left:?} after {error}");
        let mut around: Vec<_> = fs::read_dir(self.home.path())
            .unwrap()
            .flatten()
            .map(|e| e.file_name())
            .collect();
        around.sort();
        assert_eq!(around, ["backup", "data", "etc", "place"], "{error}");
        error.to_string()
    }

    #[track_caller]
    fn stream_refused(&self, mut bytes: &[u8], why: &str) {
        let error = self.refused(Source::Stream(&mut bytes));
        assert!(error.contains(why), "{error:?} has no {why:?}");
    }
}

#[test]
fn what_was_backed_up_comes_back_from_a_folder_and_from_a_stream() {
    let sample = Sample::new();
    let checked = check_folder(&sample.backup()).unwrap();
    assert_eq!(
        (checked.records, checked.manifest.newest_id),
        (20, sample.newest)
    );
    let stream = sample.stream();
    for from_stream in [false, true] {
        let to = sample.home.path().join(format!("restored-{from_stream}"));
        let config = sample.home.path().join(format!("etc-{from_stream}"));
        let (backup, mut bytes) = (sample.backup(), &stream[..]);
        let source = match from_stream {
            true => Source::Stream(&mut bytes),
            false => Source::Folder(&backup),
        };
        let restored = restore(source, &to, Some(&config)).unwrap();
        assert_eq!(restored.config, [config.join("local.toml")]);
        assert_eq!(
            fs::read_to_string(to.join("certs/server.key")).unwrap(),
            "secret"
        );
        let mut names: Vec<_> = fs::read_dir(&to)
            .unwrap()
            .flatten()
            .map(|e| e.file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["accounts.db", "certs", "log"]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&to), mode(&to.join("certs"))), (0o700, 0o700));
        assert_eq!(
            (
                mode(&to.join("certs/server.key")),
                mode(&to.join("accounts.db"))
            ),
            (0o600, 0o600)
        );
        let mut log = log(&to);
        assert_eq!(log.reader().newest(), sample.newest);
        // Whatever was given after the backup is not given again.
        assert!(say(&mut log, "new") > 1 << 32);
    }
}

#[test]
fn a_place_that_is_taken_is_left_alone() {
    let sample = Sample::new();
    let (backup, data) = (sample.backup(), sample.home.path().join("data"));
    let error = restore(Source::Folder(&backup), &data, None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("is not empty; move it away first"),
        "{error}"
    );
    let running = log(&data);
    let error = restore(Source::Folder(&backup), &data, None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("a server uses"), "{error}");
    drop(running);
    let etc = sample.home.path().join("etc");
    let error = restore(Source::Folder(&backup), &sample.target(), Some(&etc)).unwrap_err();
    assert!(
        error.to_string().contains("local.toml is there already"),
        "{error}"
    );
    // An empty one will do.
    fs::create_dir(sample.target()).unwrap();
    restore(Source::Folder(&backup), &sample.target(), None).unwrap();
}

#[test]
fn any_byte_that_changed_is_found() {
    let sample = Sample::new();
    let mut names: Vec<String> = sample
        .made
        .manifest
        .files
        .iter()
        .map(|file| file.path.clone())
        .collect();
    names.push("manifest.json".to_owned());
    for name in &names {
        let path = sample.backup().join(name);
        let whole = fs::read(&path).unwrap();
        for at in [0, whole.len() / 2, whole.len().saturating_sub(2)] {
            let mut damaged = whole.clone();
            let Some(byte) = damaged.get_mut(at) else {
                continue;
            };
            *byte ^= 4;
            fs::write(&path, &damaged).unwrap();
            assert!(check_folder(&sample.backup()).is_err(), "{name} at {at}");
            sample.refused(Source::Folder(&sample.backup()));
        }
        // Behind the manifest stands a newline that means nothing.
        fs::write(&path, &whole[..whole.len().saturating_sub(2)]).unwrap();
        assert!(check_folder(&sample.backup()).is_err(), "{name} cut");
        fs::remove_file(&path).unwrap();
        assert!(check_folder(&sample.backup()).is_err(), "{name} missing");
        sample.refused(Source::Folder(&sample.backup()));
        fs::write(&path, &whole).unwrap();
        check_folder(&sample.backup()).unwrap();
    }
    fs::write(sample.backup().join("log/more"), "").unwrap();
    let error = check_folder(&sample.backup()).unwrap_err().to_string();
    assert!(error.contains("is not in manifest.json"), "{error}");
    fs::remove_file(sample.backup().join("log/more")).unwrap();
    // A link in place of a file.
    let key = sample.backup().join("data/certs/server.key");
    fs::rename(&key, sample.home.path().join("etc/key")).unwrap();
    symlink(sample.home.path().join("etc/key"), &key).unwrap();
    assert!(check_folder(&sample.backup()).is_err());
    sample.refused(Source::Folder(&sample.backup()));
}

#[test]
fn a_stream_that_was_cut_or_changed_is_refused() {
    let sample = Sample::new();
    let whole = sample.stream();
    let step = whole.len() / 60;
    // Without the two blocks that end a tar file it is whole all the same.
    for length in (0..whole.len() - 1024).step_by(step) {
        sample.stream_refused(&whole[..length], "");
    }
    // In headers, contents, anywhere but in what fills a block.
    let mut changed = 0;
    for at in (0..whole.len() - 1024).step_by(step.min(997)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        if whole[at] != 0 {
            sample.stream_refused(&bytes, "");
            changed += 1;
        }
    }
    assert!(changed > 15, "{changed}");
    sample.stream_refused(b"", "the stream is empty");
    sample.stream_refused(&[0; 4096], "the stream is empty");
    sample.stream_refused(&[b'x'; 4096], "no whole backup");
    sample.stream_refused(b"short", "no whole backup");
}

/// A stream of the whole backup in which an enemy has put something, at its end or right behind the manifest.
fn with(sample: &Sample, at_end: bool, put: impl Fn(&mut Builder<Vec<u8>>)) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let names = sample
        .made
        .manifest
        .files
        .iter()
        .map(|file| file.path.as_str());
    for (n, name) in std::iter::once("manifest.json").chain(names).enumerate() {
        if n == 1 && !at_end {
            put(&mut builder);
        }
        let mut bytes = Vec::new();
        fs::File::open(sample.backup().join(name))
            .unwrap()
            .read_to_end(&mut bytes)
            .unwrap();
        append(
            &mut builder,
            name.as_bytes(),
            EntryType::Regular,
            bytes.len() as u64,
            &bytes,
        );
    }
    if at_end {
        put(&mut builder);
    }
    builder.into_inner().unwrap()
}

/// An entry with any name at all.
fn append(builder: &mut Builder<Vec<u8>>, name: &[u8], kind: EntryType, claims: u64, bytes: &[u8]) {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_size(claims);
    header.set_mode(0o4777);
    if kind.is_symlink() || kind.is_hard_link() {
        header.set_link_name_literal("/etc/passwd").unwrap();
    }
    header.set_cksum();
    builder.append(&header, bytes).unwrap();
}

#[test]
fn an_enemys_stream_writes_nothing_anywhere() {
    let sample = Sample::new();
    let outside = sample.home.path().join("place/outside");
    let absolute = outside.to_str().unwrap().to_owned();
    for at_end in [false, true] {
        for name in [
            "../outside",
            "log/../../outside",
            &absolute,
            "/etc/cron.d/x",
            "log/../x",
            "accounts.db/../../x",
            "manifest.json",
            "./log/ids",
            "log/ids/",
            "",
            "data/more",
        ] {
            let bytes = with(&sample, at_end, |builder| {
                append(builder, name.as_bytes(), EntryType::Regular, 4, b"evil")
            });
            sample.stream_refused(&bytes, "is not in its manifest.json");
        }
        for (kind, what) in [
            (EntryType::Symlink, "symlink"),
            (EntryType::Link, "hard link"),
            (EntryType::Char, "device"),
            (EntryType::Block, "disk"),
            (EntryType::Fifo, "pipe"),
            (EntryType::Directory, "folder"),
            (EntryType::Continuous, "contiguous"),
            (EntryType::GNUSparse, "sparse"),
            (EntryType::GNULongName, "long name"),
            (EntryType::GNULongLink, "long link"),
            (EntryType::XHeader, "pax"),
            (EntryType::XGlobalHeader, "global pax"),
        ] {
            for name in ["log/ids", "x"] {
                let bytes = with(&sample, at_end, |builder| {
                    append(builder, name.as_bytes(), kind, 0, b"")
                });
                let error = sample.refused(Source::Stream(&mut &bytes[..]));
                assert!(
                    error.contains("is no plain file") || error.contains("no whole backup"),
                    "{what}: {error}"
                );
            }
        }
    }
    let twice = with(&sample, true, |builder| {
        append(builder, b"log/ids", EntryType::Regular, 4, b"evil")
    });
    sample.stream_refused(&twice, "comes twice");
    // A size that is not the manifest's, and one that nobody has.
    for claims in [5, 1 << 40, u64::MAX >> 1] {
        let bytes = with(&sample, false, |builder| {
            append(builder, b"log/ids", EntryType::Regular, claims, b"x")
        });
        sample.stream_refused(&bytes, "claims");
    }
    let text = [b'\xff', b'\xfe'];
    let bytes = with(&sample, true, |builder| {
        append(builder, &text, EntryType::Regular, 0, b"")
    });
    sample.stream_refused(&bytes, "is no text");
}

#[test]
fn an_enemys_manifest_is_refused() {
    let sample = Sample::new();
    let alone = |manifest: &Manifest, claims: Option<u64>| {
        let text = manifest.to_text().unwrap();
        let mut builder = Builder::new(Vec::new());
        let bytes = claims.unwrap_or(text.len() as u64);
        append(
            &mut builder,
            b"manifest.json",
            EntryType::Regular,
            bytes,
            text.as_bytes(),
        );
        builder.into_inner().unwrap()
    };
    let mut huge = sample.made.manifest.clone();
    huge.files[0].bytes = 1 << 60;
    sample.stream_refused(&alone(&huge, None), "make room");
    sample.stream_refused(&alone(&huge, Some(1 << 40)), "manifest.json claims");
    for path in ["../x", "/etc/passwd", "log/../../x", "data/accounts.db"] {
        let mut led = sample.made.manifest.clone();
        led.files[0].path = path.to_owned();
        sample.stream_refused(&alone(&led, None), "a backup has no file");
        fs::write(
            sample.backup().join("manifest.json"),
            led.to_text().unwrap(),
        )
        .unwrap();
        sample.refused(Source::Folder(&sample.backup()));
    }
    // Whole in its files, but another log than it says.
    let mut other = sample.made.manifest.clone();
    other.newest_id += 1;
    fs::write(
        sample.backup().join("manifest.json"),
        other.to_text().unwrap(),
    )
    .unwrap();
    let error = sample.refused(Source::Folder(&sample.backup()));
    assert!(error.contains("the log ends at id"), "{error}");
    // Nothing of the accounts is what SQLite would take for one.
    let mut broken = sample.made.manifest.clone();
    fs::write(sample.backup().join("accounts.db"), vec![b'x'; 4096]).unwrap();
    let hash = blake3::hash(&[b'x'; 4096]).to_hex().to_string();
    for file in broken
        .files
        .iter_mut()
        .filter(|file| file.path == "accounts.db")
    {
        (file.bytes, file.blake3) = (4096, hash.clone());
    }
    fs::write(
        sample.backup().join("manifest.json"),
        broken.to_text().unwrap(),
    )
    .unwrap();
    let error = sample.refused(Source::Folder(&sample.backup()));
    assert!(error.contains("accounts.db"), "{error}");
}

#[test]
fn damage_in_the_original_makes_no_backup() {
    let sample = Sample::new();
    let data = sample.home.path().join("data");
    let path = data.join("log/00000000000000000001.log");
    let mut bytes = fs::read(&path).unwrap();
    bytes[60] ^= 1;
    fs::write(&path, bytes).unwrap();
    let to = sample.home.path().join("again");
    fs::create_dir(&to).unwrap();
    let origin = Origin { data, config: None };
    let error = make(&origin, &to).unwrap_err().to_string();
    assert!(error.contains("faults"), "{error}");
    assert!(
        check_folder(&to)
            .unwrap_err()
            .to_string()
            .contains("has no manifest.json")
    );
}

#[test]
fn a_name_that_no_backup_can_have_is_told_at_once() {
    let sample = Sample::new();
    let data = sample.home.path().join("data");
    for name in ["two\nlines".to_owned(), "n".repeat(120)] {
        fs::write(data.join(&name), "").unwrap();
        let (data, config) = (data.clone(), None);
        let error = make(
            &Origin { data, config },
            &sample.home.path().join(&name[..5]),
        )
        .unwrap_err();
        let error = error.to_string();
        assert!(error.contains("rename it"), "{error}");
        fs::remove_file(sample.home.path().join("data").join(&name)).unwrap();
    }
}
