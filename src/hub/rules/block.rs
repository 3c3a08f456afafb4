//! A block: consecutive lines of one room, encoded once and shared by every reader of every shard.

use bytes::Bytes;

use super::tail_budget::Holders;
use crate::edge::wire::timestamp::push_decimal;
use crate::store::log::{Event, EventKind};

/// A block is closed once it holds so many bytes, so that a tail can be trimmed in small steps.
pub const BLOCK_BYTES: usize = 64 * 1024;

/// What a block costs beside what stands in it: its counters, three allocations, its place in a tail.
const BLOCK_OVERHEAD_BYTES: usize = 100;

/// Where a line ends in its block, and the id of the event it tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineEnd {
    /// Id in the sequence; for a `GONE` line the removal's own.
    pub id: u64,
    /// Offset just behind the newline, in bytes.
    pub end_bytes: u32,
}

/// Lines ready to be sent. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    bytes: Bytes,
    lines: Box<[LineEnd]>,
    holders: Holders,
}

impl Block {
    /// The lines as they go out.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Every line's end and id, in order.
    pub fn lines(&self) -> &[LineEnd] {
        &self.lines
    }

    /// Id of the first line.
    pub fn first_id(&self) -> u64 {
        self.lines.first().map_or(0, |line| line.id)
    }

    /// Id of the last line.
    pub fn last_id(&self) -> u64 {
        self.lines.last().map_or(0, |line| line.id)
    }

    /// What it takes in memory: the lines, their index, and itself with its place in a tail.
    pub fn cost_bytes(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.lines) + BLOCK_OVERHEAD_BYTES
    }

    /// The tails that hold it.
    pub(super) fn holders(&self) -> &Holders {
        &self.holders
    }

    /// The line in which the byte at `offset` stands; an offset at the very end has none.
    pub fn line_at(&self, offset: usize) -> Option<&LineEnd> {
        let at = self
            .lines
            .partition_point(|line| line.end_bytes as usize <= offset);
        self.lines.get(at)
    }

    /// Offset behind the last line whose id is at most `id`: where a reader that has seen `id` goes on.
    pub fn offset_behind(&self, id: u64) -> u32 {
        let at = self.lines.partition_point(|line| line.id <= id);
        at.checked_sub(1).map_or(0, |i| self.lines[i].end_bytes)
    }
}

/// Collects lines into blocks.
#[derive(Debug, Default)]
pub struct BlockBuilder {
    bytes: Vec<u8>,
    lines: Vec<LineEnd>,
}

impl BlockBuilder {
    /// Adds the line that `write` appends, which must end in a newline.
    pub fn push(&mut self, id: u64, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.lines.push(LineEnd {
            id,
            end_bytes: self.bytes.len() as u32,
        });
    }

    /// Whether the block should be closed.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= BLOCK_BYTES
    }

    /// Closes the block; `None` if nothing was pushed.
    pub fn take(&mut self) -> Option<Block> {
        if self.lines.is_empty() {
            return None;
        }
        let bytes = Bytes::from(std::mem::take(&mut self.bytes).into_boxed_slice());
        Some(Block {
            bytes,
            lines: std::mem::take(&mut self.lines).into_boxed_slice(),
            holders: Holders::default(),
        })
    }
}

/// Appends the line that members hear about `event`; `body` is the body in the form of the connection. `reader` is the account that
/// hears it, which matters in a direct conversation only: each end names the other.
pub fn write_member_line(event: &Event, body: &[u8], reader: &str, out: &mut Vec<u8>) {
    match &event.kind {
        EventKind::Message(_) => {
            out.extend_from_slice(b"MSG;");
            write_message_fields(event, reader, out);
            out.extend_from_slice(body);
        }
        EventKind::Removal(target) => {
            out.extend_from_slice(b"GONE;");
            event.room.write_seen_by(reader, out);
            out.push(b';');
            push_decimal(*target, 1, out);
        }
    }
    out.push(b'\n');
}

/// Appends `{room};{id};{timestamp};{user};`, which MSG and HIST share.
pub fn write_message_fields(event: &Event, reader: &str, out: &mut Vec<u8>) {
    event.room.write_seen_by(reader, out);
    out.push(b';');
    push_decimal(event.id, 1, out);
    out.push(b';');
    event.time.write_to(out);
    out.push(b';');
    out.extend_from_slice(event.user.as_str().as_bytes());
    out.push(b';');
}

