//! The codec of one shard: C16 through FFI, in batches. In: events to encode, bodies to decode. Out: blocks for the fan-out,
//! pages and bodies for clients. Owns nothing but its buffers.
//!
//! What it is working on is kept until it is done, so that after a panic whoever waits for it is told, and not left waiting.

use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, Context, Handler, Message, Supervised};
use bytes::Bytes;

use crate::edge::wire::c16::{self, DecodeError};
use crate::edge::wire::escape::{escape_into, unescape_stored};
use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::reply;
use crate::edge::wire::names::{RoomName, Tag};
use crate::ops::again;
use crate::ops::panic_at;
use crate::store::log::{Event, EventKind};

use super::client::{BodiesDecoded, ClientAddr, LinesReady, PageFor, PageRead, write_page_line};
use super::room::BlocksEncoded;
use super::rules::block::{Block, BlockBuilder, write_member_line};
use super::shard::Shard;

/// See the module.
pub struct Codec {
    shard: Rc<Shard>,
    /// What is being worked on.
    current: Option<Job>,
}

enum Job {
    Blocks {
        room: RoomName,
        reader: Option<Arc<str>>,
        behind: u64,
    },
    Page {
        client: ClientAddr,
        page: PageRead,
    },
    Bodies {
        client: ClientAddr,
        count: usize,
    },
    Event {
        client: ClientAddr,
        ticket: u32,
        tag: Tag,
    },
}

impl Codec {
    /// A codec for `shard`.
    pub fn new(shard: Rc<Shard>) -> Self {
        Self {
            shard,
            current: None,
        }
    }
}

impl Actor for Codec {
    type Context = Context<Self>;
}

impl Supervised for Codec {
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        let _place = panic_at::place("codec/restarting");
        self.answer_as_failed();
        again::handle_again(self, ctx);
    }
}

impl Codec {
    fn answer_as_failed(&mut self) {
        match self.current.take() {
            Some(Job::Blocks {
                room,
                reader,
                behind,
            }) => {
                let room_actor = &self.shard.links().room;
                room_actor.do_send(BlocksEncoded {
                    room,
                    reader,
                    behind,
                    blocks: None,
                });
            }
            Some(Job::Page { client, page }) => client.do_send(page.failed("the codec failed")),
            Some(Job::Bodies { client, count }) => {
                client.do_send(BodiesDecoded {
                    bodies: vec![Err(BodyError::Codec); count],
                });
            }
            Some(Job::Event {
                client,
                ticket,
                tag,
            }) => {
                let mut lines = Vec::new();
                let text = "the codec failed; ask again";
                reply::err(&mut lines, tag.as_str(), ErrorCode::Unavailable, text);
                client.do_send(LinesReady { ticket, lines });
            }
            None => {}
        }
    }
}

/// Encode what a room's C16 readers are to hear.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct EncodeBlocks {
    /// Which room.
    pub room: RoomName,
    /// The account that hears them, in a direct conversation.
    pub reader: Option<Arc<str>>,
    /// The room's newest id before these events.
    pub behind: u64,
    /// The events.
    pub events: Arc<[Event]>,
}

impl Handler<EncodeBlocks> for Codec {
    type Result = ();

    fn handle(&mut self, ask: EncodeBlocks, _: &mut Context<Self>) {
        let ask = again::keep(self, ask);
        let _place = panic_at::place("codec/EncodeBlocks");
        let ask = ask.take();
        self.current = Some(Job::Blocks {
            room: ask.room.clone(),
            reader: ask.reader.clone(),
            behind: ask.behind,
        });
        let reader = ask.reader.as_deref().unwrap_or_default();
        let blocks = c16_blocks(&ask.events, reader);
        let blocks = blocks.into_iter().map(Arc::new).collect();
        let done = BlocksEncoded {
            room: ask.room,
            reader: ask.reader,
            behind: ask.behind,
            blocks: Some(blocks),
        };
        self.shard.links().room.do_send(done);
        self.current = None;
    }
}

/// Encode a page that was read from the log for one client.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EncodePage {
    /// Who waits for it.
    pub client: ClientAddr,
    /// The page, without its block.
    pub page: PageRead,
    /// What is in it.
    pub events: Vec<Event>,
}

impl Handler<EncodePage> for Codec {
    type Result = ();

