//! What is counted: the stations of a message, each on data made beforehand, each warmed up, so that a count is that of a server in
//! full run. Everything that would be another one in every run (time, addresses) is given or cancels out.

use std::hint::black_box;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gencomm::edge::wire::c16;
use gencomm::edge::wire::escape::canonical_body;
use gencomm::edge::wire::gc2::lines::{Line, LineSplitter};
use gencomm::edge::wire::gc2::{command, reply};
use gencomm::edge::wire::names::{RoomName, UserName};
use gencomm::edge::wire::timestamp::Timestamp;
use gencomm::hub::rules::block::text_blocks;
use gencomm::hub::rules::cursor::{Cursor, Next, Slices};
use gencomm::hub::rules::tail::Tail;
use gencomm::hub::rules::tail_budget::TailBudget;
use gencomm::store::log::embedded::{Durability, EmbeddedLog, EmbeddedOptions};
use gencomm::store::log::{Event, EventKind, LogStore, NewEvent, PageQuery};

use super::callgrind::counted;

/// Messages in a batch, lines in a read of a socket.
const BATCH: usize = 100;
/// A message of a usual length: 64 bytes.
const BODY: &str = "a message of a usual length, with a comma; sixty-four bytes long";
const LINE_BYTES_MAX: usize = 16 * 1024;

type Done = Result<(), String>;

/// Runs everything; to be called under callgrind.
pub(crate) fn run_all() -> Done {
    parse("parse SEND", &format!("SEND;s1742;lobby;{BODY}"))?;
    parse("parse JOIN", "JOIN;j2;builds;after=1234567")?;
    parse(
        "parse AUTH",
        "AUTH;a1;TOKEN;Z2Mxci1hbm4tbm90LWEtdG9rZW4tYnV0LWFzLWxvbmc=",
    )?;
    make_canonical()?;
    answer_send()?;
    encode_block()?;
    tail_and_cursor()?;
    for size in [64, 1024] {
        code_c16(size)?;
    }
    // Last: its threads and random keys leave the heap in another state each time, and growing a vector costs according to that.
    log()
}

/// Counts `times` calls of `operation`, each of which does `each` of what the path's name says, and tells the counting process.
fn path(name: &str, times: u32, each: usize, mut operation: impl FnMut()) -> Done {
    for _ in 0..times.div_ceil(10) {
        operation();
    }
    counted(times, &mut operation);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{};{name}", times as usize * each).map_err(|error| error.to_string())
}

/// A read of a socket that brought this line many times: cut into lines and parsed.
fn parse(name: &str, line: &str) -> Done {
    if let Err(refusal) = command::parse(line.as_bytes()) {
        return Err(format!("{name}: {refusal:?}"));
    }
    let input = format!("{line}\n").repeat(BATCH).into_bytes();
    let mut splitter = LineSplitter::new(LINE_BYTES_MAX);
    path(&format!("{name}, a line"), 100, BATCH, || {
        splitter.feed(black_box(&input), |line| {
            if let Line::Whole(line) = line {
                let _ = black_box(command::parse(line));
            }
            ControlFlow::Continue(())
        });
    })
}

fn make_canonical() -> Done {
    path("body of SEND to its stored form, 64 B", 10_000, 1, || {
        black_box(canonical_body(black_box(BODY.as_bytes())));
    })
}

fn answer_send() -> Done {
    let mut out = Vec::with_capacity(BATCH * 64);
    path("write OK of a SEND, a line", 100, BATCH, || {
        out.clear();
        for id in 0..BATCH as u64 {
            reply::ok_send(&mut out, "s1742", black_box(7_000_000 + id), at(id));
        }
        black_box(&out);
    })
}

/// A moment; of the same number of digits for each `number` used here.
fn at(number: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + number * 1_003)
}

fn new_event(user: &UserName, body: &Bytes) -> NewEvent {
    NewEvent {
        room: RoomName::lobby(),
        user: user.clone(),
        kind: EventKind::Message(body.clone()),
        origin: 7,
        nonce: 1,
        tag: None,
        time: None,
    }
}

fn ann() -> Result<UserName, String> {
    UserName::parse("ann").map_err(|error| error.to_string())
}

