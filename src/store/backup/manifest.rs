//! What a backup says of itself, `manifest.json`: written last, so that without it there is no backup. Pure.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{BackupError, refused};

/// The file's name.
pub(super) const NAME: &str = "manifest.json";
/// Longest manifest that is read, in bytes.
pub(super) const BYTES_MAX: u64 = 64 << 20;
/// The only form so far.
const FORMAT: u32 = 1;
/// Longest path of a file in a backup, in bytes, and the most parts that it has.
const PATH_BYTES_MAX: usize = 200;
const PATH_PARTS_MAX: usize = 6;
/// Where the accounts are.
pub(super) const ACCOUNTS: &str = "accounts.db";
/// The folders: the log, the configuration, what else the data folder holds.
pub(super) const LOG: &str = "log";
pub(super) const CONFIG: &str = "config";
pub(super) const DATA: &str = "data";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Of the manifest.
    format: u32,
    /// Which program made it.
    pub(crate) made_by: String,
    /// When, in seconds since 1970.
    pub(crate) made_at: String,
    /// The newest id in the log.
    pub(crate) newest_id: u64,
    /// The newest group in the log, and the chain up to it, in hexadecimal.
    pub(crate) group: u64,
    pub(crate) link: String,
    /// Every file but this one, by path.
    pub(crate) files: Vec<FileEntry>,
    /// BLAKE3 of this text with this field empty.
    checksum: String,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileEntry {
    /// From the backup's folder, with `/`.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// In hexadecimal.
    pub(crate) blake3: String,
}

impl Manifest {
    /// Of these files.
    pub(super) fn new(
        made_at: String,
        (newest_id, group, link): (u64, u64, String),
        files: Vec<FileEntry>,
    ) -> Self {
        Self {
            format: FORMAT,
            made_by: format!("gencomm {}", env!("CARGO_PKG_VERSION")),
            made_at,
            newest_id,
            group,
            link,
            files,
            checksum: String::new(),
        }
    }

    /// As it is written.
    pub(super) fn to_text(&self) -> Result<String, BackupError> {
        let mut sealed = self.clone();
        sealed.checksum = self.sum()?;
        sealed.text()
    }

    /// Reads and checks it; its paths can be trusted afterwards.
    pub(super) fn parse(text: &[u8]) -> Result<Self, BackupError> {
        let parsed: Self = match serde_json::from_slice(text) {
            Ok(parsed) => parsed,
            Err(error) => return refused(format!("{NAME} cannot be read: {error}")),
        };
        if parsed.format != FORMAT {
            return refused(format!(
                "{NAME} is of form {}, and this program knows {FORMAT} only; use the one that made it ({})",
                parsed.format,
                parsed.made_by.escape_debug()
            ));
        }
        if parsed.checksum != parsed.sum()? {
            return refused(format!("{NAME} is damaged: its checksum does not fit"));
        }
        let mut seen = BTreeSet::new();
        let mut total = 0u64;
        for file in &parsed.files {
            check_path(&file.path)?;
            if !seen.insert(&file.path) {
                return refused(format!("{NAME} names {} twice", file.path));
            }
            total = match total.checked_add(file.bytes) {
                Some(total) => total,
                None => return refused(format!("{NAME} claims more bytes than there can be")),
            };
        }
        Ok(parsed)
    }

    /// Bytes of all files together.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    fn sum(&self) -> Result<String, BackupError> {
        let mut open = self.clone();
        open.checksum.clear();
        Ok(blake3::hash(open.text()?.as_bytes()).to_hex().to_string())
    }

    fn text(&self) -> Result<String, BackupError> {
        match serde_json::to_string_pretty(self) {
            Ok(text) => Ok(text + "\n"),
            Err(error) => refused(format!("{NAME} cannot be written: {error}")),
        }
    }
}

