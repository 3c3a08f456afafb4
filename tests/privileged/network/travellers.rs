//! Clients that come back whenever their connection is lost, with their resume token and behind the last id that they have seen.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::{Gc2, Stop, assert_same_ids, number};

const PASSWORD: &str = "tuesday rain on tin";
/// Messages of a sender on their way at a time.
const WINDOW: usize = 4;
/// Before another attempt to connect.
const PAUSE: Duration = Duration::from_millis(100);

/// What all travellers of a test share.
pub struct Journey {
    server: SocketAddr,
    room: String,
    /// Silence after which a traveller gives its connection up and comes back.
    silence: Duration,
    /// Senders end what they have in hand.
    is_ending: AtomicBool,
    /// The last id that readers wait for; 0 = not known yet.
    end: AtomicU64,
    /// Messages answered with OK.
    kept: AtomicU64,
    /// After this nobody tries any more.
    deadline: Instant,
}

impl Journey {
    /// To `server`, where accounts may be opened by anybody.
    pub fn new(server: SocketAddr, silence: Duration, most: Duration) -> Arc<Self> {
        Arc::new(Self {
            server,
            room: "den".into(),
            silence,
            is_ending: AtomicBool::new(false),
            end: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            deadline: Instant::now() + most,
        })
    }

    /// Messages that are kept so far.
    pub fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }

    /// Whether any attempt is in vain.
    #[track_caller]
    fn check_time(&self, who: &str) {
        assert!(
            Instant::now() < self.deadline,
            "{who} did not come to its end"
        );
    }
}

/// Somebody on the way: an account with its resume token.
struct Traveller {
    name: String,
    token: Option<String>,
    /// How often it came in.
    entries: usize,
}

impl Traveller {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            token: None,
            entries: 0,
        }
    }

    /// A connection that is logged in and in the room; `None` if it was lost on the way.
    fn enter(&mut self, journey: &Journey, from: &str) -> Option<Gc2> {
        let anywhere = Ipv4Addr::UNSPECIFIED;
        let mut client = Gc2::try_connect(journey.server, anywhere, None).ok()?;
        client.answers_pings = false;
        if self.token.is_none() {
            let password = STANDARD.encode(PASSWORD);
            let line = format!("REGISTER;r;{};{password};", self.name);
            // It may have been opened, and the answer lost.
            ask(&mut client, journey, "r", &line)?;
        }
        let line = match &self.token {
            Some(token) => format!("AUTH;a;TOKEN;{}", STANDARD.encode(token)),
            None => {
                let data = format!("\0{}\0{PASSWORD}", self.name);
                format!("AUTH;a;PLAIN;{}", STANDARD.encode(data))
            }
        };
        let answer = ask(&mut client, journey, "a", &line)?;
        assert!(answer.starts_with("OK;a;"), "{}: {answer}", self.name);
        self.token = answer.rsplit(';').next().map(str::to_owned);
        let line = format!("JOIN;j;{};{from}", journey.room);
        let answer = ask(&mut client, journey, "j", &line)?;
        assert!(answer.starts_with("OK;j;"), "{}: {answer}", self.name);
        self.entries += 1;
        Some(client)
    }
}

/// Sends a line and waits for what bears its tag.
fn ask(client: &mut Gc2, journey: &Journey, tag: &str, line: &str) -> Option<String> {
    if !client.try_send(line) {
        return None;
    }
    loop {
        let line = hear(client, journey)?;
        let mut fields = line.split(';');
        if matches!(fields.next(), Some("OK" | "ERR")) && fields.next() == Some(tag) {
            return Some(line);
        }
        if line.starts_with("BYE;") {
            return None;
        }
    }
}

/// The next line; one that is the server's question has been answered. `None` if the connection is lost, or silent for too long.
fn hear(client: &mut Gc2, journey: &Journey) -> Option<String> {
    let line = match client.try_line_bytes(journey.silence) {
        Ok(line) => String::from_utf8(line).expect("UTF-8"),
        Err(Stop::TimedOut | Stop::Closed | Stop::Broken(_)) => return None,
    };
    match line.strip_prefix("PING;") {
        Some(rest) => client.try_send(&format!("PONG;{rest}")).then_some(line),
        None => Some(line),
    }
}

/// Whether a line is no message and no answer, and usual.
fn is_in_between(line: &str) -> bool {
    line.starts_with("PING;") || line.starts_with("BYE;")
}

/// What a reader has seen.
pub struct Seen {
    pub name: String,
    pub ids: Vec<u64>,
    /// How often it came in.
    pub entries: usize,
}

