//! The data folder: there, private, writable, roomy; and the log in it.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::edge::wire::timestamp::Timestamp;
use crate::ops::config::Config;
use crate::ops::{boot, sys};
use crate::store::log::LogReader;
use crate::store::log::inspect::{self, Holder};

/// Below this a server should not be started.
const FREE_BYTES_FAIL: u64 = 64 << 20;
/// Below this somebody should make room.
const FREE_BYTES_WARN: u64 = 1 << 30;
/// Only its owner may look into the data folder.
const OTHERS: u32 = 0o077;

/// The folder itself.
pub(super) fn folder(path: &Path) -> Finding {
    const NAME: &str = "data folder";
    let shown = path.display();
    let elsewhere = "set server.data_dir to a folder of the server's user";
    let data = match fs::metadata(path) {
        Ok(data) => data,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let above = existing(path);
            return match try_writing(&above) {
                Ok(()) => Finding::ok(NAME, format!("{shown} is made by the first start")),
                Err(error) => Finding::fail(
                    NAME,
                    format!("{shown} cannot be made in {}: {error}", above.display()),
                    elsewhere,
                ),
            };
        }
        Err(error) => return Finding::fail(NAME, format!("{shown}: {error}"), elsewhere),
    };
    if !data.is_dir() {
        return Finding::fail(NAME, format!("{shown} is not a folder"), elsewhere);
    }
    if let Err(error) = try_writing(path) {
        return Finding::fail(
            NAME,
            format!("{shown} cannot be written to: {error}"),
            elsewhere,
        );
    }
    let mode = data.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Finding::warn(
            NAME,
            format!("{shown} has mode {mode:04o}: others of this machine can look into it"),
            format!("chmod 700 {shown}"),
        );
    }
    Finding::ok(NAME, format!("{shown}, writable, mode {mode:04o}"))
}

/// The next folder above that is there.
fn existing(path: &Path) -> PathBuf {
    path.ancestors()
        .find(|above| !above.as_os_str().is_empty() && above.exists())
        .unwrap_or(Path::new("."))
        .to_owned()
}

fn try_writing(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".gencomm-doctor-{}", std::process::id()));
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    fs::remove_file(&path)
}

/// Room on its disk.
pub(super) fn space(path: &Path) -> Finding {
    const NAME: &str = "free space";
    let folder = existing(path);
    let free = match sys::free_disk_bytes(&folder) {
        Ok(free) => free,
        Err(error) => {
            let found = format!("unknown for {}: {error}", folder.display());
            return Finding::warn(NAME, found, "look with df");
        }
    };
    rate_space(free, &folder)
}

pub(super) fn rate_space(free: u64, folder: &Path) -> Finding {
    const NAME: &str = "free space";
    let found = format!("{} MiB on the disk of {}", free >> 20, folder.display());
    let remedy = "make room, move server.data_dir to another disk, or set storage.retain_bytes or retain_age";
    if free < FREE_BYTES_FAIL {
        Finding::fail(NAME, found, remedy)
    } else if free < FREE_BYTES_WARN {
        Finding::warn(NAME, found, remedy)
    } else {
        Finding::ok(NAME, found)
    }
}

/// The log: whether it opens, how it ends, who writes it. Also the time of its newest record.
pub(super) fn log(config: &Config, holder: Option<Holder>) -> (Vec<Finding>, Option<Timestamp>) {
    const NAME: &str = "log";
    let folder = config.server.data_dir.join("log");
    if !inspect::exists(&folder) {
        let found = format!("none in {} yet; the first start makes it", folder.display());
        return (vec![Finding::ok(NAME, found)], None);
    }
    let silent = slog::Logger::root(slog::Discard, slog::o!());
    let options = boot::log_options(config, folder.clone());
    let (newest, time) = match inspect::open_as_left(&options, &silent) {
        Ok(opened) => {
            let newest = opened.reader.newest();
            let event = opened.reader.page(&inspect::newest_record());
            (
                newest,
                event
                    .ok()
                    .and_then(|page| page.events.last().map(|event| event.time)),
            )
        }
        Err(error) => {
            let remedy = "run `gencomm log verify`, or copy the folder back from a backup";
            return (vec![Finding::fail(NAME, error.to_string(), remedy)], None);
        }
    };
    let writer = holder.map_or("nobody writes it now".to_owned(), |holder| {
        format!("{holder} writes it")
    });
    let mut findings = vec![Finding::ok(
        NAME,
        format!("newest record {newest}; {writer}"),
    )];
    findings.push(journal(&folder, holder.is_some()));
    (findings, time)
}

fn journal(folder: &Path, server_runs: bool) -> Finding {
    const NAME: &str = "journal";
    let halves = match inspect::journal_state(folder) {
        Ok(halves) => halves,
        Err(error) => {
            let remedy = "the server's user has to be able to read it";
            return Finding::fail(NAME, error.to_string(), remedy);
        }
    };
    let damaged: usize = halves.iter().map(|half| half.damaged_bytes).sum();
    let torn: usize = halves.iter().map(|half| half.torn_bytes).sum();
    if damaged > 0 {
        return Finding::warn(
            NAME,
            format!("{damaged} bytes are damaged; whole groups stand behind them"),
            "look at the disk; run `gencomm log verify`. The next start keeps the damaged bytes in quarantine/",
        );
    }
    // Beside a running server it is the group that is being written.
    if torn > 0 && !server_runs {
        return Finding::warn(
            NAME,
            format!(
                "it ends in {torn} bytes of a write that a crash cut off; nobody was told of it"
            ),
            "nothing to do: the next start cuts it off and keeps a copy in quarantine/",
        );
    }
    let newest = halves.iter().max_by_key(|half| half.generation);
    let groups: usize = halves.iter().map(|half| half.groups).sum();
    let turn = newest.map_or(0, |half| half.generation);
    Finding::ok(NAME, format!("{groups} groups, generation {turn}, whole"))
}
