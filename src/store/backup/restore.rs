//! Puts a backup where a server will find it. In: a folder or a stream. Out: a data folder that was not there, whole or not at all.
//!
//! Everything is written beside the place, compared, made durable, and then given its name.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::store::log::embedded::copy as log_copy;
use crate::store::log::inspect;

use super::archive;
use super::check::{self, Checked};
use super::files::{Temporary, compare, copy, make_folder, sync, sync_all};
use super::manifest::{CONFIG, DATA, LOG, Manifest, NAME};
use super::{BackupError, failed, refused};

/// What the server may have told people after the backup was made is lost, but the ids of it are not given to anything else. So many are
/// left out: two days of 25,000 messages a second.
const IDS_AHEAD: u64 = 1 << 32;

/// Where a backup is.
pub(crate) enum Source<'a> {
    /// In this folder.
    Folder(&'a Path),
    /// In this stream.
    Stream(&'a mut dyn Read),
}

/// What was restored.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) checked: Checked,
    /// Files of the configuration that were written.
    pub(crate) config: Vec<PathBuf>,
}

/// Restores to the data folder `to`, which is not there or empty, and the configuration to `config_to`, if that is given.
pub(crate) fn restore(
    source: Source<'_>,
    to: &Path,
    config_to: Option<&Path>,
) -> Result<Restored, BackupError> {
    is_free(to)?;
    if let Some(folder) = config_to {
        config_is_free(folder)?;
    }
    let place = Place::of(to)?;
    let made = Temporary::beside(&place.beside, &place.name)?;
    let folder = made.path();
    let manifest = unpack(source, folder)?;
    let checked = check::contents(folder, manifest)?;
    let newest = checked.manifest.newest_id;
    log_copy::leave_ids_out(&folder.join(LOG), newest, IDS_AHEAD)?;
    let config = keep_config(folder, config_to)?;
    arrange(folder)?;
    sync_all(folder)?;
    place.take(made, to)?;
    Ok(Restored { checked, config })
}

/// Copies a backup into `folder`, an empty one, and compares each file with the manifest.
pub(crate) fn unpack(source: Source<'_>, folder: &Path) -> Result<Manifest, BackupError> {
    let from = match source {
        Source::Stream(input) => return archive::read(input, folder),
        Source::Folder(from) => from,
    };
    let manifest = check::read_manifest(from)?;
    archive::has_room(folder, manifest.bytes())?;
    for file in &manifest.files {
        let (from, to) = (from.join(&file.path), folder.join(&file.path));
        // A link would lead somewhere else.
        let found = fs::symlink_metadata(&from).map_err(failed("reading", &from))?;
        if !found.is_file() {
            return refused(format!("{} is no plain file", from.display()));
        }
        to.parent().map_or(Ok(()), make_folder)?;
        let opened = File::open(&from).map_err(failed("opening", &from))?;
        // One byte more than there may be shows that there is more.
        let mut opened = opened.take(file.bytes.saturating_add(1));
        compare(file, copy(&mut opened, &to)?)?;
    }
    Ok(manifest)
}

/// Refuses a data folder that holds something, and one that a server uses above all.
fn is_free(to: &Path) -> Result<(), BackupError> {
    let mut entries = match fs::read_dir(to) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("reading", to)(error)),
    };
    if let Some(holder) = inspect::holder(&to.join(LOG))? {
        return refused(format!(
            "a server uses {} ({holder}); stop it and move the folder away, or restore to another one with --to DIR",
            to.display()
        ));
    }
    let is_empty = entries.all(|entry| {
        entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(".restore-"))
    });
    if is_empty {
        return Ok(());
    }
    refused(format!(
        "{} is not empty; move it away first, or restore to another folder with --to DIR",
        to.display()
    ))
}

fn config_is_free(folder: &Path) -> Result<(), BackupError> {
    let taken = super::manifest::CONFIG_FILES.map(|name| folder.join(name));
    match taken.iter().find(|path| path.exists()) {
        None => Ok(()),
        Some(path) => refused(format!(
            "{} is there already; move it away first",
            path.display()
        )),
    }
}

fn keep_config(folder: &Path, config_to: Option<&Path>) -> Result<Vec<PathBuf>, BackupError> {
    let (from, mut written) = (folder.join(CONFIG), Vec::new());
    if let (Some(to), true) = (config_to, from.exists()) {
        make_folder(to)?;
        for entry in fs::read_dir(&from).map_err(failed("reading", &from))? {
            let entry = entry.map_err(failed("reading", &from))?;
            let path = to.join(entry.file_name());
            let mut file = File::open(entry.path()).map_err(failed("opening", &entry.path()))?;
            copy(&mut file, &path)?;
            written.push(path);
        }
        sync(to)?;
    }
    Ok(written)
}

/// From the form of a backup to that of a data folder.
fn arrange(folder: &Path) -> Result<(), BackupError> {
    let manifest = folder.join(NAME);
    match fs::remove_file(&manifest) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(failed("deleting", &manifest)(error));
        }
        _ => {}
    }
    let config = folder.join(CONFIG);
    if config.exists() {
        fs::remove_dir_all(&config).map_err(failed("deleting", &config))?;
    }
    let data = folder.join(DATA);
    if !data.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(&data).map_err(failed("reading", &data))? {
        let entry = entry.map_err(failed("reading", &data))?;
        let to = folder.join(entry.file_name());
        fs::rename(entry.path(), &to).map_err(failed("writing", &to))?;
    }
    fs::remove_dir(&data).map_err(failed("deleting", &data))
}

/// Where the work is done, so that the last step is a change of name.
struct Place {
    beside: PathBuf,
    name: String,
    /// The folder is a file system of its own, such as a container's volume: the work is done in it.
    is_mounted: bool,
}

impl Place {
    fn of(to: &Path) -> Result<Self, BackupError> {
        let absolute = std::path::absolute(to).map_err(failed("reading", to))?;
        let (Some(above), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return refused(format!("{} cannot be restored to", to.display()));
        };
        make_folder(above)?;
        let device = |path: &Path| fs::metadata(path).map(|data| data.dev());
        let is_mounted = match (device(&absolute), device(above)) {
            (Ok(inner), Ok(outer)) => inner != outer,
            _ => false,
        };
        Ok(match is_mounted {
            true => Self {
                beside: absolute,
                name: ".restore".to_owned(),
                is_mounted,
            },
            false => Self {
                beside: above.to_owned(),
                name: format!(".{}.restore", name.to_string_lossy()),
                is_mounted,
            },
        })
    }

    /// Gives what was made its name.
    fn take(&self, made: Temporary, to: &Path) -> Result<(), BackupError> {
        if !self.is_mounted {
            fs::rename(made.path(), to).map_err(failed("writing", to))?;
            made.keep();
            return sync(&self.beside);
        }
        let entries = fs::read_dir(made.path()).map_err(failed("reading", made.path()))?;
        for entry in entries {
            let entry = entry.map_err(failed("reading", made.path()))?;
            let path = to.join(entry.file_name());
            fs::rename(entry.path(), &path).map_err(failed("writing", &path))?;
        }
        sync(to)
    }
}
