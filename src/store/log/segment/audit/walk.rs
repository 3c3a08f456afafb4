//! One segment from its beginning to its end: headers, then group by group the entries, their lines and the link.

use std::path::{Path, PathBuf};

use super::super::super::LogError;
use super::super::super::disk::{File, Folder};
use super::super::super::stored::chain_link;
use super::super::bytes::HEADER_BYTES;
use super::super::chain::{ChainHeader, LINK_BYTES, Link};
use super::super::files::{Files, Part, io_error, part_path};
use super::super::index::{ENTRY_BYTES, IndexHeader, NO_HASH, entry_at};
use super::super::rooms::{Figures, Postings};
use super::super::scan::Blocks;
use super::super::shared::{RoomIndex, Segment};
use super::ahead::{Ahead, Looked, Source};
use super::{Audit, Carried, Check, Since, derived};

/// Entries between two reports of progress.
const PROGRESS_ENTRIES: u32 = 4096;

pub(super) struct Walk<'a> {
    pub(super) folder: &'a Folder,
    pub(super) first_id: u64,
    pub(super) files: &'a Files,
    pub(super) paths: [PathBuf; 3],
    pub(super) audit: &'a mut Audit,
    pub(super) carried: &'a mut Carried,
    pub(super) index: Ahead,
    pub(super) links: Blocks,
    pub(super) text_bytes: u64,
    /// Where the next line has to begin, if that is known.
    pub(super) text_end: Option<u64>,
    pub(super) postings: Postings,
    pub(super) figures: Figures,
    /// Entries that cannot be read.
    pub(super) lost: u32,
}

