//! Whole log folders whose files somebody has changed: opening them never panics, and what is served is what was stored.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

pub use super::journal::fuzzing::journal;
use super::{Durability, EmbeddedLog, EmbeddedOptions};
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;
use crate::fuzzing::Input;
use crate::store::log::clock::Clock;
use crate::store::log::disk::simulated::{Dice, Machine};
use crate::store::log::ground::{Background, Ground};
use crate::store::log::{
    Event, EventKind, LogError, LogReader, LogStore, NewEvent, Outcome, PageQuery, RoomRetention,
};

mod mend;

/// Where the log is on its disk.
const FOLDER: &str = "data/log";
/// The key of the tags, which is chance otherwise: the same input is to be the same log in every process.
const KEY: &[u8; 16] = b"a key of the tag";

/// A machine with an empty disk.
fn machine() -> Machine {
    Machine::new(Dice::new(1), false)
}

/// A log as its files are, and what it holds.
struct Image {
    /// Path within the folder, and bytes; in order of name.
    files: Vec<(PathBuf, Vec<u8>)>,
    events: Vec<Event>,
}

fn options() -> EmbeddedOptions {
    EmbeddedOptions {
        folder: PathBuf::from(FOLDER),
        durability: Durability::Os,
        flush_interval: Duration::from_secs(1),
        segment_bytes: 1024,
        journal_bytes: 64 * 1024,
        retain_messages: 0,
        retain_age: Duration::ZERO,
        retain_bytes: 0,
        rooms_max: 100,
        tags_max: 100,
    }
}

/// Starts a process on the machine. Its clocks go on by a tenth of a second whenever they are looked at, the work beside is done at once,
/// and what is chance otherwise follows from the number.
fn open(machine: &Machine, number: u64) -> Result<EmbeddedLog, LogError> {
    let ticks = AtomicU64::new(0);
    let clocks = move || {
        let uptime = Duration::from_millis(100) * ticks.fetch_add(1, Ordering::Relaxed) as u32;
        (uptime, at(90 + uptime.as_secs()))
    };
    let ground = Ground {
        disk: machine.start(),
        clock: Clock::Simulated(Arc::new(clocks)),
        background: Background::Inline(Arc::new(|| true)),
    };
    let silent = slog::Logger::root(slog::Discard, slog::o!());
    let mut log = EmbeddedLog::open_on(&ground, options(), silent)?;
    log.draft.salts = StdRng::seed_from_u64(number);
    Ok(log)
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros((1_700_000_000 + seconds) * 1_000_000)
}

fn message(room: &str, body: String) -> NewEvent {
    NewEvent {
        room: RoomName::parse(room).expect("a room"),
        user: UserName::repaired("ann").0,
        kind: EventKind::Message(body.into_bytes().into()),
        origin: 7,
        nonce: 1,
        tag: None,
        time: None,
    }
}

/// Several segments, removals, tags, a room that keeps little, of so many messages; stopped cleanly, or not at all.
fn image(messages: u64, is_stopped: bool) -> Image {
    let machine = machine();
    machine.put(&Path::new(FOLDER).join("tags/key"), KEY);
    let mut log = open(&machine, 0).expect("a new log");
    for n in 0..messages {
        let room = ["lobby", "dev", "short"][n as usize % 3];
        let mut event = message(room, format!("message {n} of many; with \\\\ in it"));
        if n.is_multiple_of(4) {
            event.tag = Some(log.tag_mark("ann", &format!("t{n}"), &event.room, b"x"));
        }
        log.stage(event);
        if n % 10 == 9 {
            log.stage(NewEvent {
                kind: EventKind::Removal(n - 3),
                ..message(room, String::new())
            });
        }
        if n % 2 == 1 {
            log.commit(at(n)).expect("a commit");
            log.maintain(at(n)).expect("upkeep");
        }
    }
    let short = RoomName::parse("short").expect("a room");
    let keep = RoomRetention {
        age: Duration::ZERO,
        messages: 3,
    };
    log.set_room_retention(&short, keep).expect("a retention");
    if is_stopped {
        // Each start begins the half anew that has not the newest group: in the end the journal knows the last message alone, and of all
        // others the segments have to tell.
        for n in 0..3 {
            log.close().expect("a stop");
            drop(log);
            log = open(&machine, 1 + n).expect("a good log");
            log.stage(message("dev", format!("start {n}")));
            log.commit(at(60 + n)).expect("a commit");
        }
    }
    let events = served(&*log.reader()).expect("a good log");
    if is_stopped {
        log.close().expect("a stop");
    }
    drop(log);
    let mut files = machine.files(Path::new(FOLDER));
    files.retain(|(name, _)| name != Path::new("LOCK"));
    let mut tables = files.iter_mut();
    let table = tables.find(|(name, _)| name == Path::new("rooms.table"));
    in_order(&mut table.expect("a table of rooms").1);
    Image { files, events }
}

