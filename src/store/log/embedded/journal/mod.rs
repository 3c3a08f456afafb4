//! The commit point: two preallocated halves, written in turn. In: encoded groups. Owns `journal-0` and `journal-1`.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub(super) mod layout;
mod redact;
pub(super) mod scan;
pub(crate) mod state;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::super::LogError;
use super::super::disk::{File, Folder};
use super::super::segment::Expired;
use super::super::stored::Group;
use super::files::{open_file, refused, sync_failed};
use layout::{Encoder, FILE_HEADER_BYTES, FileHeader, GROUP_HEADER_BYTES, aligned};
use scan::HalfScan;

/// The least a journal may have: two halves with room for the header and a few groups.
pub(super) const JOURNAL_BYTES_MIN: u64 = 64 * 1024;
/// A group of a half's size has to fit into one text segment, whose offsets are 32 bits.
const HALF_BYTES_MAX: u64 = 1 << 30;

struct Half {
    file: File,
    path: PathBuf,
    file_bytes: u64,
    generation: u64,
    /// Where the next group goes.
    end: u64,
    /// First id and offset of every group.
    groups: Vec<(u64, u64)>,
    last_id: u64,
    /// Bytes of earlier turns may stand from `end` to here, ...
    stale_to: u64,
    /// ... and hold ids in this range (first, last).
    stale_ids: (u64, u64),
    /// See [`HalfScan::unbegun`].
    unbegun: Vec<(usize, u64)>,
    dirty: bool,
}

/// See the module.
pub(super) struct Journal {
    halves: [Half; 2],
    active: usize,
    half_bytes: u64,
    /// See [`FileHeader::settled`].
    settled: u64,
    /// Makes the next write or sync fail, for tests.
    #[cfg(test)]
    pub(super) fault: Option<Fault>,
}

/// A failure to come.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// So many bytes are written, then the write fails.
    ShortWrite(usize),
    Sync,
}

impl Journal {
    /// Opens both halves, creates what is missing, and reads what is there, the older half first.
    /// `expired` is what may be overwritten without a removal.
    pub(super) fn open(
        folder: &Folder,
        bytes: u64,
        expired: &Expired,
    ) -> Result<(Self, [HalfScan; 2]), LogError> {
        let half_bytes = (bytes.max(JOURNAL_BYTES_MIN) / 2).min(HALF_BYTES_MAX) / 4096 * 4096;
        let (first, mut first_scan) = Half::open(folder, "journal-0", half_bytes)?;
        let (second, mut second_scan) = Half::open(folder, "journal-1", half_bytes)?;
        let removed: HashSet<u64> = [&first_scan, &second_scan]
            .iter()
            .flat_map(|scan| scan.removals())
            .collect();
        for scan in [&mut first_scan, &mut second_scan] {
            scan.settle(|room, id| removed.contains(&id) || expired.holds(room, id));
        }
        let mut journal = Self {
            active: usize::from(second.generation > first.generation),
            halves: [first, second],
            half_bytes,
            settled: first_scan.settled().max(second_scan.settled()),
            #[cfg(test)]
            fault: None,
        };
        journal.halves[0].know(&first_scan);
        journal.halves[1].know(&second_scan);
        let scans = if journal.active == 1 {
            [first_scan, second_scan]
        } else {
            [second_scan, first_scan]
        };
        Ok((journal, scans))
    }

    /// Path of the older (0) or newer (1) half at opening.
    pub(super) fn path(&self, age: usize) -> &Path {
        &self.halves[if age == 1 {
            self.active
        } else {
            1 - self.active
        }]
        .path
    }

    /// The largest group that one half can hold, its header included.
    pub(super) fn group_bytes_max(&self) -> usize {
        self.half_bytes as usize - FILE_HEADER_BYTES
    }

    /// Ids up to this one must be synced elsewhere before a group of `bytes` can be written; 0 if none.
    pub(super) fn needs_synced(&self, bytes: usize) -> u64 {
        if self.fits(bytes) {
            0
        } else {
            self.halves[1 - self.active].last_id
        }
    }

    fn fits(&self, bytes: usize) -> bool {
        self.halves[self.active].end + aligned(bytes) as u64 <= self.half_bytes
    }

