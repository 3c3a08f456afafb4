//! The file itself: its mode, its form, and what is wrong with it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use rusqlite::Connection;

use super::super::schema::STEPS;
use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The error of opening what is there.
fn refused(home: &Home) -> AccountsError {
    match EmbeddedAccounts::open(&home.options()) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

#[test]
fn nobody_else_can_read_any_of_it() {
    let home = Home::new();
    let mut db = home.open();
    add(&mut db, "alice");
    let options = home.options();
    assert_eq!(mode(&options.folder), 0o700);
    let mut files = 0;
    for entry in fs::read_dir(&options.folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        files += 1;
    }
    assert_eq!(files, 3, "the file, -wal, -shm");
    assert_eq!(db.file(), options.file());
}

#[test]
fn what_a_backup_left_open_is_closed() {
    let home = Home::new();
    drop(home.open());
    let file = home.options().file();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).unwrap();
    drop(home.open());
    assert_eq!(mode(&file), 0o600);
}

/// What an administrator makes in the server's folder is the server's. Nobody else can make a folder for somebody else, and then
/// there is nothing to give away.
#[test]
fn the_file_belongs_to_whoever_has_the_folder() {
    let home = Home::new();
    let options = home.options();
    fs::create_dir(&options.folder).unwrap();
    let own = fs::metadata(&options.folder).unwrap().uid();
    let owner = match chown(&options.folder, Some(65_534), Some(65_534)) {
        Ok(()) => 65_534,
        Err(_) => own,
    };
    let mut db = home.open();
    add(&mut db, "alice");
    for entry in fs::read_dir(&options.folder).unwrap() {
        let path = entry.unwrap().path();
        let found = fs::metadata(&path).unwrap().uid();
        assert_eq!(found, owner, "{}", path.display());
    }
}

#[test]
fn an_empty_file_becomes_ours() {
    let home = Home::new();
    fs::create_dir(&home.options().folder).unwrap();
    fs::write(home.options().file(), "").unwrap();
    let mut db = home.open();
    add(&mut db, "alice");
    let version: usize = db
        .db
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, STEPS.len());
    for (name, value) in [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("foreign_keys", "1"),
    ] {
        let text = format!("PRAGMA {name}");
        let found: rusqlite::types::Value = db.db.query_row(&text, [], |row| row.get(0)).unwrap();
        let found = match found {
            rusqlite::types::Value::Text(text) => text,
            rusqlite::types::Value::Integer(number) => number.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(found, value, "{name}");
    }
}

#[test]
fn what_is_no_database_is_left_alone() {
    let home = Home::new();
    let file = home.options().file();
    fs::create_dir(&home.options().folder).unwrap();
    for text in ["just some text\n".repeat(100), "x".to_owned()] {
        fs::write(&file, &text).unwrap();
        let error = refused(&home);
        assert!(matches!(error, AccountsError::NotOurs { .. }), "{error}");
        assert!(error.to_string().contains("accounts.db"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let error = refused(&home);
    assert!(matches!(error, AccountsError::NotOurs { .. }), "{error}");
}

#[test]
fn the_database_of_another_program_is_left_alone() {
    let home = Home::new();
    let file = home.options().file();
    fs::create_dir(&home.options().folder).unwrap();
    let foreign = Connection::open(&file).unwrap();
    foreign.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(foreign);
    let before = fs::read(&file).unwrap();
    let error = refused(&home);
    assert!(matches!(error, AccountsError::NotOurs { .. }), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_newer_form_is_not_touched() {
    let home = Home::new();
    let db = home.open();
    db.db
        .pragma_update(None, "user_version", STEPS.len() + 1)
        .unwrap();
    drop(db);
    let error = refused(&home);
    assert!(matches!(error, AccountsError::Newer { .. }), "{error}");
    assert!(error.to_string().contains("newer gencomm"), "{error}");
}

#[test]
fn damage_is_noticed_at_opening() {
    let home = Home::new();
    let mut db = home.open();
    for n in 0..200 {
        add(&mut db, &format!("user-number-{n}-x"));
    }
    drop(db);
    let file = home.options().file();
    let whole = fs::read(&file).unwrap();
    let pages = whole.len() / 4096;
    assert!(pages > 10);
    let mut found = 0;
    // Any page behind the first; those on the free list may hold anything.
    for page in 1..pages {
        let mut bytes = whole.clone();
        bytes[page * 4096..][..64].fill(0x5a);
        fs::write(&file, bytes).unwrap();
        if let Err(error) = EmbeddedAccounts::open(&home.options()) {
            assert!(matches!(error, AccountsError::Damaged { .. }), "{error}");
            assert!(error.to_string().contains("backup"), "{error}");
            found += 1;
        }
    }
    assert!(found > pages / 2, "{found} of {pages}");
    for length in [100, 4096, whole.len() / 2] {
        fs::write(&file, &whole[..length]).unwrap();
        let error = refused(&home).to_string();
        assert!(error.contains("accounts.db"), "{error}");
    }
    fs::write(&file, &whole).unwrap();
    home.open();
}

/// Values that no version of this program writes.
#[test]
fn rows_that_make_no_sense_are_damage() {
    let home = Home::new();
    let mut db = home.open();
    for (column, value) in [
        ("role", "king"),
        ("state", "gone"),
        ("name", "a b"),
        ("name", ""),
    ] {
        add(&mut db, "alice");
        let text = format!("UPDATE accounts SET {column} = ?");
        db.db.execute(&text, [value]).unwrap();
        let error = db.account("alice").unwrap_err();
        assert!(matches!(error, AccountsError::Damaged { .. }), "{error}");
        db.db.execute("DELETE FROM accounts", []).unwrap();
    }
    add(&mut db, "alice");
    db.db.execute("UPDATE accounts SET epoch = -1", []).unwrap();
    let error = db.account("alice").unwrap_err();
    assert!(matches!(error, AccountsError::Damaged { .. }), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let home = Home::new();
    fs::write(&home.options().folder, "a file").unwrap();
    let error = refused(&home);
    assert!(matches!(error, AccountsError::Io { .. }), "{error}");
    assert!(error.to_string().contains("data"), "{error}");
}
