//! The operations on files that the log needs, and no more, behind a narrow interface. In: paths and bytes. Out: what the disk has.
//!
//! [`real`] is the file system. Tests have a second one in memory, which loses, tears and refuses what a disk may, by a seed. Each operation
//! costs what its system call costs: an open file is a value, not something allocated.

mod folder;
mod real;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod simulated;

use std::fmt::Debug;
use std::fs::TryLockError;
use std::io;
use std::ops::{Deref, Range};
use std::path::Path;

pub(crate) use folder::Folder;
pub(crate) use real::RealDisk;

/// How a file is opened. Whatever is created is its owner's alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    /// To read; it has to be there.
    Read,
    /// To read and write; it has to be there.
    Write,
    /// To read and write, as it is; made if it is not there.
    Create,
    /// To read and write, empty; made if it is not there.
    Empty,
    /// To read and write; it must not be there.
    New,
}

/// Names: what is where. Nothing of it is durable before the folder is synced.
pub(crate) trait Disk: Debug + Send + Sync {
    /// Opens a file.
    fn open(&self, path: &Path, how: Open) -> io::Result<File>;

    /// Opens a folder, which can only be synced: what was made, renamed and removed in it is durable then.
    fn open_folder(&self, path: &Path) -> io::Result<File>;

    /// Makes a folder and those above it, mode 0700; it may be there.
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// The names in a folder, in any order. One that is not UTF-8 is none of the log's, and is left out.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Gives a file another name, in place of what bears it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Whether there is anything of this name.
    fn exists(&self, path: &Path) -> bool;
}

/// What an open file can do. Nothing written is durable before a sync.
pub(crate) trait DiskFile: Debug + Send + Sync {
    /// Fills `bytes` from the place `at`; an error if there are not so many.
    fn read_exact_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()>;

    /// As `read_exact_at`, if it needs not wait for the disk.
    fn read_at_once(&self, _bytes: &mut [u8], _at: u64) -> AtOnce {
        AtOnce::CannotTell
    }

    /// Says what is going to be read. Advice that is not taken costs time alone.
    fn will_read(&self, _place: Range<u64>) {}

    /// Writes all of `bytes`. After an error any part of them may be there.
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Bytes in the file.
    fn length(&self) -> io::Result<u64>;

    /// Cuts the file off, or fills it up with zeros.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// Makes content and length durable.
    fn sync_data(&self) -> io::Result<()>;

    /// Makes everything about it durable, the names in a folder too.
    fn sync_all(&self) -> io::Result<()>;

    /// Locks it for this open file alone, until that is closed.
    fn try_lock(&self) -> Result<(), TryLockError>;

    /// Locks it together with others who do the same.
    fn try_lock_shared(&self) -> Result<(), TryLockError>;

    /// All that there is in it.
    fn read_all(&self) -> io::Result<Vec<u8>> {
        let bytes = usize::try_from(self.length()?).map_err(io::Error::other)?;
        let mut all = vec![0; bytes];
        self.read_exact_at(&mut all, 0)?;
        Ok(all)
    }
}

/// What became of a read that must not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtOnce {
    /// It is done.
    Read,
    /// It would have to wait.
    HasToWait,
    /// Whether it would have to wait cannot be known here.
    CannotTell,
}

/// An open file.
#[derive(Debug)]
pub(crate) enum File {
    /// Of the file system.
    Real(std::fs::File),
    /// Of a test.
    #[cfg(any(test, feature = "fuzzing"))]
    Simulated(simulated::SimulatedFile),
}

impl File {
    /// Another handle of the same open file.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Real(file) => file.try_clone().map(Self::Real),
            #[cfg(any(test, feature = "fuzzing"))]
            Self::Simulated(file) => Ok(Self::Simulated(file.again())),
        }
    }
}

impl Deref for File {
    type Target = dyn DiskFile;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Real(file) => file,
            #[cfg(any(test, feature = "fuzzing"))]
            Self::Simulated(file) => file,
        }
    }
}