    /// Writes a group; starts the other half with it if it does not fit into this one. Returns whether it did.
    /// After an error the group is not there.
    pub(super) fn write(
        &mut self,
        encoder: &mut Encoder,
        group: &Group,
        link_before: [u8; 32],
    ) -> Result<bool, LogError> {
        let starts = !self.fits(encoder.group_bytes());
        let generation = self.halves[self.active].generation + u64::from(starts);
        let first_id = group.records.first().map_or(0, |record| record.event.id);
        let last_id = group.records.last().map_or(0, |record| record.event.id);
        if starts {
            self.settle(self.halves[1 - self.active].last_id);
        }
        let header = starts.then_some(FileHeader {
            generation,
            first_group: group.number,
            first_id,
            link: link_before,
            settled: self.settled,
        });
        let bytes = encoder.finish(generation, group, header.as_ref());
        let index = if starts { 1 - self.active } else { self.active };
        #[cfg(test)]
        let fault = self.fault.take_if(|fault| *fault != Fault::Sync);
        let half = &mut self.halves[index];
        if starts {
            half.restart(generation);
        }
        let at = if starts { 0 } else { half.end };
        #[cfg(test)]
        if let Some(Fault::ShortWrite(written)) = fault {
            let _ = half
                .file
                .write_all_at(&bytes[..written.min(bytes.len())], at);
            half.unwrite(bytes.len() as u64);
            return Err(refused("writing", &half.path)(
                std::io::ErrorKind::StorageFull.into(),
            ));
        }
        if let Err(error) = half.file.write_all_at(bytes, at) {
            half.unwrite(bytes.len() as u64);
            return Err(refused("writing", &half.path)(error));
        }
        half.groups.push((first_id, half.end));
        half.end = at + bytes.len() as u64;
        half.last_id = last_id;
        half.dirty = true;
        self.active = index;
        Ok(starts)
    }

    /// Writes the last bytes before the place of the next group again, as they are: no reader can tell, and the next sync has something to
    /// bring to the disk.
    pub(super) fn touch(&mut self) -> Result<(), LogError> {
        let half = &mut self.halves[self.active];
        let mut bytes = [0; 8];
        let at = half.end - bytes.len() as u64;
        half.file
            .read_exact_at(&mut bytes, at)
            .map_err(refused("reading", &half.path))?;
        half.file
            .write_all_at(&bytes, at)
            .map_err(refused("writing", &half.path))?;
        half.dirty = true;
        Ok(())
    }

    /// Makes everything written durable.
    pub(super) fn sync(&mut self) -> Result<(), LogError> {
        #[cfg(test)]
        if self.fault.take_if(|fault| *fault == Fault::Sync).is_some() {
            let path = &self.halves[self.active].path;
            return Err(sync_failed(path)(std::io::Error::other("test")));
        }
        for half in self.halves.iter_mut().filter(|half| half.dirty) {
            half.file.sync_data().map_err(sync_failed(&half.path))?;
            half.dirty = false;
        }
        Ok(())
    }

    /// Begins anew after recovery: all that the halves hold is synced elsewhere. Halves of another size are made again; the
    /// newest group's half is left as it is, but no start compares segments up to the id `settled` again.
    pub(super) fn begin(
        &mut self,
        first_group: u64,
        first_id: u64,
        link: [u8; 32],
        settled: u64,
    ) -> Result<(), LogError> {
        self.settle(settled);
        // No group that lies in a half may count as of a turn to come: not by the number of this one, ...
        let generation = self.halves.iter().map(Half::newest_turn).max().unwrap_or(0) + 1;
        // ... and not where a later header is torn, so that the groups tell the turn.
        if self.halves.iter().any(|half| !half.unbegun.is_empty()) {
            for half in &mut self.halves {
                half.forget_unbegun()?;
            }
            self.sync()?;
        }
        for half in &mut self.halves {
            if half.file_bytes != self.half_bytes {
                half.make(self.half_bytes)?;
            }
        }
        if !self.halves[self.active].groups.is_empty() {
            self.active = 1 - self.active;
        }
        self.settle(self.halves[self.active].last_id);
        let half = &mut self.halves[self.active];
        half.restart(generation);
        let mut bytes = vec![0; FILE_HEADER_BYTES];
        FileHeader {
            generation,
            first_group,
            first_id,
            link,
            settled: self.settled,
        }
        .write_to(&mut bytes);
        half.file
            .write_all_at(&bytes, 0)
            .map_err(refused("writing", &half.path))?;
        half.dirty = true;
        self.sync()
    }

    /// Every half that is begun from now on says that all up to this id is synced elsewhere.
    fn settle(&mut self, id: u64) {
        self.settled = self.settled.max(id);
    }
}

