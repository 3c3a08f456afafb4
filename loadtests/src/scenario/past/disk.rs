//! The disk beside the programs: the same bytes read and written by nobody in particular, and the page cache emptied of them.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use super::model::mix;
use crate::sys;

const PIECE_BYTES: usize = 1 << 20;

/// The files in a folder, with their bytes in all.
pub(super) fn files(folder: &Path) -> Result<(Vec<PathBuf>, u64)> {
    let (mut files, mut bytes) = (Vec::new(), 0);
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let data = entry.metadata()?;
        if data.is_file() {
            files.push(entry.path());
            bytes += data.len();
        }
    }
    files.sort();
    Ok((files, bytes))
}

/// Takes the files out of the page cache; what is not on the disk yet is written first.
pub(super) fn forget(files: &[PathBuf]) -> Result<()> {
    for path in files {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        file.sync_data()?;
        sys::forget_pages(&file)?;
    }
    Ok(())
}

/// Reads the files from beginning to end; returns the seconds it took.
pub(super) fn read(files: &[PathBuf]) -> Result<f64> {
    let mut piece = vec![0; PIECE_BYTES];
    let began = Instant::now();
    for path in files {
        let mut file = File::open(path).with_context(|| path.display().to_string())?;
        while file.read(&mut piece)? > 0 {}
    }
    Ok(began.elapsed().as_secs_f64())
}

/// Writes `bytes` to one file and syncs it, which goes again; returns the seconds until all was on the disk.
pub(super) fn write(folder: &Path, bytes: u64) -> Result<f64> {
    let path = folder.join("written");
    let mut piece = vec![0u8; PIECE_BYTES];
    for (n, word) in piece.chunks_exact_mut(8).enumerate() {
        word.copy_from_slice(&mix(n as u64).to_le_bytes());
    }
    let began = Instant::now();
    let mut file = File::create(&path)?;
    let mut left = bytes;
    while left > 0 {
        let now = left.min(PIECE_BYTES as u64);
        file.write_all(&piece[..now as usize])?;
        left -= now;
    }
    file.sync_data()?;
    let seconds = began.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    Ok(seconds)
}