/// Sorts the rooms of a table, whose order is chance otherwise.
fn in_order(table: &mut Vec<u8>) {
    let (mut at, end) = (24, table.len() - 4);
    let mut rooms = Vec::new();
    while at < end {
        let next = at + 9 + usize::from(table[at + 8]);
        rooms.push(table[at..next].to_vec());
        at = next;
    }
    rooms.sort();
    table.splice(24..end, rooms.concat());
    mend::checksums(Path::new("rooms.table"), table);
}

/// All that readers get, by pages and by ids.
fn served(reader: &dyn LogReader) -> Result<Vec<Event>, LogError> {
    let mut query = PageQuery {
        room: None,
        after: 0,
        before: u64::MAX,
        since: Timestamp::default(),
        newest_first: false,
        with_removals: true,
        events_max: 100,
        bytes_max: 1 << 20,
    };
    let mut events: Vec<Event> = Vec::new();
    loop {
        let page = reader.page(&query)?;
        events.extend(page.events);
        assert!(
            !page.more || page.scanned_to > query.after,
            "no way forward"
        );
        query.after = page.scanned_to;
        if !page.more {
            return Ok(events);
        }
    }
}

/// Messages of a small log, and of one that costs twice as much.
const MESSAGES: [u64; 2] = [16, 36];

static IMAGES: LazyLock<[[Image; 2]; 2]> =
    LazyLock::new(|| MESSAGES.map(|messages| [image(messages, true), image(messages, false)]));

/// Which log, and what is done to its files.
pub fn log_folder(data: &[u8]) {
    let mut input = Input(data);
    let how = input.byte();
    let is_large = how & 0x1C == 0x04;
    let image = &IMAGES[usize::from(is_large)][usize::from(how & 1)];
    // Somebody who puts checksums right is beyond chance: what is served then is not known, but nothing panics.
    let is_mended = how & 2 != 0;
    let mut files = image.files.clone();
    let (mut changed, mut is_copied) = (0, false);
    while !input.is_empty() && changed < 6 {
        is_copied |= change(&mut files, &mut input, is_mended);
        changed += 1;
    }
    let machine = machine();
    for (name, bytes) in &files {
        machine.put(&Path::new(FOLDER).join(name), bytes);
    }
    let is_text_changed = files
        .iter()
        .zip(&image.files)
        .any(|(is, was)| is.0.extension().is_some_and(|end| end == "log") && is.1 != was.1);
    let expected = (!is_mended).then_some(Expected {
        events: &image.events,
        with_names: !is_text_changed,
        is_copied,
    });
    // Often twice: what the first start made of it is no worse.
    let starts = 1 + u64::from(how & 0x20 == 0);
    for number in 10..10 + starts {
        if !start(&machine, number, expected.as_ref()) {
            return;
        }
    }
}

