//! Going through one segment from its beginning: which of its groups are whole in chain, index and text.
//!
//! Behind the journal's first id nothing is known to be on the disk as it was written, so there everything is computed
//! again, and the first group that does not agree is where the segment ends. Before it, what does not agree is
//! damage: it is said and stays where it is.

use std::path::{Path, PathBuf};

use slog::{Logger, error};

use super::super::LogError;
use super::super::disk::{File, Folder};
use super::super::stored::chain_link;
use super::append::{Active, link_at};
use super::bytes::HEADER_BYTES;
use super::chain::{ChainHeader, LINK_BYTES, Link};
use super::files::{Files, Part, io_error, part_path};
use super::index::{ENTRY_BYTES, Entry, IndexHeader, entry_at};
use super::rooms::Postings;
use super::text::{Line, is_blank, stored};

/// Blocks read in one go.
const BLOCKS: u64 = 512;

/// Why a segment ends where nothing but the newest group's link is missing, as while it is being written.
pub(super) const EXCESS: &str = "records without a link in the chain";

/// What a segment was found to hold.
pub(super) struct Scanned {
    pub(super) files: Files,
    pub(super) chain: ChainHeader,
    pub(super) active: Active,
    pub(super) group: u64,
    pub(super) link: [u8; 32],
    pub(super) postings: Postings,
    /// Why the segment ends before its files do, if it does.
    pub(super) cut: Option<&'static str>,
}

/// Reads a file of equal blocks behind a header.
pub(super) struct Blocks {
    size: usize,
    pub(super) count: u32,
    pub(super) next: u32,
    first: u32,
    bytes: Vec<u8>,
}

impl Blocks {
    pub(super) fn new(length: u64, size: usize) -> Self {
        let count = length.saturating_sub(HEADER_BYTES as u64) / size as u64;
        Self {
            size,
            count: u32::try_from(count).unwrap_or(u32::MAX),
            next: 0,
            first: 0,
            bytes: Vec::new(),
        }
    }

    /// The next block, `None` at the end. It stays the next one until `next` is raised.
    pub(super) fn peek(&mut self, file: &File) -> std::io::Result<Option<&[u8]>> {
        if self.next >= self.count {
            return Ok(None);
        }
        let mut at = self.next.saturating_sub(self.first) as usize * self.size;
        if self.next < self.first || at >= self.bytes.len() {
            let size = self.size as u64;
            let blocks = BLOCKS.min(u64::from(self.count - self.next));
            self.bytes.resize((blocks * size) as usize, 0);
            let offset = HEADER_BYTES as u64 + u64::from(self.next) * size;
            file.read_exact_at(&mut self.bytes, offset)?;
            self.first = self.next;
            at = 0;
        }
        Ok(self.bytes.get(at..at + self.size))
    }
}

struct Scan<'a> {
    scanned: Scanned,
    index: Blocks,
    links: Blocks,
    text_bytes: u64,
    checked_from: u64,
    folder: &'a Folder,
    index_path: PathBuf,
    chain_path: PathBuf,
    log: &'a Logger,
}

/// The entries of one group; `None` where one is damaged.
type GroupEntries = Vec<Option<Entry>>;

