//! Overwriting removed content in the journal, where it is valid and where it is only left over from an earlier turn.

use std::ops::Range;

use super::super::super::LogError;
use super::super::files::refused;
use super::layout::{GROUP_HEADER_BYTES, blank_bytes, claimed_bytes, content_places};
use super::{Half, Journal};

static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

impl Journal {
    /// As [`Journal::redact_all`], of one record.
    pub(in super::super) fn redact(&mut self, id: u64) -> Result<(), LogError> {
        self.redact_all(&[id])
    }

    /// Overwrites salt and content of these records (rising ids) wherever the journal still has them. Durable after
    /// [`Journal::sync`].
    pub(in super::super) fn redact_all(&mut self, ids: &[u64]) -> Result<(), LogError> {
        for half in &mut self.halves {
            half.redact(ids)?;
            half.wipe_stale(ids)?;
        }
        Ok(())
    }

    /// Fills a stretch that recovery cut out of the older (0) or newer (1) half.
    pub(in super::super) fn wipe(
        &mut self,
        age: usize,
        range: Range<usize>,
    ) -> Result<(), LogError> {
        let index = if age == 1 {
            self.active
        } else {
            1 - self.active
        };
        self.halves[index].zero(range.start as u64..range.end as u64)
    }
}

impl Half {
    /// Every group is read once.
    fn redact(&mut self, ids: &[u64]) -> Result<(), LogError> {
        let mut rest = ids;
        while let Some(id) = rest.first() {
            let behind = self.groups.partition_point(|(first, _)| *first <= *id);
            let next = self
                .groups
                .get(behind)
                .map_or(u64::MAX, |(first, _)| *first);
            let here = rest.partition_point(|id| *id < next).max(1);
            let (ids, later) = rest.split_at(here);
            rest = later;
            if behind > 0 && *id <= self.last_id {
                self.redact_in(self.groups[behind - 1].1, ids)?;
            }
        }
        Ok(())
    }

    fn redact_in(&mut self, offset: u64, ids: &[u64]) -> Result<(), LogError> {
        let mut head = [0; GROUP_HEADER_BYTES];
        self.read(&mut head, offset)?;
        let mut payload = vec![0; claimed_bytes(&head) - GROUP_HEADER_BYTES];
        let payload_at = offset + GROUP_HEADER_BYTES as u64;
        self.read(&mut payload, payload_at)?;
        for (id, place) in content_places(&payload) {
            if ids.binary_search(&id).is_err() {
                continue;
            }
            // Though it may read as overwritten: after a failed sync that says nothing of the disk.
            let blank = blank_bytes(place.len());
            self.dirty = true;
            self.file
                .write_all_at(&blank, payload_at + place.start as u64)
                .map_err(refused("overwriting removed content in", &self.path))?;
        }
        Ok(())
    }

    /// A leftover may be cut off by a newer group at any byte, so it is not looked for: all leftovers go, once a turn at most,
    /// and only if they may hold one of `ids`.
    fn wipe_stale(&mut self, ids: &[u64]) -> Result<(), LogError> {
        let (low, high) = self.stale_ids;
        if self.stale_to > self.end && ids.iter().any(|id| (low..=high).contains(id)) {
            self.zero(self.end..self.stale_to)?;
            (self.stale_to, self.stale_ids) = (0, (u64::MAX, 0));
        }
        Ok(())
    }

    pub(super) fn zero(&mut self, range: Range<u64>) -> Result<(), LogError> {
        let mut at = range.start;
        while at < range.end {
            let bytes = (range.end - at).min(ZEROS.len() as u64);
            self.file
                .write_all_at(&ZEROS[..bytes as usize], at)
                .map_err(refused("filling", &self.path))?;
            at += bytes;
        }
        self.dirty = true;
        Ok(())
    }

    fn read(&self, bytes: &mut [u8], at: u64) -> Result<(), LogError> {
        self.file
            .read_exact_at(bytes, at)
            .map_err(refused("reading", &self.path))
    }
}