/// Opens, reads, writes; returns whether that was possible.
fn start(machine: &Machine, number: u64, expected: Option<&Expected<'_>>) -> bool {
    let Ok(mut log) = open(machine, number) else {
        return false;
    };
    let reader = log.reader();
    if let (Ok(events), Some(expected)) = (served(&*reader), expected) {
        let rise = events.is_sorted_by_key(|event| event.id);
        assert!(rise || expected.is_copied, "ids do not rise");
        events.iter().for_each(|event| was_stored(event, expected));
    }
    for room in ["lobby", "dev", "short", "none"] {
        let room = RoomName::parse(room).expect("a room");
        let _ = reader.resolve(&room, crate::store::log::From::Last(3));
        let _ = reader.resolve(&room, crate::store::log::From::Since(at(10)));
        assert!(reader.room_newest(&room) <= reader.newest() || expected.is_none());
    }
    for id in [1, 2, 10, 11, 20, 30, u64::MAX] {
        let _ = reader.get(id);
    }
    let newest = reader.newest();
    log.stage(message("lobby", "afterwards".to_owned()));
    if let Ok(commit) = log.commit(at(100)) {
        match commit.outcomes[..] {
            [Outcome::Stored { id, .. }] => {
                assert!(id > newest, "an id is given twice");
                let got = reader.get(id).ok().flatten();
                // An index that lies with right checksums may lead elsewhere.
                assert!(expected.is_none() || got.is_some_and(|event| event.id == id));
            }
            [Outcome::Limit(_)] => {}
            ref other => panic!("{other:?}"),
        }
    }
    let _ = log.maintain(at(101));
    let _ = log.close();
    true
}

/// What may be served where nobody has put checksums right.
struct Expected<'a> {
    events: &'a [Event],
    /// The hash of names and content is compared at `log verify`, not at every read: see "What a read checks" in `docs/storage.md`. So
    /// they are known only if nobody has changed the text.
    with_names: bool,
    /// Whole pieces of files stand somewhere else, or twice: each entry there is right in itself. `log verify` finds it, a read does not.
    is_copied: bool,
}

fn was_stored(event: &Event, expected: &Expected<'_>) {
    if event.time == at(100) {
        return;
    }
    let mut events = expected.events.iter();
    let Some(stored) = events.find(|stored| stored.id == event.id) else {
        // Removed, or expired, until somebody damaged what said so.
        let newest = expected.events.last().map_or(0, |event| event.id);
        return assert!(event.id <= newest, "nobody stored {}", event.id);
    };
    if expected.with_names {
        assert_eq!((&event.room, &event.user), (&stored.room, &stored.user));
        assert_eq!(event.kind, stored.kind);
    }
    assert_eq!((event.time, event.origin), (stored.time, stored.origin));
    match (&event.kind, &stored.kind) {
        (EventKind::Message(got), EventKind::Message(was)) => assert_eq!(got.len(), was.len()),
        (got, was) => assert_eq!(got, was),
    }
}

/// Changes one place of one file; returns whether that may have copied what is right elsewhere.
fn change(files: &mut [(PathBuf, Vec<u8>)], input: &mut Input<'_>, is_mended: bool) -> bool {
    let at = usize::from(input.byte()) % files.len();
    let (what, place) = (input.byte(), usize::from(input.short()));
    let other = files[place % files.len()].1.clone();
    let (name, bytes) = &mut files[at];
    let place = if bytes.is_empty() {
        0
    } else {
        place % bytes.len()
    };
    match what % 8 {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= input.byte().max(1);
            }
        }
        2 | 3 => {
            let value = input.long().to_le_bytes();
            let place = place / 8 * 8;
            let end = bytes.len().min(place + 8);
            let value = &value[..end - place];
            bytes[place..end].copy_from_slice(value);
        }
        4 => bytes.truncate(place),
        5 => bytes.extend_from_slice(input.bytes(64)),
        6 => *bytes = other,
        _ => {
            let piece = bytes[place..].to_vec();
            bytes.extend(piece);
        }
    }
    if is_mended {
        mend::checksums(name, bytes);
    }
    what % 8 >= 6
}

/// Else what has broken something would not break it again.
#[cfg(test)]
#[test]
fn the_logs_are_the_same_in_every_process() {
    for (messages, is_stopped) in [(16, true), (16, false), (36, true), (36, false)] {
        let (one, other) = (image(messages, is_stopped), image(messages, is_stopped));
        for (one, other) in one.files.iter().zip(&other.files) {
            assert!(one == other, "{} differs", one.0.display());
        }
        assert_eq!(one.files.len(), other.files.len());
        assert!(!one.events.is_empty() && one.events == other.events);
    }
}
