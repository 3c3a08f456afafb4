//! Ids reserved ahead, so that the less durable modes never give an id twice even if the newest groups were lost.
//!
//! File `ids`: two slots of 32 bytes written in turn: magic `GCID`, crc u32 (of the slot with this field zero), counter,
//! `reserved` (no id from it on was given yet), `clean` (the next id after a clean stop, 0 while running).

use std::path::PathBuf;

use super::super::LogError;
use super::super::disk::{File, Folder};
use super::files::{open_file, refuse_beyond, refused, sync_failed, u32_at, u64_at};

const MAGIC: [u8; 4] = *b"GCID";
const SLOT_BYTES: usize = 32;
/// So many ids are reserved at a time.
pub(super) const AHEAD: u64 = 65_536;

/// The file and what it says.
pub(super) struct Ids {
    file: File,
    path: PathBuf,
    counter: u64,
    reserved: u64,
    clean: u64,
    /// The file has bytes, but no slot of it can be read.
    pub(super) damaged: bool,
}

impl Ids {
    pub(super) fn open(folder: &Folder) -> Result<Self, LogError> {
        let path = folder.join("ids");
        let file = open_file(folder, &path)?;
        let bytes = file.read_all().map_err(refused("reading", &path))?;
        let newest = bytes
            .chunks_exact(SLOT_BYTES)
            .filter(|slot| slot[..4] == MAGIC && u32_at(slot, 4) == checksum(slot))
            .max_by_key(|slot| u64_at(slot, 8));
        let field = |at| newest.map_or(0, |slot| u64_at(slot, at));
        refuse_beyond(&path, &[field(8), field(16), field(24)])?;
        Ok(Self {
            counter: field(8),
            reserved: field(16),
            clean: field(24),
            damaged: newest.is_none() && bytes.iter().any(|byte| *byte != 0),
            file,
            path,
        })
    }

    /// The lowest id that was certainly not given yet, as far as this file knows.
    pub(super) fn floor(&self) -> u64 {
        if self.clean > 0 {
            self.clean
        } else {
            self.reserved
        }
    }

    /// Whether ids below `next` may be given without reserving more.
    pub(super) fn covers(&self, next: u64) -> bool {
        self.clean == 0 && next <= self.reserved
    }

    /// Makes sure, durably, that no id below `reserved` is given again.
    pub(super) fn reserve(&mut self, reserved: u64) -> Result<(), LogError> {
        self.write(reserved, 0)
    }

    /// Marks a clean stop: the next id is `next`.
    pub(super) fn stop(&mut self, next: u64) -> Result<(), LogError> {
        self.write(next, next)
    }

    fn write(&mut self, reserved: u64, clean: u64) -> Result<(), LogError> {
        let mut slot = [0; SLOT_BYTES];
        slot[..4].copy_from_slice(&MAGIC);
        slot[8..16].copy_from_slice(&(self.counter + 1).to_le_bytes());
        slot[16..24].copy_from_slice(&reserved.to_le_bytes());
        slot[24..].copy_from_slice(&clean.to_le_bytes());
        let crc = checksum(&slot);
        slot[4..8].copy_from_slice(&crc.to_le_bytes());
        // In turn, so that a torn write spoils the older slot only.
        let at = (self.counter + 1) % 2 * SLOT_BYTES as u64;
        self.file
            .write_all_at(&slot, at)
            .map_err(refused("writing", &self.path))?;
        self.file.sync_all().map_err(sync_failed(&self.path))?;
        (self.counter, self.reserved, self.clean) = (self.counter + 1, reserved, clean);
        Ok(())
    }
}

/// Bytes of the file that mean something.
pub(super) const FILE_BYTES: usize = 2 * SLOT_BYTES;

/// Where in the bytes of the file something stands that is no slot, if anywhere.
pub(super) fn damaged_at(bytes: &[u8]) -> Option<usize> {
    let mut slots = bytes.chunks(SLOT_BYTES).take(2);
    let whole = |slot: &[u8]| {
        let unused = slot.iter().all(|byte| *byte == 0);
        unused
            || slot.len() == SLOT_BYTES && slot[..4] == MAGIC && u32_at(slot, 4) == checksum(slot)
    };
    slots.position(|slot| !whole(slot)).map(|n| n * SLOT_BYTES)
}

fn checksum(slot: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&slot[..4]);
    crc.update(&[0; 4]);
    crc.update(&slot[8..]);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_whole_slot_counts() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::real(place.path());
        let mut ids = Ids::open(&folder).unwrap();
        assert_eq!((ids.floor(), ids.damaged), (0, false));
        ids.reserve(100).unwrap();
        ids.reserve(200).unwrap();
        assert!(ids.covers(200) && !ids.covers(201));
        let path = folder.join("ids");
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(Ids::open(&folder).unwrap().floor(), 200);
        // Slot 0 holds the second write; torn, the first one counts again.
        for at in 0..SLOT_BYTES {
            let mut torn = whole.clone();
            torn[at] ^= 1;
            std::fs::write(&path, &torn).unwrap();
            assert_eq!(Ids::open(&folder).unwrap().floor(), 100);
        }
        std::fs::write(&path, [7; 64]).unwrap();
        assert!(Ids::open(&folder).unwrap().damaged);
    }

    #[test]
    fn what_no_log_reaches_is_refused_and_not_counted_on_from() {
        for (reserved, is_taken) in [(u64::MAX, false), (1 << 63, false), ((1 << 63) - 1, true)] {
            let place = tempfile::tempdir().unwrap();
            let folder = Folder::real(place.path());
            Ids::open(&folder).unwrap().reserve(reserved).unwrap();
            let opened = Ids::open(&folder);
            assert_eq!(opened.is_ok(), is_taken);
            if let Err(error) = opened {
                assert!(error.to_string().contains("ids: it counts up to"));
            }
        }
    }

    #[test]
    fn a_clean_stop_gives_back_what_was_reserved() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::real(place.path());
        let mut ids = Ids::open(&folder).unwrap();
        ids.reserve(70_000).unwrap();
        ids.stop(12).unwrap();
        let mut ids = Ids::open(&folder).unwrap();
        assert_eq!(ids.floor(), 12);
        assert!(!ids.covers(12));
        ids.reserve(90_000).unwrap();
        assert_eq!(Ids::open(&folder).unwrap().floor(), 90_000);
    }
}