/// Starts somebody who reads the room from its beginning to the end of the journey.
pub fn read(journey: &Arc<Journey>, name: &str) -> JoinHandle<Seen> {
    let (journey, mut who) = (journey.clone(), Traveller::new(name));
    std::thread::spawn(move || {
        let mut ids: Vec<u64> = Vec::new();
        let is_done = |ids: &[u64]| {
            let end = journey.end.load(Ordering::Acquire);
            end > 0 && ids.last().is_some_and(|last| *last >= end)
        };
        while !is_done(&ids) {
            journey.check_time(&who.name);
            let from = format!("after={}", ids.last().unwrap_or(&0));
            let Some(mut client) = who.enter(&journey, &from) else {
                std::thread::sleep(PAUSE);
                continue;
            };
            while !is_done(&ids) {
                let Some(line) = hear(&mut client, &journey) else {
                    break;
                };
                if line.starts_with("MSG;") {
                    let id = number(&line, 2);
                    // A double or something out of order is told here and now.
                    let last = ids.last().copied().unwrap_or(0);
                    assert!(id > last, "{} heard {id} after {last}", who.name);
                    ids.push(id);
                } else {
                    assert!(is_in_between(&line), "{} heard {line:?}", who.name);
                }
            }
        }
        Seen {
            name: who.name,
            ids,
            entries: who.entries,
        }
    })
}

/// What a sender has sent: every body with its id.
pub struct Sent {
    pub by_id: BTreeMap<u64, String>,
    pub entries: usize,
}

/// Starts somebody who sends until the journey is ending, at this pace, and sends again what was not answered.
pub fn send(journey: &Arc<Journey>, name: &str, pace: Duration) -> JoinHandle<Sent> {
    let (journey, mut who) = (journey.clone(), Traveller::new(name));
    let name = name.to_owned();
    std::thread::spawn(move || {
        let (mut by_id, mut waiting, mut next) = (BTreeMap::new(), BTreeMap::new(), 0_u64);
        let is_done = |waiting: &BTreeMap<u64, String>| {
            journey.is_ending.load(Ordering::Acquire) && waiting.is_empty()
        };
        let said = |at: u64, body: &str| format!("SEND;{at};{};{body}", journey.room);
        while !is_done(&waiting) {
            journey.check_time(&who.name);
            let Some(mut client) = who.enter(&journey, "last=0") else {
                std::thread::sleep(PAUSE);
                continue;
            };
            let again = waiting.iter();
            let again: Vec<String> = again.map(|(at, body)| said(*at, body)).collect();
            let mut is_there = again.iter().all(|line| client.try_send(line));
            while is_there && !is_done(&waiting) {
                while waiting.len() < WINDOW && !journey.is_ending.load(Ordering::Acquire) {
                    next += 1;
                    let body = format!("{name} says {next}");
                    is_there &= client.try_send(&said(next, &body));
                    waiting.insert(next, body);
                    std::thread::sleep(pace);
                }
                let Some(line) = hear(&mut client, &journey) else {
                    break;
                };
                if let Some(rest) = line.strip_prefix("OK;") {
                    let at = rest.split(';').next().and_then(|at| at.parse().ok());
                    let body = at.and_then(|at: u64| waiting.remove(&at));
                    let body = body.unwrap_or_else(|| panic!("{name} heard {line:?}"));
                    let before = by_id.insert(number(&line, 2), body);
                    assert_eq!(before, None, "{line:?}");
                    journey.kept.fetch_add(1, Ordering::Relaxed);
                } else {
                    let is_usual = line.starts_with("MSG;") || is_in_between(&line);
                    assert!(is_usual, "{name} heard {line:?}");
                }
            }
        }
        Sent {
            by_id,
            entries: who.entries,
        }
    })
}

/// How it went.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Messages, each seen once and in order by every reader.
    pub messages: usize,
    /// How often senders, and readers, came in; once each at least.
    pub entries: usize,
}

/// Ends the journey, and compares what everybody has seen with what was answered and with what the log has. `witness` is a member of
/// the room who comes when the senders are done.
#[track_caller]
pub fn finish(
    journey: &Arc<Journey>,
    senders: Vec<JoinHandle<Sent>>,
    readers: Vec<JoinHandle<Seen>>,
    witness: impl FnOnce() -> Gc2,
) -> Outcome {
    journey.is_ending.store(true, Ordering::Release);
    let (mut all, mut outcome) = (BTreeMap::new(), Outcome::default());
    for sender in senders {
        let sent = sender.join().expect("a sender");
        outcome.entries += sent.entries;
        let count = all.len() + sent.by_id.len();
        all.extend(sent.by_id);
        assert_eq!(all.len(), count, "an id was given twice");
    }
    // The end is one more message, so that readers who have everything hear of it.
    let mut witness = witness();
    let end = witness.say(&journey.room, "end", "the end");
    all.insert(end, "the end".into());
    journey.end.store(end, Ordering::Release);
    let stored: BTreeMap<u64, String> = witness.whole_history(&journey.room).into_iter().collect();
    assert!(
        stored == all,
        "{} are stored and {} were answered",
        stored.len(),
        all.len()
    );
    let expected: Vec<u64> = all.into_keys().collect();
    for reader in readers {
        let seen = reader.join().expect("a reader");
        outcome.entries += seen.entries;
        assert_same_ids(&seen.ids, &expected, &seen.name);
    }
    outcome.messages = expected.len();
    outcome
}
