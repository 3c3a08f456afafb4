//! What is asked about the past, and what has to be answered: random requests, each timed from its writing to the last line of
//! its answer and then compared with the model.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;

use super::model::{Model, mix, room_name, seconds};
use crate::sys::connect_from;

/// Messages asked for: what HISTORY gives if it is not told otherwise.
const LIMIT: usize = 100;
/// An answer that takes longer is none.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The oldest behind a random id, of a random room.
    After,
    /// The newest before a random id, of a random room.
    Before,
    /// The oldest since a random time, of a random room.
    Since,
    /// The newest of one of the ten busiest rooms.
    NewestBusy,
    /// The newest of one of the quieter half of the rooms.
    NewestQuiet,
    /// A guest comes back to a random room and has seen a random id of it: until it has the first hundred messages that it missed.
    Resume,
}

impl Kind {
    pub(super) const ALL: [Self; 6] = [
        Self::After,
        Self::Before,
        Self::Since,
        Self::NewestBusy,
        Self::NewestQuiet,
        Self::Resume,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::After => "HISTORY after an id",
            Self::Before => "HISTORY before an id",
            Self::Since => "HISTORY since a time",
            Self::NewestBusy => "HISTORY, newest of a busy room",
            Self::NewestQuiet => "HISTORY, newest of a quiet room",
            Self::Resume => "JOIN after an id",
        }
    }
}

/// One request and the ids that have to come.
struct Request {
    room: usize,
    words: String,
    ids: Vec<u32>,
}

/// What a number of requests came to.
pub(super) struct Timed {
    /// Nanoseconds.
    pub(super) times: Histogram<u64>,
    pub(super) lines: u64,
}

/// Makes the `number`th request of a kind.
fn request(model: &Model, kind: Kind, seed: u64, number: u32) -> Request {
    let random = |what: u64, below: usize| {
        let mixed = mix(seed ^ mix(u64::from(number) << 8 | what));
        (mixed % below.max(1) as u64) as usize
    };
    let used = &model.used;
    let room = match kind {
        Kind::NewestBusy => used[random(0, used.len().min(10))],
        Kind::NewestQuiet => used[used.len() / 2 + random(0, used.len() - used.len() / 2)],
        _ => used[random(0, used.len())],
    };
    let ids = model.ids(room);
    let id = 1 + random(1, model.records as usize) as u32;
    let name = room_name(room);
    let first = |from: usize| ids[from..ids.len().min(from + LIMIT)].to_vec();
    let last = |to: usize| ids[to.saturating_sub(LIMIT)..to].to_vec();
    let (range, ids) = match kind {
        Kind::After => (
            format!("after={id}"),
            first(ids.partition_point(|known| *known <= id)),
        ),
        Kind::Before => (
            format!("before={id}"),
            last(ids.partition_point(|known| *known < id)),
        ),
        Kind::Since => (
            format!("since={}", seconds(Model::micros(id))),
            first(ids.partition_point(|known| *known < id)),
        ),
        Kind::NewestBusy | Kind::NewestQuiet => (String::new(), last(ids.len())),
        Kind::Resume => {
            let seen = random(2, ids.len());
            let words = format!("JOIN;t;{name};after={}\n", ids[seen]);
            return Request {
                room,
                words,
                ids: first(seen + 1),
            };
        }
    };
    Request {
        room,
        words: format!("HISTORY;t;{name};{range};{LIMIT}\n"),
        ids,
    }
}

/// A connection that waits for its answers.
struct Asker {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Asker {
    /// Lets another guest in.
    fn log_in(server: SocketAddrV4) -> Result<Self> {
        static GUESTS: AtomicU32 = AtomicU32::new(0);
        let name = format!("past{}", GUESTS.fetch_add(1, Ordering::Relaxed));
        let stream = connect_from(None, server, None)?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(ANSWER_DEADLINE))?;
        let mut asker = Self {
            reader: BufReader::with_capacity(64 * 1024, stream.try_clone()?),
            stream,
        };
        asker
            .stream
            .write_all(format!("AUTH;a;GUEST;{name}\n").as_bytes())?;
        let line = asker.line()?;
        ensure!(
            line.starts_with(b"OK;a;"),
            "{name} was not let in: {}",
            String::from_utf8_lossy(&line)
        );
        Ok(asker)
    }