/// The lines of `events`, which are a room's, for text connections, as blocks.
pub fn text_blocks<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<Block> {
    text_blocks_for("", events)
}

/// The same for the account `reader`, be it of a direct conversation.
pub fn text_blocks_for<'a>(reader: &str, events: impl Iterator<Item = &'a Event>) -> Vec<Block> {
    let (mut builder, mut blocks) = (BlockBuilder::default(), Vec::new());
    for event in events {
        let body: &[u8] = match &event.kind {
            EventKind::Message(body) => body,
            EventKind::Removal(_) => b"",
        };
        builder.push(event.id, |out| write_member_line(event, body, reader, out));
        if builder.is_full() {
            blocks.extend(builder.take());
        }
    }
    blocks.extend(builder.take());
    blocks
}

/// The lines of one page, as `write` writes them from an event and its stored body; `None` if there are none.
pub fn text_page(
    events: &[Event],
    mut write: impl FnMut(&Event, &[u8], &mut Vec<u8>),
) -> Option<Block> {
    let mut builder = BlockBuilder::default();
    for event in events {
        let body: &[u8] = match &event.kind {
            EventKind::Message(body) => body,
            EventKind::Removal(_) => b"",
        };
        builder.push(event.id, |out| write(event, body, out));
    }
    builder.take()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::wire::names::{RoomName, UserName};
    use crate::edge::wire::timestamp::Timestamp;

    fn event(id: u64, kind: EventKind) -> Event {
        let user = UserName::parse("ann").unwrap();
        let time = Timestamp::from_micros(1_500_000);
        Event {
            id,
            time,
            room: RoomName::lobby(),
            user,
            kind,
            origin: 1,
            nonce: 0,
        }
    }

    #[test]
    fn lines_are_those_of_the_protocol() {
        let events = [
            event(3, EventKind::Message(Bytes::from_static(b"a;b"))),
            event(9, EventKind::Removal(3)),
        ];
        let blocks = text_blocks(events.iter());
        assert_eq!(blocks.len(), 1);
        let block = &blocks[0];
        assert_eq!(
            &block.bytes()[..],
            b"MSG;lobby;3;1.500;ann;a;b\nGONE;lobby;3\n"
        );
        assert_eq!((block.first_id(), block.last_id()), (3, 9));
        assert_eq!(block.line_at(0).map(|l| l.id), Some(3));
        assert_eq!(block.line_at(26).map(|l| l.id), Some(9));
        assert_eq!(block.line_at(block.bytes().len()), None);
        assert_eq!(
            (
                block.offset_behind(2),
                block.offset_behind(3),
                block.offset_behind(8)
            ),
            (0, 26, 26)
        );
        assert_eq!(block.offset_behind(9) as usize, block.bytes().len());
    }

    #[test]
    fn each_end_of_a_conversation_names_the_other() {
        let user = |name| UserName::parse(name).unwrap();
        let room = RoomName::direct(&user("Ann"), &user("bob"));
        let events = [
            event(3, EventKind::Message(Bytes::from_static(b"psst"))),
            event(9, EventKind::Removal(3)),
        ];
        let events = events.map(|event| Event {
            room: room.clone(),
            ..event
        });
        for (reader, lines) in [
            ("ann", "MSG;@bob;3;1.500;ann;psst\nGONE;@bob;3\n"),
            ("bob", "MSG;@ann;3;1.500;ann;psst\nGONE;@ann;3\n"),
        ] {
            let blocks = text_blocks_for(reader, events.iter());
            assert_eq!(&blocks[0].bytes()[..], lines.as_bytes());
        }
    }

    #[test]
    fn long_groups_become_several_blocks() {
        let body = Bytes::from(vec![b'x'; 10_000]);
        let events: Vec<_> = (1..=20)
            .map(|id| event(id, EventKind::Message(body.clone())))
            .collect();
        let blocks = text_blocks(events.iter());
        assert_eq!(blocks.len(), 3);
        assert_eq!(blocks.iter().map(|b| b.lines().len()).sum::<usize>(), 20);
    }
}