/// A group through the embedded log, journal and segment, and a page of it read back. What the system does for it is not counted.
fn log() -> Done {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let options = EmbeddedOptions {
        folder: folder.path().to_owned(),
        durability: Durability::Os,
        flush_interval: Duration::from_secs(3600),
        // Larger than what is written here: changing a segment or a half is other work, and another thread's.
        segment_bytes: 64 << 20,
        journal_bytes: 64 << 20,
        retain_messages: 0,
        retain_age: Duration::ZERO,
        retain_bytes: 0,
        rooms_max: 8,
        tags_max: 1000,
    };
    let silent = slog::Logger::root(slog::Discard, slog::o!());
    let mut log = EmbeddedLog::open(options, silent).map_err(|error| error.to_string())?;
    let (user, body) = (ann()?, Bytes::from_static(BODY.as_bytes()));
    let (mut group, mut error) = (0, None);
    path(
        "append 100 messages to the log, a message",
        50,
        BATCH,
        || {
            for _ in 0..BATCH {
                log.stage(new_event(&user, &body));
            }
            group += 1;
            if let Err(what) = log.commit(at(group)) {
                error = Some(what.to_string());
            }
        },
    )?;
    let reader = log.reader();
    let query = PageQuery {
        room: Some(RoomName::lobby()),
        after: 2000,
        before: u64::MAX,
        since: Timestamp::from_micros(0),
        newest_first: false,
        with_removals: true,
        events_max: BATCH,
        bytes_max: 1 << 20,
    };
    path(
        "read 100 messages from the log, a message",
        50,
        BATCH,
        || match reader.page(black_box(&query)) {
            Ok(page) if page.events.len() == BATCH => drop(black_box(page)),
            Ok(page) => error = Some(format!("a page of {}", page.events.len())),
            Err(what) => error = Some(what.to_string()),
        },
    )?;
    log.close().map_err(|error| error.to_string())?;
    error.map_or(Ok(()), Err)
}

/// A batch of events with ids from `first_id` on.
fn batch(first_id: u64) -> Result<Vec<Event>, String> {
    let user = ann()?;
    Ok((first_id..first_id + BATCH as u64)
        .map(|id| Event {
            id,
            time: at(id),
            room: RoomName::lobby(),
            user: user.clone(),
            kind: EventKind::Message(Bytes::from_static(BODY.as_bytes())),
            origin: 7,
            nonce: 1,
        })
        .collect())
}

fn encode_block() -> Done {
    let events = batch(1_000_000)?;
    path("encode a block for members, a line", 100, BATCH, || {
        black_box(text_blocks(black_box(&events).iter()));
    })
}

/// A member that has everything hears of a block: it goes to the tail, the oldest is trimmed, and the member's cursor hands it to
/// one write that takes it whole.
fn tail_and_cursor() -> Done {
    const TIMES: u32 = 1000;
    const FIRST_ID: u64 = 1_000_000;
    let mut blocks = Vec::new();
    for number in 0..u64::from(TIMES + TIMES.div_ceil(10)) {
        let events = batch(FIRST_ID + number * BATCH as u64)?;
        blocks.extend(text_blocks(events[..1].iter()).into_iter().map(Arc::new));
    }
    let budget = Arc::new(TailBudget::new(64 << 20));
    let mut tail = Tail::new(FIRST_ID - 1, 4096, &budget);
    let mut cursor = Cursor::behind(FIRST_ID - 1);
    let (mut news, mut error) = (blocks.into_iter(), None);
    path("block into a tail, out by a cursor", TIMES, 1, || {
        let Some(block) = news.next() else {
            error = Some("no block left".to_owned());
            return;
        };
        tail.push(block);
        if cursor.next(&tail) != Next::Write {
            error = Some("the cursor has nothing to write".to_owned());
        }
        let mut slices = Slices::new();
        let bytes = cursor.gather(&tail, 64 * 1024, &mut slices);
        black_box(&slices);
        drop(slices);
        black_box(cursor.advance(&tail, bytes));
    })?;
    error.map_or(Ok(()), Err)
}

fn code_c16(size: usize) -> Done {
    let raw: Vec<u8> = (0..size)
        .map(|at| at.wrapping_mul(73).to_le_bytes()[0])
        .collect();
    let text = c16::encode(&raw);
    let (mut out, mut error) = (Vec::with_capacity(2 * size), None);
    path(&format!("C16 encode {size} B"), 10_000, 1, || {
        out.clear();
        c16::encode_into(black_box(&raw), &mut out);
        black_box(&out);
    })?;
    path(&format!("C16 decode {size} B"), 10_000, 1, || {
        out.clear();
        if let Err(what) = c16::decode_into(black_box(&text), &mut out) {
            error = Some(what.to_string());
        }
        black_box(&out);
    })?;
    error.map_or(Ok(()), Err)
}