    fn line(&mut self) -> Result<Vec<u8>> {
        let mut line = Vec::new();
        self.reader
            .read_until(b'\n', &mut line)
            .context("no answer came")?;
        ensure!(
            line.pop() == Some(b'\n'),
            "the server closed the connection"
        );
        Ok(line)
    }

    /// Asks and takes the whole answer; how long that took.
    fn history(&mut self, request: &Request) -> Result<Duration> {
        let mut lines = Vec::with_capacity(LIMIT);
        let began = Instant::now();
        self.stream.write_all(request.words.as_bytes())?;
        let end = loop {
            let line = self.line()?;
            if !line.starts_with(b"HIST;") {
                break line;
            }
            lines.push(line);
        };
        let time = began.elapsed();
        let expected = format!("OK;t;{}", request.ids.len());
        ensure!(
            end == expected.as_bytes(),
            "expected {expected}, got {}",
            String::from_utf8_lossy(&end)
        );
        check(&lines, "HIST;t", request).map(|()| time)
    }

    /// Joins and takes what was missed, up to a hundred messages; how long that took.
    fn resume(&mut self, request: &Request) -> Result<Duration> {
        let mut lines = Vec::with_capacity(LIMIT);
        let began = Instant::now();
        self.stream.write_all(request.words.as_bytes())?;
        let ok = self.line()?;
        while lines.len() < request.ids.len() {
            lines.push(self.line()?);
        }
        let time = began.elapsed();
        ensure!(
            ok.starts_with(b"OK;t;"),
            "not let in again: {}",
            String::from_utf8_lossy(&ok)
        );
        check(&lines, "MSG", request).map(|()| time)
    }
}

fn check(lines: &[Vec<u8>], head: &str, request: &Request) -> Result<()> {
    ensure!(
        lines.len() == request.ids.len(),
        "{} lines where {} belong",
        lines.len(),
        request.ids.len()
    );
    let mut each = lines.iter().zip(&request.ids);
    each.try_for_each(|(line, id)| Model::check(line, head, request.room, *id))
}

/// Logs somebody in; the server is there for its clients once that is answered.
pub(super) fn first_log_in(server: SocketAddrV4) -> Result<()> {
    Asker::log_in(server).map(drop)
}

/// Asks `count` times from so many connections: one after the other, or (`together`) each as soon as its last answer has come.
pub(super) fn ask(
    model: &Model,
    server: SocketAddrV4,
    kind: Kind,
    count: u32,
    connections: u32,
    together: bool,
) -> Result<Timed> {
    let seed = mix(kind as u64 * 2 + u64::from(together));
    if !together {
        return share(model, server, kind, seed, 0..count, connections);
    }
    let parts: Vec<Result<Timed>> = std::thread::scope(|scope| {
        let one = |part: u32| {
            let numbers = count * part / connections..count * (part + 1) / connections;
            scope.spawn(move || share(model, server, kind, seed, numbers, 1))
        };
        let threads: Vec<_> = (0..connections).map(one).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread
                .join()
                .unwrap_or_else(|_| Err(anyhow::anyhow!("a thread that asks panicked")))
        };
        threads.into_iter().map(join).collect()
    });
    let mut all = Timed {
        times: Histogram::new(3)?,
        lines: 0,
    };
    for part in parts {
        let part = part?;
        all.times.add(&part.times)?;
        all.lines += part.lines;
    }
    Ok(all)
}

/// One request after the other, the connections in turn.
fn share(
    model: &Model,
    server: SocketAddrV4,
    kind: Kind,
    seed: u64,
    numbers: std::ops::Range<u32>,
    connections: u32,
) -> Result<Timed> {
    let mut askers = Vec::new();
    if kind != Kind::Resume {
        for _ in 0..connections {
            askers.push(Asker::log_in(server)?);
        }
    }
    let mut timed = Timed {
        times: Histogram::new(3)?,
        lines: 0,
    };
    for number in numbers {
        let request = request(model, kind, seed, number);
        let answer = match kind {
            // It would go on hearing the room, so each comes back but once.
            Kind::Resume => Asker::log_in(server).and_then(|mut asker| asker.resume(&request)),
            _ => {
                let turn = number as usize % askers.len();
                askers[turn].history(&request)
            }
        };
        let time = answer.with_context(|| request.words.trim_end().to_owned())?;
        timed.times.record(u64::try_from(time.as_nanos())?)?;
        timed.lines += request.ids.len() as u64;
    }
    Ok(timed)
}
