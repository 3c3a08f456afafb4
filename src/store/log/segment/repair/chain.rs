//! Links of one segment: those that are damaged are computed again where everything is there that they cover.

use std::path::Path;

use hashbrown::HashMap;

use super::super::super::LogError;
use super::super::super::stored::chain_link;
use super::super::bytes::HEADER_BYTES;
use super::super::chain::{ChainHeader, LINK_BYTES, Link};
use super::super::files::{Part, part_path};
use super::super::index::{Entry, NO_HASH};
use super::{Before, Here, Repaired, damaged_blocks, read, renew, set_aside};

/// The whole header of a segment's chain.
pub(super) fn header(folder: &Path, first_id: u64) -> Option<ChainHeader> {
    let bytes = read(&part_path(folder, first_id, Part::Chain)).ok()?;
    decode_header(&bytes, first_id)
}

fn decode_header(bytes: &[u8], first_id: u64) -> Option<ChainHeader> {
    let header = ChainHeader::decode(bytes.first_chunk::<HEADER_BYTES>()?)?;
    (header.first_id == first_id).then_some(header)
}

/// The links that can be read, in the order of their groups.
pub(super) fn links(here: &Here<'_>) -> Vec<Link> {
    let bytes = read(&here.path(Part::Chain)).unwrap_or_default();
    let body = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let mut links: Vec<Link> = body.chunks(LINK_BYTES).filter_map(Link::decode).collect();
    links.retain(|link| link.last_id >= here.first_id && link.last_id < here.next_first);
    links.sort_by_key(|link| link.group);
    links.dedup_by_key(|link| link.group);
    links
}

/// One group, as the entries tell.
struct Group {
    number: u64,
    last_id: u64,
    /// `None` if the hash of one of its records is not known.
    hashes: Option<Vec<[u8; 32]>>,
    count: u32,
}

fn groups(entries: &[Entry]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for entry in entries {
        if groups
            .last()
            .is_none_or(|group| group.number != entry.group)
        {
            groups.push(Group {
                number: entry.group,
                last_id: entry.id,
                hashes: Some(Vec::new()),
                count: 0,
            });
        }
        let Some(group) = groups.last_mut() else {
            continue;
        };
        group.last_id = entry.id;
        group.count += 1;
        if entry.hash == NO_HASH {
            group.hashes = None;
        } else if let Some(hashes) = &mut group.hashes {
            hashes.push(entry.hash);
        }
    }
    groups
}

/// Writes what is damaged anew if it can be computed; returns where the log stands behind the segment.
pub(super) fn repair(
    here: &Here<'_>,
    before: Before,
    entries: &[Entry],
    links: Vec<Link>,
    done: &mut Repaired,
) -> Result<Before, LogError> {
    let path = here.path(Part::Chain);
    let old = read(&path)?;
    let known = decode_header(&old, here.first_id);
    let begin = known
        .map(|header| (header.group_before, header.link_before))
        .or(before.chain)
        // The very first segment of a log.
        .or((here.first_id == 1).then_some((0, [0; 32])));
    let stored: HashMap<u64, Link> = links.iter().map(|link| (link.group, *link)).collect();
    let behind = Before {
        last_id: entries.last().map_or(before.last_id, |entry| entry.id),
        time_max: entries
            .last()
            .map_or(before.time_max, |entry| entry.time_max),
        chain: here
            .next_chain
            .map(|next| (next.group_before, next.link_before)),
    };
    let Some(begin) = begin else {
        return Ok(behind);
    };
    let groups = groups(entries);
    let Some(made) = chosen(here, begin, &groups, &stored) else {
        return Ok(behind);
    };
    let header = ChainHeader {
        first_id: here.first_id,
        group_before: begin.0,
        link_before: begin.1,
    };
    let mut new = header.encode().to_vec();
    for link in &made {
        new.extend_from_slice(&link.encode());
    }
    if old != new {
        let is_whole = |block: &[u8]| Link::decode(block).is_some();
        let (at, bytes) = damaged_blocks(&old, LINK_BYTES, is_whole);
        let why = "links that are not whole; they were computed again from the records";
        set_aside(here, Part::Chain, at, &bytes, why, done)?;
        renew(here.folder, path, &old, &new, done)?;
    }
    let last = made.last().map_or(begin, |link| (link.group, link.link));
    Ok(Before {
        chain: Some(last),
        ..behind
    })
}

/// A link for every group, in order; `None` if one is neither stored nor can be computed.
fn chosen(
    here: &Here<'_>,
    begin: (u64, [u8; 32]),
    groups: &[Group],
    stored: &HashMap<u64, Link>,
) -> Option<Vec<Link>> {
    let follows = |link: &[u8; 32], group: u64, next: &Group| {
        let hashes = next.hashes.as_ref().filter(|_| next.number == group + 1)?;
        Some(chain_link(link, next.number, hashes.iter().copied()))
    };
    let mut at = begin;
    let mut out = Vec::with_capacity(groups.len());
    for (n, group) in groups.iter().enumerate() {
        let there = stored
            .get(&group.number)
            .filter(|link| link.last_id == group.last_id && link.count == group.count);
        let there = there.map(|link| link.link).or_else(|| {
            let next = here
                .next_chain
                .filter(|next| next.group_before == group.number)?;
            (n + 1 == groups.len()).then_some(next.link_before)
        });
        let computed = follows(&at.1, at.0, group);
        let link = match (there, computed) {
            (Some(there), Some(computed)) if there != computed => {
                // Which of the two the rest of the log follows from.
                let rest = match groups.get(n + 1) {
                    Some(next) => follows(&computed, group.number, next).is_some_and(|link| {
                        stored.get(&next.number).is_some_and(|s| s.link == link)
                    }),
                    None => here
                        .next_chain
                        .is_some_and(|next| next.link_before == computed),
                };
                if rest { computed } else { there }
            }
            (Some(link), _) | (None, Some(link)) => link,
            (None, None) => return None,
        };
        at = (group.number, link);
        out.push(Link {
            group: group.number,
            last_id: group.last_id,
            count: group.count,
            link,
        });
    }
    Some(out)
}
