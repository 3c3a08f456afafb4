//! Small acts on files that making and restoring share: private ones, hashed while they are written, durable; folders that go if the work fails.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::manifest::FileEntry;
use super::{BackupError, failed, refused};

/// Bytes read in one go.
const BUFFER_BYTES: usize = 256 << 10;

/// A folder that is removed, with all that is in it, unless it is kept.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
    /// Whether the folder was there before, and stays, empty.
    was_there: bool,
    is_kept: bool,
}

impl Temporary {
    /// Makes the folder, its owner's alone. One that is there has to be empty.
    pub(crate) fn make(path: &Path) -> Result<Self, BackupError> {
        let was_there = match fs::read_dir(path) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return refused(format!(
                        "{} is not empty; name a folder that is not there yet",
                        path.display()
                    ));
                }
                true
            }
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(failed("reading", path)(error)),
        };
        let made = Self {
            path: path.to_owned(),
            was_there,
            is_kept: false,
        };
        if !was_there {
            make_folder(path)?;
        }
        Ok(made)
    }

    /// Makes a folder whose name is `name`, a dash and this process's id; what processes of this user that were killed have left under such
    /// names goes.
    pub(crate) fn beside(folder: &Path, name: &str) -> Result<Self, BackupError> {
        let entries = fs::read_dir(folder).map_err(failed("reading", folder))?;
        for entry in entries.flatten() {
            let found = entry.file_name();
            let pid = found
                .to_str()
                .and_then(|found| found.strip_prefix(name)?.strip_prefix('-'));
            let is_ours = entry.metadata().is_ok_and(|data| {
                data.is_dir() && data.uid() == rustix::process::geteuid().as_raw()
            });
            if is_ours && pid.and_then(|pid| pid.parse().ok()).is_some_and(is_over) {
                // If it cannot be, it only takes space.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let path = folder.join(format!("{name}-{}", std::process::id()));
        // It must not be there: where everybody may write, it would be somebody else's.
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(failed("creating", &path))?;
        Ok(Self {
            path,
            was_there: false,
            is_kept: false,
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// It stays.
    pub(crate) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        // What cannot be removed has no manifest, and is no backup.
        if !self.was_there {
            let _ = fs::remove_dir_all(&self.path);
            return;
        }
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let path = entry.path();
            let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
    }
}

/// Whether no process but this one has this id; in a container it may have had the same one before.
fn is_over(pid: u32) -> bool {
    pid == std::process::id() || !Path::new("/proc").join(pid.to_string()).exists()
}

/// Makes a folder and those above it, with mode 0700.
pub(super) fn make_folder(path: &Path) -> Result<(), BackupError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed("creating", path))
}

/// A file that was not there, with mode 0600.
pub(super) fn create(path: &Path) -> Result<File, BackupError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed("creating", path))
}

/// Writes all of `from` to `to`, a file that was not there: its length and BLAKE3. Durable.
pub(super) fn copy(from: &mut impl Read, to: &Path) -> Result<(u64, blake3::Hash), BackupError> {
    let mut file = create(to)?;
    let done = pump(from, &mut file, to)?;
    file.sync_all().map_err(failed("syncing", to))?;
    Ok(done)
}

/// Length and BLAKE3 of a file.
pub(super) fn measure(path: &Path) -> Result<(u64, blake3::Hash), BackupError> {
    let mut file = File::open(path).map_err(failed("opening", path))?;
    pump(&mut file, &mut std::io::sink(), path)
}

fn pump(
    from: &mut impl Read,
    to: &mut impl Write,
    name: &Path,
) -> Result<(u64, blake3::Hash), BackupError> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut bytes, mut hash) = (0, blake3::Hasher::new());
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok((bytes, hash.finalize())),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed("reading what is to be", name)(error)),
        };
        hash.update(&buffer[..read]);
        to.write_all(&buffer[..read])
            .map_err(failed("writing", name))?;
        bytes += read as u64;
    }
}

/// Refuses a file that is not the one the manifest names.
pub(super) fn compare(
    entry: &FileEntry,
    (bytes, hash): (u64, blake3::Hash),
) -> Result<(), BackupError> {
    if bytes != entry.bytes {
        return refused(format!(
            "{} has {bytes} bytes instead of {}; this backup is damaged",
            entry.path, entry.bytes
        ));
    }
    if *hash.to_hex() != *entry.blake3 {
        return refused(format!(
            "{} is not what it was: its BLAKE3 is another; this backup is damaged",
            entry.path
        ));
    }
    Ok(())
}

/// Every file below a folder, sorted, as paths from there with `/`. Nothing but files and folders may be there.
pub(super) fn list(folder: &Path) -> Result<Vec<String>, BackupError> {
    let (mut found, mut todo) = (Vec::new(), vec![String::new()]);
    while let Some(below) = todo.pop() {
        let path = folder.join(&below);
        for entry in fs::read_dir(&path).map_err(failed("reading", &path))? {
            let entry = entry.map_err(failed("reading", &path))?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return refused(format!(
                    "{} has a name that is no text",
                    entry.path().display()
                ));
            };
            let name = match below.is_empty() {
                true => name.to_owned(),
                false => format!("{below}/{name}"),
            };
            let kind = entry.file_type().map_err(failed("reading", &path))?;
            if kind.is_dir() {
                todo.push(name);
            } else if kind.is_file() {
                found.push(name);
            } else {
                return refused(format!(
                    "{} is neither a file nor a folder",
                    entry.path().display()
                ));
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Makes all files and names below a folder durable.
pub(super) fn sync_all(folder: &Path) -> Result<(), BackupError> {
    let mut todo = vec![folder.to_owned()];
    while let Some(path) = todo.pop() {
        for entry in fs::read_dir(&path).map_err(failed("reading", &path))? {
            let entry = entry.map_err(failed("reading", &path))?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                todo.push(entry.path());
            } else {
                sync(&entry.path())?;
            }
        }
        sync(&path)?;
    }
    Ok(())
}

/// Makes a file, or the names in a folder, durable.
pub(super) fn sync(path: &Path) -> Result<(), BackupError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(failed("syncing", path))
}
