//! What an audit found: how much was checked, which faults, and what else is worth knowing.

use std::path::{Path, PathBuf};

use super::head::Head;
use super::heads::Fate;

/// Faults kept in full; further ones are counted.
const FAULTS_KEPT_MAX: usize = 100;
/// Notes kept.
const NOTES_MAX: usize = 20;
/// Ranges of lost records kept; further ones are counted.
const LOST_RANGES_MAX: usize = 1000;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Check {
    /// Files, their headers, and how one segment follows on the other.
    Segments,
    /// Entries of the index.
    Entries,
    /// Entry and line agree.
    Lines,
    /// Content and hash agree.
    Hashes,
    /// Removed content is overwritten.
    Removals,
    /// A record names its room's record before it.
    RoomLinks,
    /// Groups follow from their records and the group before.
    Chain,
    /// The room postings of sealed segments.
    Postings,
    /// The table of rooms.
    RoomTable,
    /// The floors of retention.
    Floors,
    /// Both halves of the journal.
    Journal,
    /// The reserved ids.
    Ids,
    /// The send-once tags.
    Tags,
}

impl Check {
    /// All of them, in the order in which they are shown.
    pub(crate) const ALL: [Self; 13] = [
        Self::Segments,
        Self::Entries,
        Self::Lines,
        Self::Hashes,
        Self::Removals,
        Self::RoomLinks,
        Self::Chain,
        Self::Postings,
        Self::RoomTable,
        Self::Floors,
        Self::Journal,
        Self::Ids,
        Self::Tags,
    ];

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Segments => "segment files and headers",
            Self::Entries => "index entries",
            Self::Lines => "lines of text",
            Self::Hashes => "record hashes",
            Self::Removals => "removals carried out",
            Self::RoomLinks => "room links",
            Self::Chain => "chain links",
            Self::Postings => "room postings",
            Self::RoomTable => "room table",
            Self::Floors => "floors of retention",
            Self::Journal => "journal halves",
            Self::Ids => "reserved ids",
            Self::Tags => "send-once tags",
        }
    }

    /// Whether the file is made from others, so that nothing is lost with it.
    pub(crate) fn is_derived(self) -> bool {
        matches!(self, Self::Postings | Self::RoomTable)
    }
}

/// One place that is not as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    /// What was being compared.
    pub(crate) check: Check,
    /// In which file.
    pub(crate) file: PathBuf,
    /// Where in it, in bytes.
    pub(crate) offset: u64,
    /// The record, if one is meant.
    pub(crate) id: Option<u64>,
    /// What is wrong.
    pub(crate) what: String,
}

/// The result.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audit {
    /// Text segments.
    pub(crate) segments: u64,
    /// Index entries that are whole.
    pub(crate) records: u64,
    /// First and newest id; 0 in an empty log.
    pub(crate) ids: (u64, u64),
    /// Number of the newest group.
    pub(crate) group: u64,
    /// The chain's head.
    pub(crate) link: [u8; 32],
    /// The first faults, in the order of finding.
    pub(crate) faults: Vec<Fault>,
    /// How many there are.
    pub(crate) faults_count: u64,
    /// What is no fault.
    pub(crate) notes: Vec<String>,
    /// First and last ids of records that `gencomm log repair` has marked as lost.
    pub(crate) lost: Vec<(u64, u64)>,
    /// How many these are.
    pub(crate) lost_count: u64,
    /// Messages overwritten because they had expired in their room: no record of the chain says so.
    pub(crate) expired_count: u64,
    /// What became of the heads that were asked for, in their order.
    pub(crate) heads: Vec<(Head, Fate)>,
    pub(super) counts: [(u64, u64); Check::ALL.len()],
}

impl Audit {
    /// How often `check` was made, and how often it failed.
    pub(crate) fn count(&self, check: Check) -> (u64, u64) {
        self.counts[check as usize]
    }

    /// A record that is marked as lost; ids come rising.
    pub(super) fn lost(&mut self, id: u64) {
        self.lost_count += 1;
        let is_full = self.lost.len() >= LOST_RANGES_MAX;
        match self.lost.last_mut() {
            Some((_, to)) if *to + 1 == id => *to = id,
            _ if is_full => {}
            _ => self.lost.push((id, id)),
        }
    }

    pub(in super::super::super) fn checked(&mut self, check: Check) {
        self.counts[check as usize].0 += 1;
    }

    pub(in super::super::super) fn fault(
        &mut self,
        check: Check,
        file: &Path,
        offset: u64,
        id: Option<u64>,
        what: impl Into<String>,
    ) {
        self.counts[check as usize].1 += 1;
        self.faults_count += 1;
        if self.faults.len() < FAULTS_KEPT_MAX {
            self.faults.push(Fault {
                check,
                file: file.to_owned(),
                offset,
                id,
                what: what.into(),
            });
        }
    }

    pub(in super::super::super) fn note(&mut self, text: String) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(text);
        }
    }
}