/// Whether a file of a backup may have this path: nothing that leads elsewhere, and nothing that would lie where something else does.
pub(super) fn check_path(path: &str) -> Result<(), BackupError> {
    let parts: Vec<&str> = path.split('/').collect();
    let is_plain = |part: &&str| {
        !part.is_empty()
            && *part != "."
            && *part != ".."
            && !part.contains(|c: char| c.is_control() || c == '\\')
    };
    let fits = path.len() <= PATH_BYTES_MAX && parts.len() <= PATH_PARTS_MAX;
    let is_known = match parts[..] {
        [ACCOUNTS] => true,
        [LOG, name] => name != "LOCK" && !name.starts_with("journal-"),
        [LOG, "tags", _] => true,
        [CONFIG, name] => CONFIG_FILES.contains(&name),
        [DATA, first, ..] => is_other(first),
        _ => false,
    };
    if fits && parts.iter().all(is_plain) && is_known {
        return Ok(());
    }
    let shown: String = path.chars().take(PATH_BYTES_MAX).collect();
    refused(format!(
        "a backup has no file \"{}\"; this is none, or somebody has changed it",
        shown.escape_debug()
    ))
}

/// The files of a configuration.
pub(crate) const CONFIG_FILES: [&str; 2] = ["default.toml", "local.toml"];

/// Whether something in the data folder is neither log nor accounts, nor made anew by each server.
pub(super) fn is_other(name: &str) -> bool {
    name != LOG && !name.starts_with(ACCOUNTS) && !name.ends_with(".sock") && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let file = |path: &str| FileEntry {
            path: path.to_owned(),
            bytes: 7,
            blake3: "00".repeat(32),
        };
        let files = vec![
            file("log/ids"),
            file("accounts.db"),
            file("data/certs/server.key"),
        ];
        Manifest::new("1.5".to_owned(), (3, 2, "ab".repeat(32)), files)
    }

    #[test]
    fn what_is_written_is_read() {
        let text = manifest().to_text().unwrap();
        let read = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!((read.newest_id, read.files.len(), read.bytes()), (3, 3, 21));
        assert_eq!(read.to_text().unwrap(), text);
    }

    #[test]
    fn any_change_is_noticed() {
        let text = manifest().to_text().unwrap().into_bytes();
        for at in 0..text.len() {
            let mut changed = text.clone();
            changed[at] ^= 1;
            // Space that means nothing may change.
            let is_space = text[at].is_ascii_whitespace() || changed[at].is_ascii_whitespace();
            assert!(is_space || Manifest::parse(&changed).is_err(), "{at}");
            assert!(
                at == text.len() - 1 || Manifest::parse(&text[..at]).is_err(),
                "{at}"
            );
        }
    }

    #[test]
    fn paths_lead_nowhere_else() {
        for good in [
            "accounts.db",
            "log/00000000000000000001.log",
            "log/tags/key",
            "config/local.toml",
            "data/certs/server.key",
            "data/note of mine",
        ] {
            assert!(check_path(good).is_ok(), "{good}");
        }
        let long = format!("data/{}", "x".repeat(300));
        for bad in [
            "",
            "/etc/passwd",
            "..",
            "log/..",
            "log/../../x",
            "data/../log/x",
            "data/./x",
            "data//x",
            "data",
            "data/",
            "data/log",
            "data/log/00000000000000000001.log",
            "data/accounts.db",
            "data/accounts.db-wal",
            "data/control.sock",
            "data/.hidden",
            "log",
            "log/LOCK",
            "log/journal-0",
            "log/quarantine/notes",
            "config/x.toml",
            "other/x",
            "data/a\nb",
            "data/a\\b",
            "data/a/b/c/d/e/f",
            "manifest.json",
            &long,
        ] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn twice_the_same_and_impossible_sizes_are_refused() {
        let mut twice = manifest();
        twice.files.push(twice.files[0].clone());
        assert!(Manifest::parse(twice.to_text().unwrap().as_bytes()).is_err());
        let mut huge = manifest();
        huge.files[0].bytes = u64::MAX;
        assert!(Manifest::parse(huge.to_text().unwrap().as_bytes()).is_err());
    }
}
