//! Overwriting removed content in the journal, where it is valid and where it is only left over from an earlier turn.

use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::super::super::LogError;
use super::super::files::refused;
use super::layout::{GROUP_HEADER_BYTES, blank_bytes, claimed_bytes, content_place};
use super::{Half, Journal};

static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

impl Journal {
    /// Overwrites salt and content of record `id` wherever the journal still has them. Durable after [`Journal::sync`].
    pub(in super::super) fn redact(&mut self, id: u64) -> Result<(), LogError> {
        for half in &mut self.halves {
            half.redact(id)?;
            half.wipe_stale(id)?;
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
    fn redact(&mut self, id: u64) -> Result<(), LogError> {
        let behind = self.groups.partition_point(|(first, _)| *first <= id);
        if behind == 0 || id > self.last_id {
            return Ok(());
        }
        let offset = self.groups[behind - 1].1;
        let mut head = [0; GROUP_HEADER_BYTES];
        self.read(&mut head, offset)?;
        let mut payload = vec![0; claimed_bytes(&head) - GROUP_HEADER_BYTES];
        let payload_at = offset + GROUP_HEADER_BYTES as u64;
        self.read(&mut payload, payload_at)?;
        let Some((at, content)) = content_place(&payload, id) else {
            return Ok(());
        };
        let blank = blank_bytes(content);
        if payload[at..at + blank.len()] == blank {
            return Ok(());
        }
        self.dirty = true;
        self.file
            .write_all_at(&blank, payload_at + at as u64)
            .map_err(refused("overwriting removed content in", &self.path))
    }

    /// A leftover may be cut off by a newer group at any byte, so it is not looked for: all leftovers go, once a turn at most,
    /// and only if they may hold `id`.
    fn wipe_stale(&mut self, id: u64) -> Result<(), LogError> {
        let (low, high) = self.stale_ids;
        if self.stale_to > self.end && (low..=high).contains(&id) {
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
