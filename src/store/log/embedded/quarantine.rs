//! What recovery cuts off a file, it keeps here: one file each, its first line says why, the bytes follow as they were.
//! The folder is bounded; what no longer fits is cut without a copy, and that is said.

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use memchr::memmem;

use super::super::LogError;
use super::super::disk::Folder;
use super::super::stored::REMOVED_FILL;
use super::files::{make_folder, open_file, refused, sync_failed, sync_folder};
use super::journal::layout::{GROUP_HEADER_BYTES, GROUP_MAGIC, content_places, has_content};
use crate::edge::wire::record::parse_id;

/// Files kept; each is at most one half of the journal or one segment.
const FILES_MAX: usize = 100;
/// What a disk writes all or nothing of.
const SECTOR_BYTES: usize = 512;

/// The folder `quarantine/`, made when first needed.
pub(super) struct Quarantine {
    folder: Folder,
}

impl Quarantine {
    pub(super) fn new(log_folder: &Folder) -> Self {
        Self {
            folder: log_folder.inner("quarantine"),
        }
    }

    /// Keeps `bytes`, cut at `offset` of `file`. The same cut made again overwrites its own copy.
    /// Returns the copy's path, `None` if the folder is full.
    pub(super) fn keep(
        &self,
        file: &str,
        offset: u64,
        why: &str,
        bytes: &[u8],
    ) -> Result<Option<PathBuf>, LogError> {
        make_folder(&self.folder)?;
        let path = self.folder.join(format!("{file}-at-{offset}"));
        if !self.folder.disk().exists(&path) && self.files()?.len() >= FILES_MAX {
            return Ok(None);
        }
        let copy = open_file(&self.folder, &path)?;
        let line = format!("{} bytes of {file} at {offset}: {why}\n", bytes.len());
        copy.set_len(0)
            .and_then(|()| copy.write_all_at(line.as_bytes(), 0))
            .and_then(|()| copy.write_all_at(bytes, line.len() as u64))
            .map_err(refused("writing", &path))?;
        copy.sync_all().map_err(sync_failed(&path))?;
        // What was cut is overwritten next: the copy must not be lost by its name.
        sync_folder(&self.folder)?;
        Ok(Some(path))
    }

    /// Overwrites every occurrence of removed content, whole or torn.
    pub(super) fn forget(&self, content: &[u8]) -> Result<(), LogError> {
        if content.is_empty() || !self.folder.disk().exists(&self.folder) {
            return Ok(());
        }
        for path in self.files()? {
            let bytes = self.folder.read(&path).map_err(refused("reading", &path))?;
            self.overwrite(&path, pieces(&bytes, offset_of(&path, &bytes), content))?;
        }
        Ok(())
    }

    /// Overwrites the content of removed messages in groups that were cut out of the journal. What cannot be read of these may be any
    /// message's, so all of it goes if one of `lost` is not among what can: no segment has these.
    pub(super) fn forget_groups(
        &self,
        ids: &HashSet<u64>,
        lost: &HashSet<u64>,
    ) -> Result<(), LogError> {
        if ids.is_empty() || !self.folder.disk().exists(&self.folder) {
            return Ok(());
        }
        for path in self.files()? {
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.starts_with("journal-")) {
                let bytes = self.folder.read(&path).map_err(refused("reading", &path))?;
                self.overwrite(&path, contents_of_groups(&bytes.into(), ids, lost))?;
            }
        }
        Ok(())
    }

    /// Overwrites the content of removed messages in lines that were cut off the texts of segments, and wherever what stands in these
    /// lines does: no segment may tell of them, and of a line that shared bytes with another removed one a piece may be overwritten.
    pub(super) fn forget_lines(&self, ids: &HashSet<u64>) -> Result<(), LogError> {
        if ids.is_empty() || !self.folder.disk().exists(&self.folder) {
            return Ok(());
        }
        let mut texts = Vec::new();
        for path in self.files()? {
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.contains(".log.")) {
                let bytes = self.folder.read(&path).map_err(refused("reading", &path))?;
                texts.push((path, contents_of(&bytes, ids), bytes));
            }
        }
        // The lines themselves come last: they are where the content is known from.
        for (_, places, bytes) in &texts {
            let whole = places
                .iter()
                .filter(|place| bytes.get(place.end) == Some(&b'\n'));
            for place in whole {
                self.forget(&bytes[place.clone()])?;
            }
        }
        for (path, places, _) in texts {
            self.overwrite(&path, places)?;
        }
        Ok(())
    }

    /// Overwrites these places of a copy.
    fn overwrite(&self, path: &Path, places: Vec<Range<usize>>) -> Result<(), LogError> {
        if places.is_empty() {
            return Ok(());
        }
        let file = open_file(&self.folder, path)?;
        for place in places {
            let fill = vec![REMOVED_FILL; place.len()];
            file.write_all_at(&fill, place.start as u64)
                .map_err(refused("overwriting removed content in", path))?;
        }
        file.sync_data().map_err(sync_failed(path))
    }

    fn files(&self) -> Result<Vec<PathBuf>, LogError> {
        let names = self.folder.disk().names(&self.folder);
        let names = names.map_err(refused("reading", &self.folder))?;
        Ok(names.iter().map(|name| self.folder.join(name)).collect())
    }
}

