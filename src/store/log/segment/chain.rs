//! The `.chain` sidecar: a header and one link of 64 bytes per committed group.

use super::bytes::{HEADER_BYTES, array, header, is_header, put, u32_at, u64_at};

const MAGIC: &[u8; 8] = b"GCCHAN01";
/// Bytes of a link.
pub(super) const LINK_BYTES: usize = 64;
const CRC_AT: usize = 20;

/// What the chain header says: where the chain stood before this segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChainHeader {
    pub(super) first_id: u64,
    pub(super) group_before: u64,
    pub(super) link_before: [u8; 32],
}

impl ChainHeader {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        header(
            MAGIC,
            &[
                &self.first_id.to_le_bytes(),
                &self.group_before.to_le_bytes(),
                &self.link_before,
            ],
        )
    }

    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        is_header(MAGIC, bytes).then(|| Self {
            first_id: u64_at(bytes, 16),
            group_before: u64_at(bytes, 24),
            link_before: array(bytes, 32),
        })
    }
}

/// One committed group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) group: u64,
    pub(super) last_id: u64,
    pub(super) count: u32,
    pub(super) link: [u8; 32],
}

impl Link {
    pub(super) fn encode(&self) -> [u8; LINK_BYTES] {
        let mut out = [0; LINK_BYTES];
        put(&mut out, 0, &self.group.to_le_bytes());
        put(&mut out, 8, &self.last_id.to_le_bytes());
        put(&mut out, 16, &self.count.to_le_bytes());
        put(&mut out, 24, &self.link);
        let crc = crc32fast::hash(&out);
        put(&mut out, CRC_AT, &crc.to_le_bytes());
        out
    }

    /// `None` if the crc does not fit. `bytes` holds exactly one link.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut copy: [u8; LINK_BYTES] = bytes.try_into().ok()?;
        put(&mut copy, CRC_AT, &[0; 4]);
        if crc32fast::hash(&copy) != u32_at(bytes, CRC_AT) {
            return None;
        }
        Some(Self {
            group: u64_at(bytes, 0),
            last_id: u64_at(bytes, 8),
            count: u32_at(bytes, 16),
            link: array(bytes, 24),
        })
    }
}
