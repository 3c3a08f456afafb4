//! Entries and lines of one segment: what does not fit together is set aside and marked as lost.

use super::super::super::LogError;
use super::super::super::disk::Open;
use super::super::super::stored::{REMOVED_FILL, REMOVED_SALT};
use super::super::audit::Check;
use super::super::audit::record::{Rooms, check};
use super::super::bytes::HEADER_BYTES;
use super::super::chain::Link;
use super::super::files::{Part, io_error, remove, sync_error};
use super::super::index::{ENTRY_BYTES, Entry, IndexHeader, LOST, NO_HASH, REMOVED, room_hash};
use super::super::text::is_blank;
use super::{Before, Here, Repaired, damaged_blocks, place, read, renew, set_aside};
use crate::edge::wire::record::{GONE_USER, RecordRef};

/// Makes index and text of the segment fit each other; returns the entries as they are then.
pub(super) fn repair(
    here: &Here<'_>,
    before: &Before,
    links: &[Link],
    done: &mut Repaired,
) -> Result<Vec<Entry>, LogError> {
    let text_path = here.path(Part::Text);
    let text = read(&text_path)?;
    let old = read(&here.path(Part::Index))?;
    let whole = whole_entries(here, before, &old);
    let newest = links.last().map_or(u64::MAX, |link| link.last_id);
    let (entries, found) = filled(here, before, whole, &text, links, newest);
    let mut lost = Lost {
        ids: found,
        ..Lost::default()
    };
    let entries = lost.compare(entries, &text);

    let head = old
        .first_chunk::<HEADER_BYTES>()
        .and_then(IndexHeader::decode)
        .filter(|header| header.first_id == here.first_id);
    let header = head.unwrap_or(IndexHeader {
        first_id: here.first_id,
        time_max_before: before.time_max,
    });
    let mut new = header.encode().to_vec();
    for entry in &entries {
        new.extend_from_slice(&entry.encode());
    }
    if old != new {
        let is_whole = |block: &[u8]| Entry::decode(block).is_some();
        let (at, bytes) = damaged_blocks(&old, ENTRY_BYTES, is_whole);
        let why = format!("index entries that are not whole ({})", ids_text(&lost.ids));
        set_aside(here, Part::Index, at, &bytes, &why, done)?;
    }
    if !lost.copies.is_empty() {
        let why = format!(
            "lines that do not fit their index entry or hash ({})",
            ids_text(&lost.ids)
        );
        set_aside(here, Part::Text, lost.copies_at, &lost.copies, &why, done)?;
    }
    let end = entries.iter().map(Entry::end).max().unwrap_or(0);
    let behind = text.get(end as usize..).unwrap_or_default();
    set_aside(
        here,
        Part::Text,
        end,
        behind,
        "bytes behind the last line",
        done,
    )?;
    if !behind.is_empty() {
        done.renewed.push(text_path.clone());
    }
    if !lost.blank.is_empty() || !behind.is_empty() || !text_path.exists() {
        let file = here.folder.open(&text_path, Open::Create);
        let file = file.map_err(io_error("open", &text_path))?;
        for (at, bytes) in &lost.blank {
            let fill = vec![REMOVED_FILL; *bytes];
            file.write_all_at(&fill, *at)
                .map_err(io_error("overwrite", &text_path))?;
        }
        if !behind.is_empty() {
            file.set_len(end).map_err(io_error("cut", &text_path))?;
        }
        file.sync_all().map_err(sync_error(&text_path))?;
    }
    if renew(here.folder, here.path(Part::Index), &old, &new, done)? {
        remove(here.folder, &here.path(Part::Rooms))?;
    }
    done.lost.append(&mut lost.ids);
    Ok(entries)
}

/// The entries that can be read, in the order of their ids, each where the one before it ends or behind that.
fn whole_entries(here: &Here<'_>, before: &Before, old: &[u8]) -> Vec<Entry> {
    let blocks = old.get(place(0)..).unwrap_or_default();
    let mut entries: Vec<Entry> = blocks.chunks(ENTRY_BYTES).filter_map(Entry::read).collect();
    entries.retain(|entry| {
        entry.id >= here.first_id && entry.id > before.last_id && entry.id < here.next_first
    });
    entries.sort_by_key(|entry| entry.id);
    entries.dedup_by_key(|entry| entry.id);
    let mut end = 0;
    entries.retain(|entry| {
        let follows = u64::from(entry.offset) >= end;
        if follows {
            end = entry.end();
        }
        follows
    });
    entries
}