    fn handle(&mut self, ask: EncodePage, _: &mut Context<Self>) {
        let ask = again::keep(self, ask);
        let _place = panic_at::place("codec/EncodePage");
        let ask = ask.take();
        self.current = Some(Job::Page {
            client: ask.client.clone(),
            page: ask.page.clone(),
        });
        let block = c16_page(&ask.events, &ask.page);
        ask.client.do_send(ask.page.with_block(block));
        self.current = None;
    }
}

/// Encode one message as the answer to a GET.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EncodeEvent {
    /// Who waits for it.
    pub client: ClientAddr,
    /// The client's own number for the asking.
    pub ticket: u32,
    /// The tag of the GET.
    pub tag: Tag,
    /// The client's account.
    pub reader: Arc<str>,
    /// The message.
    pub event: Event,
}

impl Handler<EncodeEvent> for Codec {
    type Result = ();

    fn handle(&mut self, ask: EncodeEvent, _: &mut Context<Self>) {
        let ask = again::keep(self, ask);
        let _place = panic_at::place("codec/EncodeEvent");
        let ask = ask.take();
        let (client, ticket, tag) = (ask.client.clone(), ask.ticket, ask.tag.clone());
        self.current = Some(Job::Event {
            client,
            ticket,
            tag,
        });
        let (mut body, mut lines) = (Vec::new(), Vec::new());
        encode_body(&ask.event, &mut body);
        write_page_line(
            &ask.event,
            &body,
            &PageFor::History(ask.tag.clone()),
            &ask.reader,
            &mut lines,
        );
        reply::ok_number(&mut lines, ask.tag.as_str(), 1);
        ask.client.do_send(LinesReady {
            ticket: ask.ticket,
            lines,
        });
        self.current = None;
    }
}

/// Decode the bodies that a client sent, in their order.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DecodeBodies {
    /// Who waits for them.
    pub client: ClientAddr,
    /// C16 texts.
    pub bodies: Vec<Bytes>,
}

/// Why a body was not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is no C16.
    #[error("the body is not C16: {0}")]
    NotC16(#[from] DecodeError),
    /// The codec failed; the client may try again.
    #[error("the codec failed; send it again")]
    Codec,
}

impl Handler<DecodeBodies> for Codec {
    type Result = ();

    fn handle(&mut self, ask: DecodeBodies, _: &mut Context<Self>) {
        let ask = again::keep(self, ask);
        let _place = panic_at::place("codec/DecodeBodies");
        let ask = ask.take();
        self.current = Some(Job::Bodies {
            client: ask.client.clone(),
            count: ask.bodies.len(),
        });
        let mut raw = Vec::new();
        let decode = |text: &Bytes| {
            raw.clear();
            c16::decode_into(text, &mut raw)?;
            let mut body = Vec::with_capacity(raw.len());
            escape_into(&raw, &mut body);
            Ok(DecodedBody {
                raw_bytes: raw.len(),
                body: body.into(),
            })
        };
        let bodies = ask.bodies.iter().map(decode).collect();
        ask.client.do_send(BodiesDecoded { bodies });
        self.current = None;
    }
}

/// A body in its stored form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedBody {
    /// How long the raw bytes were; what `limits.message_bytes` counts.
    pub raw_bytes: usize,
    /// The stored form.
    pub body: Bytes,
}

/// The C16 form of a stored body.
fn encode_body(event: &Event, out: &mut Vec<u8>) {
    if let EventKind::Message(body) = &event.kind {
        c16::encode_into(&unescape_stored(body), out);
    }
}

fn c16_blocks(events: &[Event], reader: &str) -> Vec<Block> {
    let (mut builder, mut blocks, mut body) = (BlockBuilder::default(), Vec::new(), Vec::new());
    for event in events {
        body.clear();
        encode_body(event, &mut body);
        builder.push(event.id, |out| write_member_line(event, &body, reader, out));
        if builder.is_full() {
            blocks.extend(builder.take());
        }
    }
    blocks.extend(builder.take());
    blocks
}

fn c16_page(events: &[Event], page: &PageRead) -> Option<Block> {
    let (mut builder, mut body) = (BlockBuilder::default(), Vec::new());
    for event in events {
        body.clear();
        encode_body(event, &mut body);
        builder.push(event.id, |out| {
            write_page_line(event, &body, &page.purpose, &page.reader, out);
        });
    }
    builder.take()
}

/// Makes this actor panic, to show that it is survived.
#[cfg(feature = "fault-injection")]
impl Handler<super::Provoke> for Codec {
    type Result = ();
    fn handle(&mut self, _: super::Provoke, _: &mut Context<Self>) {
        panic!("provoked");
    }
}
