//! The file system.

use std::fs::{self, DirBuilder, OpenOptions, TryLockError};
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{Advice, fadvise};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::{AtOnce, Disk, DiskFile, File, Open};

/// Only the server's own user reads what people wrote.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(how != Open::Read)
            .create(matches!(how, Open::Create | Open::Empty))
            .create_new(how == Open::New)
            .truncate(how == Open::Empty)
            .mode(FILE_MODE)
            .open(path)
            .map(File::Real)
    }

    fn open_folder(&self, path: &Path) -> io::Result<File> {
        fs::File::open(path).map(File::Real)
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(FOLDER_MODE).create(path)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(folder)?;
        let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
}

impl DiskFile for fs::File {
    fn read_exact_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, bytes, at)
    }

    fn read_at_once(&self, bytes: &mut [u8], at: u64) -> AtOnce {
        let wanted = bytes.len();
        let mut slices = [IoSliceMut::new(bytes)];
        match preadv2(self, &mut slices, at, ReadWriteFlags::NOWAIT) {
            Ok(read) if read == wanted => AtOnce::Read,
            Ok(_) | Err(Errno::AGAIN) => AtOnce::HasToWait,
            Err(_) => AtOnce::CannotTell,
        }
    }

    fn will_read(&self, place: Range<u64>) {
        // Of no bytes it would mean everything behind.
        let bytes = NonZeroU64::new(place.end.saturating_sub(place.start));
        if bytes.is_some() {
            let _ = fadvise(self, place.start, bytes, Advice::WillNeed);
        }
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, at)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        Self::set_len(self, bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::sync_data(self)
    }

    fn sync_all(&self) -> io::Result<()> {
        Self::sync_all(self)
    }

    fn try_lock(&self) -> Result<(), TryLockError> {
        Self::try_lock(self)
    }

    fn try_lock_shared(&self) -> Result<(), TryLockError> {
        Self::try_lock_shared(self)
    }
}
