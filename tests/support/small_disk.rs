//! A file system of a few megabytes that can be filled to its last byte and emptied again. Needs to be allowed to mount.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Mounted as long as it lives.
pub struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// A tmpfs of so many bytes.
    pub fn mount(bytes: u64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let size = format!("size={bytes}");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &size, "small"]);
        let mounted = command.arg(folder.path()).status().expect("mount");
        assert!(mounted.success(), "mount: {mounted}");
        Self { folder }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Fills it to the last byte; may be called again when somebody has freed a little.
    pub fn fill(&self) {
        let options = OpenOptions::new().create(true).append(true).clone();
        let mut file = options.open(self.ballast()).expect("the ballast");
        for bytes in [64 * 1024, 1024, 1] {
            let bytes = vec![b'.'; bytes];
            loop {
                match file.write(&bytes) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("the ballast: {error}"),
                }
            }
        }
    }

    /// Takes the ballast away.
    pub fn empty(&self) {
        fs::remove_file(self.ballast()).expect("the ballast");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            let _ = Command::new("umount").arg("-l").arg(self.path()).status();
        }
    }
}