/// Checks the segment that begins with `first_id`; `last` says that it is the active one.
pub(super) fn segment(
    folder: &Folder,
    first_id: u64,
    last: bool,
    audit: &mut Audit,
    carried: &mut Carried,
    progress: impl FnMut(u64),
) -> Result<(), LogError> {
    audit.checked(Check::Segments);
    let paths =
        [Part::Text, Part::Index, Part::Chain].map(|part| part_path(folder, first_id, part));
    let files = match Files::open(folder, first_id, false) {
        Ok(files) => files,
        Err(LogError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            if carried.server_runs && !paths[0].exists() {
                audit.note(format!("segment {first_id} expired meanwhile"));
            } else {
                let missing = paths
                    .iter()
                    .find(|path| !path.exists())
                    .unwrap_or(&paths[0]);
                audit.fault(Check::Segments, missing, 0, None, "the file is missing");
            }
            carried.lose(first_id, u64::MAX);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    // The chain first: beside a running server, what it names is in the other two by then.
    let length = |file: &File, path: &Path| file.length().map_err(io_error("read", path));
    let links = Blocks::new(length(&files.chain, &paths[2])?, LINK_BYTES);
    let count = Blocks::new(length(&files.index, &paths[1])?, ENTRY_BYTES).count;
    let text_bytes = length(&files.text, &paths[0])?;
    let source = Source {
        files: &files,
        paths: &paths,
        text_bytes,
        count,
    };
    std::thread::scope(|scope| {
        let mut walk = Walk {
            folder,
            first_id,
            files: &files,
            paths: paths.clone(),
            audit,
            carried,
            index: Ahead::start(scope, source)?,
            links,
            text_bytes,
            text_end: Some(0),
            postings: Postings::new(),
            figures: Figures {
                last_id: first_id.saturating_sub(1),
                time_max: 0,
                records: 0,
                messages: 0,
            },
            lost: 0,
        };
        if !walk.headers()? {
            walk.carried.lose(first_id, u64::MAX);
            return Ok(());
        }
        walk.groups(progress)?;
        walk.end(last)
    })
}

impl Carried {
    /// Ids from `from` to `to` may stand where nothing can be read.
    pub(super) fn lose(&mut self, from: u64, to: u64) {
        let (low, high) = self.lost.unwrap_or((from, to));
        self.lost = Some((low.min(from), high.max(to)));
        if to == u64::MAX {
            self.chain = None;
        }
    }
}

impl Walk<'_> {
    fn headers(&mut self) -> Result<bool, LogError> {
        let read = |file: &File, path: &Path| {
            let mut head = [0; HEADER_BYTES];
            match file.read_exact_at(&mut head, 0) {
                Ok(()) => Ok(head),
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    Ok([0; HEADER_BYTES])
                }
                Err(error) => Err(io_error("read", path)(error)),
            }
        };
        let index = IndexHeader::decode(&read(&self.files.index, &self.paths[1])?)
            .filter(|header| header.first_id == self.first_id);
        let chain = ChainHeader::decode(&read(&self.files.chain, &self.paths[2])?)
            .filter(|header| header.first_id == self.first_id);
        for (path, whole) in [(1, index.is_some()), (2, chain.is_some())] {
            if !whole {
                let path = self.paths[path].clone();
                self.audit
                    .fault(Check::Segments, &path, 0, None, "the header is not whole");
            }
        }
        let (Some(index), Some(chain)) = (index, chain) else {
            return Ok(false);
        };
        let here = (chain.group_before, chain.link_before);
        let since = Since {
            group: chain.group_before,
            id: self.first_id.saturating_sub(1),
        };
        if self.carried.chain != Some(here) {
            self.carried.proven = since;
        }
        if self.carried.segments.is_empty()
            && self.carried.chain.is_none()
            && self.carried.lost.is_none()
        {
            self.carried.heads.begin(since, &chain.link_before);
        }
        match self.carried.chain {
            Some(before) if before != here => {
                let why = "the segment does not follow on the chain of the one before it";
                self.audit
                    .fault(Check::Chain, &self.paths[2].clone(), 0, None, why);
            }
            None if self.carried.lost.is_none() => self.carried.time_max = index.time_max_before,
            _ => {}
        }
        if self.carried.lost.is_none() && index.time_max_before != self.carried.time_max {
            let why = "the highest time before the segment is not that of the segments before it";
            self.audit
                .fault(Check::Segments, &self.paths[1].clone(), 24, None, why);
        }
        self.carried.time_max = self.carried.time_max.max(index.time_max_before);
        self.carried.chain = Some(here);
        self.figures.time_max = self.carried.time_max;
        Ok(true)
    }

    fn groups(&mut self, mut progress: impl FnMut(u64)) -> Result<(), LogError> {
        let mut lost_links = false;
        let mut reported = 0;
        loop {
            let link = match self.links.peek(&self.files.chain) {
                Ok(Some(block)) => Link::decode(block),
                Ok(None) => return Ok(()),
                Err(error) => return Err(io_error("read", &self.paths[2])(error)),
            };
            let at = HEADER_BYTES as u64 + u64::from(self.links.next) * LINK_BYTES as u64;
            self.links.next += 1;
            self.audit.checked(Check::Chain);
            let Some(link) = link else {
                lost_links = true;
                self.chain_fault(at, None, "a link is not whole");
                continue;
            };
            self.group(&link, at, lost_links)?;
            lost_links = false;
            if self.index.next - reported >= PROGRESS_ENTRIES {
                reported = self.index.next;
                progress(entry_at(reported));
            }
        }
    }

    /// One group: its entries, then its link. Behind lost links it reaches back over the groups of these.
    fn group(&mut self, link: &Link, at: u64, lost_links: bool) -> Result<(), LogError> {
        let (group_before, link_before) = self
            .carried
            .chain
            .unwrap_or((link.group.saturating_sub(1), [0; 32]));
        let mut hashes = Some(Vec::with_capacity(link.count.min(65_536) as usize));
        // Where links are lost, the entries still tell their groups.
        let mut last_ids: Vec<(u64, u64, usize)> = Vec::new();
        let mut count = 0;
        let mut newest = 0;
        while lost_links || count < link.count {
            let Some(next) = self.index.peek()? else {
                break;
            };
            if next.as_ref().is_some_and(|n| n.entry.id > link.last_id) {
                break;
            }
            let number = self.index.next;
            count += 1;
            self.audit.checked(Check::Entries);
            let Some(Looked { entry, found }) = self.index.take() else {
                self.lost += 1;
                hashes = None;
                let next = self.carried.last_id + 1;
                self.carried.lose(next, link.last_id);
                self.text_end = None;
                let why = "an entry is not whole";
                self.audit.fault(
                    Check::Entries,
                    &self.paths[1].clone(),
                    entry_at(number),
                    None,
                    why,
                );
                continue;
            };
            if entry.is_lost() && entry.hash == NO_HASH {
                hashes = None;
            }
            if let Some(hashes) = &mut hashes {
                hashes.push(entry.hash);
            }
            let group = if lost_links { entry.group } else { link.group };
            match last_ids.last_mut() {
                Some((known, id, count)) if *known == group => {
                    (*id, *count) = (entry.id, *count + 1)
                }
                _ => last_ids.push((group, entry.id, 1)),
            }
            newest = entry.id;
            self.entry(number, &entry, found, (!lost_links).then_some(link.group))?;
            if lost_links && entry.id == link.last_id {
                break;
            }
        }
        let whole = hashes.is_some();
        let mut proven = false;
        if whole && newest != link.last_id || !lost_links && count != link.count {
            self.chain_fault(
                at,
                Some(link.last_id),
                "the index does not hold the records of this group",
            );
        } else if !lost_links && link.group != group_before + 1 {
            self.chain_fault(at, Some(link.last_id), "groups are missing before this one");
        } else if let Some(hashes) = hashes {
            proven = self.computed((group_before, link_before), &hashes, &last_ids)
                == Some((link.group, link.link));
            if !proven {
                let why = if lost_links {
                    "the link does not follow over the lost ones before it"
                } else {
                    "the link does not follow from the records and the link before"
                };
                self.chain_fault(at, Some(link.last_id), why);
            }
        }
        if !proven {
            self.carried.proven = Since {
                group: link.group,
                id: link.last_id,
            };
        }
        let Carried { heads, proven, .. } = self.carried;
        heads.group(link.group, link.last_id, &link.link, *proven);
        self.carried.last_id = self.carried.last_id.max(link.last_id);
        self.carried.chain = Some((link.group, link.link));
        self.figures.last_id = self.carried.last_id;
        Ok(())
    }

    /// The link that these groups lead to; groups between lost links have theirs computed, and heads of them are met.
    fn computed(
        &mut self,
        before: (u64, [u8; 32]),
        hashes: &[[u8; 32]],
        last_ids: &[(u64, u64, usize)],
    ) -> Option<(u64, [u8; 32])> {
        let (mut group, mut link) = before;
        let mut rest = hashes;
        for (n, (number, last_id, count)) in last_ids.iter().enumerate() {
            let (here, behind) = rest.split_at_checked(*count)?;
            if *number != group + 1 {
                return None;
            }
            rest = behind;
            link = chain_link(&link, *number, here.iter().copied());
            group = *number;
            if n + 1 < last_ids.len() {
                let Carried { heads, proven, .. } = self.carried;
                heads.group(group, *last_id, &link, *proven);
            }
        }
        Some((group, link))
    }

    pub(super) fn as_segment(&self, count: u32) -> Segment {
        Segment {
            first_id: self.first_id,
            last_id: self.carried.last_id.max(self.first_id.saturating_sub(1)),
            count,
            messages: self.figures.messages,
            text_bytes: self.text_bytes,
            time_max: self.figures.time_max,
            rooms: RoomIndex::empty(),
            files: None,
        }
    }

    /// What stands behind the last group, and the derived file.
    fn end(self, last: bool) -> Result<(), LogError> {
        let entries = self.index.count - self.index.next;
        let text = self
            .text_end
            .map_or(0, |end| self.text_bytes.saturating_sub(end));
        if (entries > 0 || text > 0) && !(last && self.carried.server_runs) {
            let (path, at) = if entries > 0 {
                (self.paths[1].clone(), entry_at(self.index.next))
            } else {
                (self.paths[0].clone(), self.text_end.unwrap_or(0))
            };
            if last {
                self.audit.note(format!(
                    "{}: behind the last whole group {entries} entries and {text} bytes of text are left of a stop that was not clean; the next start of the server completes or cuts them",
                    path.display()
                ));
            } else {
                self.audit.fault(
                    Check::Chain,
                    &path,
                    at,
                    None,
                    "records that no link of the chain covers",
                );
            }
        }
        if !last {
            let comparable = self.lost == 0;
            derived::postings(
                self.folder,
                self.first_id,
                &self.figures,
                comparable.then_some(&self.postings),
                self.audit,
            )?;
        }
        self.carried.read_to = (self.first_id, self.index.next);
        let segment = self.as_segment(self.index.next);
        self.carried.segments.push(segment);
        Ok(())
    }

    fn chain_fault(&mut self, at: u64, id: Option<u64>, why: &str) {
        let path = self.paths[2].clone();
        self.audit.fault(Check::Chain, &path, at, id, why);
    }
}