/// So many bytes that agree are a piece of the content, however it goes on.
const PIECE_BYTES_MIN: usize = 16;

/// Where the content stands in a copy, and where pieces of it do that a torn write left: they begin with the content, or at a
/// sector of the file that they were cut off. `sectors_at` is the place of the first whole sector in the copy.
fn pieces(copy: &[u8], sectors_at: usize, content: &[u8]) -> Vec<Range<usize>> {
    let agreeing = |at: usize, from: usize| {
        let both = copy[at..].iter().zip(&content[from..]);
        both.take_while(|(here, there)| here == there).count()
    };
    let head = &content[..content.len().min(PIECE_BYTES_MIN)];
    let heads = memmem::find_iter(copy, head).map(|at| at..at + agreeing(at, 0));
    let sectors = (sectors_at..copy.len()).step_by(SECTOR_BYTES);
    let torn = sectors.filter_map(|at| {
        let begin = copy.get(at..at + PIECE_BYTES_MIN)?;
        let from = memmem::find(content, begin)?;
        Some(at..at + agreeing(at, from))
    });
    heads.chain(torn).collect()
}

/// Where the content of these messages stands in lines of a text, as far as it is not overwritten. The first and the last line may be
/// parts of one.
fn contents_of(text: &[u8], ids: &HashSet<u64>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in text.split(|byte| *byte == b'\n') {
        let mut ends = memchr::memchr_iter(b';', line);
        let id = ends.next().and_then(|end| parse_id(&line[..end]));
        if id.is_some_and(|id| ids.contains(&id))
            && let Some(end) = ends.nth(1)
            && line[end + 1..].iter().any(|byte| *byte != REMOVED_FILL)
        {
            found.push(at + end + 1..at + line.len());
        }
        at += line.len() + 1;
    }
    found
}

/// Where salt and content of these messages stand in groups of the journal, whose records may go on as something else.
fn contents_of_groups(copy: &Bytes, ids: &HashSet<u64>, lost: &HashSet<u64>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut readable: Vec<Range<usize>> = Vec::new();
    let mut lost = lost.clone();
    // Content can hold the magic too, so that records are come upon from many places: from each on, once is enough.
    let mut seen = HashSet::new();
    for group in memmem::find_iter(copy, &GROUP_MAGIC) {
        let from = group + GROUP_HEADER_BYTES;
        let payload = copy.slice(from.min(copy.len())..);
        let mut record = from;
        for (id, place) in content_places(&payload) {
            // No id: where a sector is missing.
            if id == 0 || !seen.insert(record) {
                break;
            }
            // In a torn group other messages may stand where this one claims to.
            let is_sure = has_content(&payload, record - from);
            let place = from + place.start..from + place.end;
            record = place.end;
            if is_sure {
                lost.remove(&id);
                readable.push(place.clone());
            }
            if ids.contains(&id) {
                found.push(place);
            }
        }
    }
    if !lost.is_empty() {
        let mut at = memchr::memchr(b'\n', copy).map_or(0, |line| line + 1);
        for place in readable {
            found.push(at..place.start.max(at));
            at = at.max(place.end);
        }
        found.push(at..copy.len());
    }
    found
}

