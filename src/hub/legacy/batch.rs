//! The next delivery of an original client, from the lobby's tail or from a page of the log. Pure.

use std::io::IoSlice;

use crate::edge::wire::legacy::{BATCH_BYTES_MAX, Batcher};
use crate::edge::wire::names::LOBBY;
use crate::edge::wire::record::RecordRef;
use crate::hub::rules::cursor::{Cursor, Slices};
use crate::hub::rules::tail::Tail;
use crate::store::log::{EventKind, Page};

/// What a client is to be sent next, and where it stands when it has that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Records as they go out; `None` if there was nothing for an original client, only removals.
    pub batch: Option<Vec<u8>>,
    /// Everything up to this id has been delivered then.
    pub up_to: u64,
}

/// The next delivery from the tail. Only after [`Cursor::next`] said `Write`.
pub fn from_tail(tail: &Tail, mut cursor: Cursor) -> Delivery {
    let mut slices = Slices::new();
    cursor.gather(tail, BATCH_BYTES_MAX, &mut slices);
    let (batch, taken_bytes) = pack(&slices);
    drop(slices);
    // At a line's border, so nothing of a line is left over.
    let rest = cursor.advance(tail, taken_bytes);
    debug_assert_eq!(rest, None);
    Delivery {
        batch,
        up_to: cursor.last_id(),
    }
}

/// Packs whole lines; returns the bytes of the lines that are in the batch or were skipped.
fn pack(slices: &[IoSlice<'_>]) -> (Option<Vec<u8>>, usize) {
    let mut batcher = Batcher::new();
    let mut taken_bytes = 0;
    for line in slices
        .iter()
        .flat_map(|slice| slice.split_inclusive(|byte| *byte == b'\n'))
    {
        if let Some(record) = record_of(line)
            && let Some(full) = batcher.push(record)
        {
            return (Some(full), taken_bytes);
        }
        taken_bytes += line.len();
    }
    (batcher.finish(), taken_bytes)
}

/// What follows `MSG;lobby;`: there the line is a record of the lobby. A removal is not told.
fn record_of(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"MSG;")?.strip_prefix(LOBBY.as_bytes())?;
    rest.strip_prefix(b";")
}

/// The next delivery from a page of the lobby, read oldest first.
pub fn from_page(page: &Page) -> Delivery {
    let mut batcher = Batcher::new();
    let (mut record, mut up_to) = (Vec::new(), 0);
    for event in &page.events {
        if let EventKind::Message(body) = &event.kind {
            record.clear();
            RecordRef {
                id: event.id,
                time: event.time,
                user: event.user.as_str(),
                room: event.room.as_str(),
                body,
            }
            .write_to(&mut record);
            if let Some(full) = batcher.push(&record) {
                let batch = Some(full);
                return Delivery { batch, up_to };
            }
        }
        up_to = event.id;
    }
    Delivery {
        batch: batcher.finish(),
        up_to: page.scanned_to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::wire::names::{RoomName, UserName};
    use crate::edge::wire::timestamp::Timestamp;
    use crate::hub::rules::block::text_blocks;
    use crate::hub::rules::cursor::Next;
    use crate::hub::rules::tail_budget::TailBudget;
    use crate::store::log::Event;
    use bytes::Bytes;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn events(sizes: &[Option<usize>]) -> Vec<Event> {
        let ids = 1u64..;
        let event = |(id, size): (u64, &Option<usize>)| Event {
            id,
            time: Timestamp::from_micros(1_000_000),
            room: RoomName::lobby(),
            user: UserName::parse("ann").unwrap(),
            kind: match size {
                Some(size) => EventKind::Message(Bytes::from(vec![b'x'; *size])),
                None => EventKind::Removal(id),
            },
            origin: 1,
            nonce: 0,
        };
        ids.zip(sizes).map(event).collect()
    }

    fn wanted(sizes: &[Option<usize>]) -> Vec<u64> {
        let ids = (1u64..).zip(sizes);
        ids.filter_map(|(id, size)| size.map(|_| id)).collect()
    }

    fn ids(batch: &[u8]) -> Vec<u64> {
        assert!(batch.len() <= BATCH_BYTES_MAX && batch.last() != Some(&b'\n'));
        batch
            .split(|byte| *byte == b'\n')
            .map(|record| RecordRef::parse(record).unwrap().id)
            .collect()
    }

    proptest! {
        #[test]
        fn every_message_is_delivered_once(
            sizes in proptest::collection::vec(
                proptest::option::weighted(0.9, prop_oneof![0usize..50, 0usize..6000]), 0..60)
        ) {
            let all = events(&sizes);
            let budget = Arc::new(TailBudget::new(usize::MAX));
            let mut tail = Tail::new(0, usize::MAX, &budget);
            for chunk in all.chunks(7) {
                for block in text_blocks(chunk.iter()) {
                    tail.push(Arc::new(block));
                }
            }
            let (mut cursor, mut heard) = (Cursor::behind(0), Vec::new());
            while cursor.next(&tail) == Next::Write {
                let next = from_tail(&tail, cursor);
                prop_assert!(next.up_to > cursor.last_id());
                heard.extend(next.batch.as_deref().map(ids).unwrap_or_default());
                cursor = Cursor::behind(next.up_to);
            }
            prop_assert_eq!(&heard, &wanted(&sizes));

            let (mut after, mut heard) = (0, Vec::new());
            while (after as usize) < all.len() {
                let page = Page {
                    events: all[after as usize..].to_vec(),
                    scanned_to: all.len() as u64,
                    more: false,
                    holes: Vec::new(),
                };
                let next = from_page(&page);
                prop_assert!(next.up_to > after);
                heard.extend(next.batch.as_deref().map(ids).unwrap_or_default());
                after = next.up_to;
            }
            prop_assert_eq!(&heard, &wanted(&sizes));
        }
    }
}
