//! Reading several places of a file, one after the other. As long as they are in memory each costs one system call; once one is not, the
//! kernel is told of all the others, so that the disk looks for them at the same time and not one after the other.

use std::io;
use std::ops::Range;

use super::super::disk::{AtOnce, File};

/// Places of one file, in the order in which they are going to be read.
pub(super) struct Places<'a> {
    file: &'a File,
    ranges: Vec<Range<u64>>,
    next: usize,
    /// The kernel knows what is going to be read, or need not: a single place is looked for when it is read.
    told: bool,
}

impl<'a> Places<'a> {
    pub(super) fn new(file: &'a File, ranges: Vec<Range<u64>>) -> Self {
        Self {
            file,
            told: ranges.len() < 2,
            ranges,
            next: 0,
        }
    }

    /// The bytes of the next place; `None` behind the last one.
    pub(super) fn read_next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(place) = self.ranges.get(self.next).cloned() else {
            return Ok(None);
        };
        let mut bytes = vec![0; place.end.saturating_sub(place.start) as usize];
        if self.told || !self.is_read_at_once(place.start, &mut bytes) {
            self.file.read_exact_at(&mut bytes, place.start)?;
        }
        self.next += 1;
        Ok(Some(bytes))
    }

    /// Reads without waiting for the disk, if that is possible; else tells the kernel what is to come.
    fn is_read_at_once(&mut self, at: u64, bytes: &mut [u8]) -> bool {
        let read = self.file.read_at_once(bytes, at);
        if read == AtOnce::Read {
            return true;
        }
        self.told = true;
        // A file system that cannot say what is in memory is not told either. It would gain nothing where everything is.
        if read == AtOnce::HasToWait {
            for place in self.ranges.get(self.next..).unwrap_or_default() {
                self.file.will_read(place.clone());
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rustix::fs::{Advice, fadvise};

    use super::*;

    #[test]
    fn places_are_read_in_their_order_in_memory_and_from_the_disk() {
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
        file.write_all(&bytes).unwrap();
        file.sync_all().unwrap();
        let file = File::Real(file);
        let ranges = vec![
            400_000..400_100,
            0..4,
            799_990..800_000,
            5..5,
            100_000..180_000,
        ];
        for cold in [false, true] {
            if cold {
                let File::Real(file) = &file else {
                    unreachable!("it was just made");
                };
                fadvise(file, 0, None, Advice::DontNeed).unwrap();
            }
            let mut places = Places::new(&file, ranges.clone());
            for range in &ranges {
                let wanted = &bytes[range.start as usize..range.end as usize];
                assert_eq!(places.read_next().unwrap().unwrap(), wanted);
            }
            assert_eq!(places.read_next().unwrap(), None);
        }
        let mut beyond = Places::new(&file, vec![0..4, 799_999..800_001]);
        assert!(beyond.read_next().is_ok() && beyond.read_next().is_err());
    }
}