/// Where the first sector of the file, of which `path` is a copy, begins in the copy. Names end with the offset (`-at-{offset}`, behind a
/// line of text) or with it and a number (`.{offset}.{number}`).
fn offset_of(path: &Path, copy: &[u8]) -> usize {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.unwrap_or_default();
    let (offset, line) = match name.rsplit_once("-at-") {
        Some((_, offset)) => (Some(offset), memchr::memchr(b'\n', copy)),
        None => (name.rsplit('.').nth(1), None),
    };
    let offset: usize = offset.and_then(|text| text.parse().ok()).unwrap_or(0);
    line.map_or(0, |line| line + 1) + (SECTOR_BYTES - offset % SECTOR_BYTES) % SECTOR_BYTES
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::super::super::stored::{Group, StoredRecord};
    use super::super::super::{Event, EventKind};
    use super::super::journal::layout::Encoder;
    use super::*;
    use crate::edge::wire::names::{RoomName, UserName};
    use crate::edge::wire::timestamp::Timestamp;

    #[test]
    fn content_is_found_whole_and_in_pieces() {
        let letter = |n: u32| b'a' + ((n.wrapping_mul(2_654_435_761) >> 24) % 26) as u8;
        let content: Vec<u8> = (0..1200).map(letter).collect();
        let mut copy = b"300 bytes of x at 100: torn\n".to_vec();
        let line = copy.len();
        copy.extend_from_slice(&[0; 600]);
        let at = Path::new("x-at-100");
        assert_eq!(offset_of(at, &copy), line + 412);
        assert_eq!(offset_of(Path::new("0001.log.1024.3"), &copy), 0);
        let sectors = offset_of(at, &copy);
        assert!(pieces(&copy, sectors, &content).is_empty());
        // Its beginning, up to the end of a sector; and a sector from its middle.
        copy[line + 112..line + 412].copy_from_slice(&content[..300]);
        copy[line + 412..line + 600].copy_from_slice(&content[812..1000]);
        let found = pieces(&copy, sectors, &content);
        assert_eq!(found, [line + 112..line + 412, line + 412..line + 600]);
        let short = pieces(b"xx short xx", 0, b"short");
        assert_eq!(short.first(), Some(&(3..8)));
    }

    fn record(id: u64, body: &[u8]) -> StoredRecord {
        let mut record = StoredRecord {
            event: Event {
                id,
                time: Timestamp::from_micros(id),
                room: RoomName::parse("lobby").unwrap(),
                user: UserName::parse("ann").unwrap(),
                kind: EventKind::Message(Bytes::copy_from_slice(body)),
                origin: 1,
                nonce: 1,
            },
            prev: 0,
            salt: [7; 16],
            hash: [0; 32],
            tag: None,
        };
        record.seal();
        record
    }

    /// A group of the journal, and where salts and contents stand in it.
    fn group(records: Vec<StoredRecord>) -> (Vec<u8>, Vec<Range<usize>>) {
        let mut encoder = Encoder::new();
        encoder.begin();
        records.iter().for_each(|record| encoder.push(record));
        let number = 1;
        let link = [0; 32];
        let lengths: Vec<usize> = records.iter().map(|r| 16 + r.content().len()).collect();
        let group = Group {
            number,
            link,
            records,
        };
        let bytes = encoder.finish(1, &group, None).to_vec();
        let (mut at, mut places) = (GROUP_HEADER_BYTES, Vec::new());
        for length in lengths {
            at += 96 + "ann".len() + "lobby".len();
            places.push(at..at + length);
            at += length;
        }
        (bytes, places)
    }

    #[test]
    fn removed_content_is_found_in_a_cut_group_and_what_cannot_be_read_goes_with_what_is_lost() {
        let mut copy = b"why\n".to_vec();
        copy.extend_from_slice(b"what only this piece knows");
        let from = copy.len();
        let (bytes, places) = group(vec![record(7, b"secret"), record(8, b"other")]);
        copy.extend_from_slice(&bytes);
        let moved = |place: &Range<usize>| from + place.start..from + place.end;
        let [seventh, eighth] = [&places[0], &places[1]].map(moved);
        let [none, seven, nine] = [vec![], vec![7], vec![9]].map(HashSet::from_iter);
        let whole = Bytes::copy_from_slice(&copy);
        let find = |copy: &Bytes, ids, lost| contents_of_groups(copy, ids, lost);
        assert_eq!(find(&whole, &seven, &none), from_ref(&seventh));
        assert_eq!(find(&whole, &nine, &none), []);
        assert_eq!(find(&whole, &seven, &seven), from_ref(&seventh));
        let rest = [
            4..seventh.start,
            seventh.end..eighth.start,
            eighth.end..copy.len(),
        ];
        assert_eq!(find(&whole, &nine, &nine), rest);
        // Something else stands in the middle of a content: who knows whose that is.
        copy[eighth.end - 2] ^= 1;
        let torn = Bytes::from(copy);
        let rest = [4..seventh.start, seventh.end..torn.len()];
        assert_eq!(find(&torn, &nine, &nine), rest);
    }

    #[test]
    fn records_of_a_cut_group_are_read_once_however_many_groups_their_content_pretends() {
        let mut body = vec![b'x'; 100 - GROUP_HEADER_BYTES];
        body.extend_from_slice(&GROUP_MAGIC);
        body.resize(100, b'x');
        let records = (1..=50).map(|id| record(id, &body)).collect();
        let copy = group(records).0.into();
        let found = contents_of_groups(&copy, &HashSet::from([7]), &HashSet::new());
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn lines_of_removed_messages_are_found_by_their_ids() {
        let text = b"7;x\n12;2024;a#b;to go\n120;2024;a#b;stays\n13;2024;a;to; go too";
        let ids = HashSet::from([12, 13, 7]);
        let found = contents_of(text, &ids);
        let found: Vec<&[u8]> = found.into_iter().map(|place| &text[place]).collect();
        assert_eq!(found, [&b"to go"[..], &b"to; go too"[..]]);
        let fill = String::from_utf8(vec![REMOVED_FILL; 5]).unwrap();
        assert!(contents_of(format!("12;2024;a;{fill}\n").as_bytes(), &ids).is_empty());
    }
}