/// Goes through the segment; `None` if a sidecar is missing or its header unusable, so that nothing of it can be read.
pub(super) fn scan(
    folder: &Folder,
    first_id: u64,
    checked_from: u64,
    write: bool,
    log: &Logger,
) -> Result<Option<Scanned>, LogError> {
    let files = match Files::open(folder, first_id, write) {
        Ok(files) => files,
        Err(LogError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let Some((index, chain)) = headers(folder, first_id, &files)? else {
        return Ok(None);
    };
    if index.first_id != first_id || chain.first_id != first_id {
        return Ok(None);
    }
    let length = |file: &File, part| {
        let path = part_path(folder, first_id, part);
        file.length().map_err(io_error("read", &path))
    };
    // The chain first: beside a running server, what it names is in the other two by then.
    let links = Blocks::new(length(&files.chain, Part::Chain)?, LINK_BYTES);
    let entries = Blocks::new(length(&files.index, Part::Index)?, ENTRY_BYTES);
    let mut scan = Scan {
        index: entries,
        links,
        text_bytes: length(&files.text, Part::Text)?,
        scanned: Scanned {
            active: Active::empty(first_id, index.time_max_before),
            group: chain.group_before,
            link: chain.link_before,
            postings: Postings::new(),
            cut: None,
            chain,
            files,
        },
        checked_from,
        folder,
        index_path: part_path(folder, first_id, Part::Index),
        chain_path: part_path(folder, first_id, Part::Chain),
        log,
    };
    scan.run()?;
    Ok(Some(scan.scanned))
}

fn headers(
    folder: &Folder,
    first_id: u64,
    files: &Files,
) -> Result<Option<(IndexHeader, ChainHeader)>, LogError> {
    let read = |file, part| read_header(file, &part_path(folder, first_id, part));
    let (index, chain) = (
        read(&files.index, Part::Index)?,
        read(&files.chain, Part::Chain)?,
    );
    let index = index.as_ref().and_then(IndexHeader::decode);
    let chain = chain.as_ref().and_then(ChainHeader::decode);
    Ok(index.zip(chain))
}

/// The header of a sidecar; `None` if the file is too short for one. A disk that does not read is no reason to think so.
pub(super) fn read_header(
    file: &File,
    path: &Path,
) -> Result<Option<[u8; HEADER_BYTES]>, LogError> {
    let mut head = [0; HEADER_BYTES];
    match file.read_exact_at(&mut head, 0) {
        Ok(()) => Ok(Some(head)),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(io_error("read", path)(error)),
    }
}

impl Scan<'_> {
    fn run(&mut self) -> Result<(), LogError> {
        let mut lost_links = false;
        let why = loop {
            let block = self
                .links
                .peek(&self.scanned.files.chain)
                .map_err(|e| io_error("read", &self.chain_path)(e))?;
            let Some(block) = block else {
                break lost_links.then_some("the last link of the chain is not whole");
            };
            let link = Link::decode(block).filter(|link| {
                link.group > self.scanned.group && link.last_id > self.scanned.active.last_id
            });
            self.links.next += 1;
            let Some(link) = link else {
                if self.unchecked() {
                    break Some("a link of the chain is not whole");
                }
                lost_links = true;
                continue;
            };
            let before = self.index.next;
            let entries = self.group(&link, lost_links)?;
            let last = entries.last().copied().flatten();
            if !lost_links
                && link.last_id < self.checked_from
                && last.is_some_and(|last| last.id != link.last_id)
            {
                // A link that is whole, but not in its place: these entries are another one's.
                self.index.next = before;
                lost_links = true;
                continue;
            }
            match self.disagreement(&link, &entries, lost_links)? {
                None => {}
                Some(why) if link.last_id >= self.checked_from || !self.can_go_on(&entries) => {
                    break Some(why);
                }
                Some(why) => error!(self.log, "damage in a segment";
                    "segment" => self.scanned.active.first_id, "group" => link.group, "why" => why),
            }
            lost_links = false;
            self.accept(&link, &entries);
        };
        self.scanned.cut = why.or_else(|| self.excess());
        Ok(())
    }

    /// Whether what comes next is in the part that may not have reached the disk.
    fn unchecked(&self) -> bool {
        self.scanned.active.last_id + 1 >= self.checked_from
    }

    /// The entries of a link, from where the last group ended.
    fn group(&mut self, link: &Link, lost_links: bool) -> Result<GroupEntries, LogError> {
        let mut entries = GroupEntries::new();
        while lost_links || entries.len() < link.count as usize {
            let block = self
                .index
                .peek(&self.scanned.files.index)
                .map_err(|e| io_error("read", &self.index_path)(e))?;
            let Some(block) = block else { break };
            let entry = Entry::read(block);
            if entry.is_some_and(|entry| entry.id > link.last_id) {
                break;
            }
            self.index.next += 1;
            entries.push(entry);
            if entry.is_some_and(|entry| entry.id == link.last_id) {
                break;
            }
        }
        Ok(entries)
    }

    /// In what the group is not as it was written, if in anything.
    fn disagreement(
        &self,
        link: &Link,
        entries: &GroupEntries,
        lost_links: bool,
    ) -> Result<Option<&'static str>, LogError> {
        let Some(entries) = entries.iter().copied().collect::<Option<Vec<Entry>>>() else {
            return Ok(Some("an index entry is not whole"));
        };
        let active = &self.scanned.active;
        let (mut id, mut end) = (active.last_id, active.text_bytes);
        for entry in &entries {
            if entry.id <= id || u64::from(entry.offset) != end {
                return Ok(Some("an index entry does not follow on the one before"));
            }
            (id, end) = (entry.id, entry.end());
        }
        if id != link.last_id || (!lost_links && entries.len() != link.count as usize) {
            return Ok(Some("the index ends before the chain"));
        }
        if end > self.text_bytes {
            return Ok(Some("the text ends before the index"));
        }
        if link.last_id < self.checked_from {
            return Ok(None);
        }
        if !self.text_agrees(&entries)? {
            return Ok(Some("a line is not the one that was indexed"));
        }
        let hashes = entries.iter().map(|entry| entry.hash);
        if chain_link(&self.scanned.link, link.group, hashes) != link.link {
            return Ok(Some("the chain does not fit the records"));
        }
        Ok(None)
    }

    fn text_agrees(&self, entries: &[Entry]) -> Result<bool, LogError> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return Ok(true);
        };
        let begin = u64::from(first.offset);
        let mut bytes = vec![0; (last.end() - begin) as usize];
        self.scanned
            .files
            .text
            .read_exact_at(&mut bytes, begin)
            .map_err(|e| io_error("read", &self.path(Part::Text))(e))?;
        let mut rest = &bytes[..];
        Ok(entries.iter().all(|entry| {
            let (line, behind) = rest.split_at(entry.line_bytes as usize);
            rest = behind;
            let Ok(parsed) = Line::parse(line, entry) else {
                return false;
            };
            // Content all overwritten under an entry without the flag: the power went in the middle of a removal, which the
            // journal has and repeats. And the line of a removal does not keep who removed, which its hash may cover.
            let hash_says = entry.is_message() && !is_blank(parsed.content);
            Line::time_agrees(line, entry)
                && stored(&parsed, entry).is_ok_and(|record| !hash_says || record.is_whole())
        }))
    }

    /// Whether a damaged group still shows where the next one begins.
    fn can_go_on(&self, entries: &GroupEntries) -> bool {
        let end = entries.iter().flatten().map(Entry::end).max();
        !entries.is_empty() && end.is_none_or(|end| end <= self.text_bytes)
    }

    fn accept(&mut self, link: &Link, entries: &GroupEntries) {
        let Scanned {
            active, postings, ..
        } = &mut self.scanned;
        for entry in entries {
            if let Some(entry) = entry {
                postings
                    .entry(entry.room_hash)
                    .or_default()
                    .push(active.count);
                if active.first_time == 0 {
                    active.first_time = entry.time;
                }
                active.messages += u32::from(entry.is_message());
                active.time_max = active.time_max.max(entry.time_max);
                active.text_bytes = active.text_bytes.max(entry.end());
            }
            active.count += 1;
        }
        if matches!(entries.last(), Some(None)) {
            // Where a damaged last entry's line ends, nobody knows: all that there is belongs to it.
            active.text_bytes = self.text_bytes;
        }
        active.last_id = link.last_id;
        active.links = self.links.next;
        self.scanned.group = link.group;
        self.scanned.link = link.link;
    }

    fn excess(&self) -> Option<&'static str> {
        let active = &self.scanned.active;
        let over = self.text_bytes > active.text_bytes || self.index.count > active.count;
        over.then_some(EXCESS)
    }

    fn path(&self, part: Part) -> PathBuf {
        part_path(self.folder, self.scanned.active.first_id, part)
    }
}

/// Lengths that the files of a segment ought to have: text, index, chain.
pub(super) fn lengths(active: &Active) -> [u64; 3] {
    [
        active.text_bytes,
        entry_at(active.count),
        link_at(active.links),
    ]
}
