//! The file system that forgets does forget, and only what was not synced: the tests of power cuts stand on it.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::support::forgetful::{Cut, Forgetful};
use crate::support::privileges::{self, Need};

fn sync(path: &Path) {
    File::open(path)
        .expect("it is there")
        .sync_all()
        .expect("synced");
}

fn with_disk(test: impl FnOnce(&mut Forgetful, &Path)) {
    if !privileges::has(&[Need::Root, Need::Fuse]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut disk = Forgetful::mount(folder.path());
    test(&mut disk, folder.path());
}

#[test]
fn what_was_synced_stays_and_what_was_not_is_gone() {
    with_disk(|disk, top| {
        let path = top.join("file");
        let mut file = File::create(&path).expect("a file");
        file.write_all(b"durable").expect("written");
        file.sync_data().expect("synced");
        sync(top);
        file.write_all(b" and not").expect("written");
        assert_eq!(fs::read(&path).expect("the file"), b"durable and not");
        drop(file);
        disk.power_on(Cut::Lost);
        assert_eq!(fs::read(&path).expect("the file"), b"durable");
    });
}

#[test]
fn a_name_is_durable_when_its_folder_was_synced() {
    with_disk(|disk, top| {
        for name in ["synced", "unsynced"] {
            fs::write(top.join(name), name).expect("written");
            sync(&top.join(name));
            if name == "synced" {
                sync(top);
            }
        }
        fs::create_dir(top.join("folder")).expect("made");
        disk.power_on(Cut::Lost);
        assert_eq!(fs::read(top.join("synced")).expect("the file"), b"synced");
        assert!(!top.join("unsynced").exists(), "nobody synced its folder");
        assert!(!top.join("folder").exists(), "nobody synced its folder");
    });
}

#[test]
fn a_rename_is_durable_when_its_folder_was_synced() {
    with_disk(|disk, top| {
        let (old, new) = (top.join("old"), top.join("new"));
        fs::write(&old, "first").expect("written");
        sync(&old);
        sync(top);
        fs::write(&new, "second").expect("written");
        sync(&new);
        fs::rename(&new, &old).expect("renamed");
        assert_eq!(fs::read(&old).expect("the file"), b"second");
        disk.power_on(Cut::Lost);
        assert_eq!(fs::read(&old).expect("the file"), b"first");
        fs::remove_file(&old).expect("removed");
        disk.power_on(Cut::Lost);
        assert_eq!(fs::read(&old).expect("the file"), b"first");
        fs::remove_file(&old).expect("removed");
        sync(top);
        disk.power_on(Cut::Lost);
        assert!(!old.exists());
    });
}

#[test]
fn a_cut_by_chance_tears_at_sectors_and_touches_nothing_that_was_synced() {
    with_disk(|disk, top| {
        let path = top.join("file");
        let (mut torn, mut gone, mut whole) = (0, 0, 0);
        for seed in 0..60 {
            fs::write(&path, [b'a'; 2048]).expect("written");
            sync(&path);
            sync(top);
            let mut file = File::options().append(true).open(&path).expect("the file");
            file.write_all(&[b'b'; 2048]).expect("written");
            drop(file);
            disk.power_on(Cut::Chance(seed));
            let bytes = fs::read(&path).expect("the file");
            assert!(bytes[..2048].iter().all(|byte| *byte == b'a'));
            let kept = bytes[2048..].iter().filter(|byte| **byte == b'b').count();
            assert_eq!(kept % 512, 0, "a sector is whole or not there");
            match kept {
                0 => gone += 1,
                2048 => whole += 1,
                _ => torn += 1,
            }
        }
        assert!(torn > 5 && gone > 5 && whole > 5, "{torn} {gone} {whole}");
    });
}