/// The entries with those that are missing, as far as their lines tell which they were; and the ids of these.
fn filled(
    here: &Here<'_>,
    before: &Before,
    whole: Vec<Entry>,
    text: &[u8],
    links: &[Link],
    newest: u64,
) -> (Vec<Entry>, Vec<u64>) {
    let mut out: Vec<Entry> = Vec::with_capacity(whole.len());
    let mut found = Vec::new();
    let mut last = *before;
    last.last_id = last.last_id.max(here.first_id - 1);
    let mut end = 0;
    let behind = here.next_first.min(newest.saturating_add(1));
    for next in whole.into_iter().map(Some).chain([None]) {
        let to = next.map_or(text.len() as u64, |entry| u64::from(entry.offset));
        let below = next.map_or(behind, |entry| entry.id);
        let mut at = end;
        while at < to.min(text.len() as u64) {
            let rest = &text[at as usize..to.min(text.len() as u64) as usize];
            let bytes = memchr::memchr(b'\n', rest).map_or(rest.len(), |n| n + 1);
            if let Some(mut entry) = of_line(&rest[..bytes], at, &last)
                && entry.id > last.last_id
                && entry.id < below
            {
                entry.group = group_of(links, entry.id, out.last());
                let ceiling = next.map_or(u64::MAX, |entry| entry.time_max);
                entry.time_max = entry.time_max.min(ceiling);
                (last.last_id, last.time_max) = (entry.id, entry.time_max);
                found.push(entry.id);
                out.push(entry);
            }
            at += bytes as u64;
        }
        if let Some(entry) = next {
            (last.last_id, last.time_max, end) = (entry.id, entry.time_max, entry.end());
            out.push(entry);
        }
    }
    (out, found)
}

/// The entry of a lost record of which the line alone is there.
fn of_line(line: &[u8], at: u64, before: &Before) -> Option<Entry> {
    let record = RecordRef::parse(line.strip_suffix(b"\n")?).ok()?;
    let time = record.time.as_micros();
    Some(Entry {
        id: record.id,
        time,
        time_max: before.time_max.max(time),
        room_hash: room_hash(record.room),
        prev: 0,
        origin: 0,
        offset: u32::try_from(at).ok()?,
        line_bytes: u32::try_from(line.len()).ok()?,
        content_bytes: u32::try_from(record.body.len()).ok()?,
        kind: u8::from(record.user == GONE_USER),
        flags: REMOVED | LOST,
        salt: REMOVED_SALT,
        hash: NO_HASH,
        group: 0,
    })
}

fn group_of(links: &[Link], id: u64, before: Option<&Entry>) -> u64 {
    let at = links.partition_point(|link| link.last_id < id);
    match links.get(at) {
        Some(link) => link.group,
        None => before.map_or(1, |entry| entry.group),
    }
}

/// What is lost, and what is to be done about it.
#[derive(Default)]
struct Lost {
    ids: Vec<u64>,
    copies: Vec<u8>,
    copies_at: u64,
    /// Places of contents to overwrite: where, and bytes.
    blank: Vec<(u64, usize)>,
}

impl Lost {
    /// Compares every entry with its line.
    fn compare(&mut self, entries: Vec<Entry>, text: &[u8]) -> Vec<Entry> {
        let mut rooms = Rooms::default();
        let fresh: Vec<u64> = self.ids.clone();
        entries
            .into_iter()
            .map(|entry| {
                let (from, to) = (entry.offset as usize, entry.end() as usize);
                let line = text.get(from..to);
                if fresh.binary_search(&entry.id).is_ok() {
                    self.keep(&entry, line);
                    self.blank(&entry, line);
                    return entry;
                }
                if entry.is_lost() {
                    // Cut short last time.
                    self.blank(&entry, line);
                    return entry;
                }
                let Err((found, _)) = check(&entry, line, &mut rooms) else {
                    return entry;
                };
                let content = line.map(|line| {
                    let at = line.len() - 1 - entry.content_bytes as usize;
                    &line[at..line.len() - 1]
                });
                let is_blank = content.is_some_and(is_blank);
                let marked = entry.salt == REMOVED_SALT;
                if found == Check::Removals && entry.is_removed() && marked {
                    // A removal that was not carried out here: no copy of it is wanted.
                    self.blank(&entry, line);
                    return entry;
                }
                if found != Check::Lines && is_blank && entry.is_message() {
                    // Whether there was a reason to overwrite it is asked afterwards.
                    return entry.removed();
                }
                if !entry.is_removed() || is_blank {
                    self.keep(&entry, line);
                }
                self.blank(&entry, line);
                self.ids.push(entry.id);
                entry.lost()
            })
            .collect()
    }

    fn keep(&mut self, entry: &Entry, line: Option<&[u8]>) {
        if let Some(line) = line {
            if self.copies.is_empty() {
                self.copies_at = u64::from(entry.offset);
            }
            self.copies.extend_from_slice(line);
        }
    }

    /// The id that a removal names is no content that anybody wrote: it stays.
    fn blank(&mut self, entry: &Entry, line: Option<&[u8]>) {
        if line.is_some() && entry.is_message() && entry.content_bytes > 0 {
            self.blank
                .push((entry.content_at(), entry.content_bytes as usize));
        }
    }
}

/// `records 5, 17 to 19`.
fn ids_text(ids: &[u64]) -> String {
    const SHOWN: usize = 20;
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    for id in ids {
        match ranges.last_mut() {
            Some((_, to)) if *to + 1 == id => *to = id,
            _ => ranges.push((id, id)),
        }
    }
    if ranges.is_empty() {
        return "no record is lost with them".to_owned();
    }
    let mut words: Vec<String> = ranges.iter().take(SHOWN).map(range_text).collect();
    if ranges.len() > SHOWN {
        words.push("others".to_owned());
    }
    format!("records {}", words.join(", "))
}

/// `5`, or `17 to 19`.
fn range_text(range: &(u64, u64)) -> String {
    match range {
        (from, to) if from == to => from.to_string(),
        (from, to) => format!("{from} to {to}"),
    }
}
