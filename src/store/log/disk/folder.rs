//! A folder of the log: a path, and the disk that it is a path of.

use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Disk, File, Open, RealDisk};

/// See the module. It stands for its path wherever only that is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl Folder {
    /// A folder on `disk`.
    pub(crate) fn new(disk: Arc<dyn Disk>, path: PathBuf) -> Self {
        Self { disk, path }
    }

    /// A folder of the file system.
    pub(crate) fn real(path: &Path) -> Self {
        Self::new(Arc::new(RealDisk), path.to_owned())
    }

    /// A folder in this one.
    pub(crate) fn inner(&self, name: &str) -> Self {
        Self::new(Arc::clone(&self.disk), self.path.join(name))
    }

    /// What it is on.
    pub(crate) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// All that is in the file at `path`.
    pub(crate) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.open(path, Open::Read)?.read_all()
    }

    /// Opens the file at `path`.
    pub(crate) fn open(&self, path: &Path, how: Open) -> io::Result<File> {
        self.disk.open(path, how)
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}