/// Whether all bytes are zero; by pieces, since a half has many and each byte alone would be a question.
fn is_zero(bytes: &[u8]) -> bool {
    let mut pieces = bytes.chunks(4096);
    pieces.all(|piece| piece.iter().fold(0, |all, byte| all | byte) == 0)
}

impl Half {
    fn open(folder: &Folder, name: &str, half_bytes: u64) -> Result<(Self, HalfScan), LogError> {
        let path = folder.join(name);
        let mut half = Self {
            file: open_file(folder, &path)?,
            path,
            file_bytes: 0,
            generation: 0,
            end: FILE_HEADER_BYTES as u64,
            groups: Vec::new(),
            last_id: 0,
            stale_to: 0,
            stale_ids: (u64::MAX, 0),
            unbegun: Vec::new(),
            // What is read may be what a killed process wrote and did not sync.
            dirty: true,
        };
        let bytes = half.file.read_all();
        let bytes = bytes.map_err(refused("reading", &half.path))?;
        half.file_bytes = bytes.len() as u64;
        if bytes.is_empty() {
            half.make(half_bytes)?;
            return Ok((half, HalfScan::default()));
        }
        let scan = HalfScan::read(bytes.into());
        half.generation = scan.generation;
        Ok((half, scan))
    }

    /// Fills the whole half with zeros, so that no later write has to change metadata.
    fn make(&mut self, bytes: u64) -> Result<(), LogError> {
        self.file
            .set_len(0)
            .map_err(refused("preallocating", &self.path))?;
        self.zero(0..bytes)?;
        self.file.sync_all().map_err(sync_failed(&self.path))?;
        self.file_bytes = bytes;
        self.end = FILE_HEADER_BYTES as u64;
        self.groups.clear();
        self.last_id = 0;
        (self.stale_to, self.stale_ids) = (0, (u64::MAX, 0));
        Ok(())
    }

    fn know(&mut self, scan: &HalfScan) {
        self.end = scan.end() as u64;
        let places = scan.groups.iter();
        self.groups = places
            .map(|group| (group.first_id, group.offset as u64))
            .collect();
        self.last_id = scan.groups.last().map_or(0, |group| group.last_id);
        self.unbegun.clone_from(&scan.unbegun);
        let tail = scan.bytes.get(scan.end()..).unwrap_or_default();
        if !is_zero(tail) {
            self.stale_everywhere();
        }
    }

    fn restart(&mut self, generation: u64) {
        if let Some((first, _)) = self.groups.first() {
            let (low, high) = self.stale_ids;
            self.stale_ids = (low.min(*first), high.max(self.last_id));
        }
        self.stale_to = self.stale_to.max(self.end);
        self.generation = generation;
        self.end = FILE_HEADER_BYTES as u64;
        self.groups.clear();
        self.last_id = 0;
    }

    /// The highest generation of which anything whole lies here.
    fn newest_turn(&self) -> u64 {
        let unbegun = self.unbegun.iter().map(|(_, generation)| *generation);
        unbegun.max().unwrap_or(0).max(self.generation)
    }

    /// Takes the headers from whole groups of turns that never were. What they hold stays a leftover, as it was.
    fn forget_unbegun(&mut self) -> Result<(), LogError> {
        for (at, _) in std::mem::take(&mut self.unbegun) {
            let at = at as u64;
            self.zero(at..at + GROUP_HEADER_BYTES as u64)?;
        }
        Ok(())
    }

    /// After a failed write of `bytes`: whatever arrived of it must not be read as a group.
    fn unwrite(&mut self, bytes: u64) {
        let _ = self.file.write_all_at(&[0; GROUP_HEADER_BYTES], self.end);
        self.stale_to = self.stale_to.max(self.end + bytes).min(self.file_bytes);
        self.stale_ids = (0, u64::MAX);
        self.dirty = true;
    }

    fn stale_everywhere(&mut self) {
        self.stale_to = self.file_bytes;
        self.stale_ids = (0, u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::is_zero;

    #[test]
    fn every_byte_counts_that_is_not_zero() {
        assert!(is_zero(&[]) && is_zero(&[0; 9000]));
        for at in [0, 1, 4095, 4096, 8191, 8192, 8999] {
            let mut bytes = [0; 9000];
            bytes[at] = 1;
            assert!(!is_zero(&bytes), "at {at}");
        }
    }
}
