//! Load: many connections that each send a message, wait for its OK, and send the next.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Gc2, PATIENCE, fresh_tag, number};

/// A message that a sender has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The sender's user name.
    pub user: String,
    /// Its tag.
    pub tag: String,
    /// Its body.
    pub body: String,
    /// Its id, once OK came; 0 before.
    pub id: u64,
}

/// What became of all that was sent.
#[derive(Debug, Default)]
pub struct SendersReport {
    /// Answered with OK.
    pub kept: Vec<Said>,
    /// Sent, and the connection ended before an answer.
    pub unanswered: Vec<Said>,
    /// Answers that were neither, each with its message.
    pub refused: Vec<(Said, String)>,
}

/// Senders at work.
pub struct Senders {
    stop: Arc<AtomicBool>,
    kept: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<SendersReport>>,
}

impl Senders {
    /// Starts `count` senders in `room`, each from 127.0.0.1 as a guest of its own; returns once all are in the room.
    pub fn start(server: SocketAddr, room: &str, count: usize) -> Self {
        Self::with_body(server, room, count, "")
    }

    /// The same; every body ends with `padding`.
    pub fn with_body(server: SocketAddr, room: &str, count: usize, padding: &str) -> Self {
        let (stop, kept) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let run = fresh_tag();
        // The members do not listen to each other: fifty times fifty deliveries would be the test's own load.
        let threads = (0..count).map(|at| {
            let mut client = Gc2::connect_from(server, Ipv4Addr::LOCALHOST);
            let user = format!("s{at}_{run}");
            client.login(&user);
            client.join(room, "");
            let (stop, kept, room) = (stop.clone(), kept.clone(), room.to_owned());
            let padding = padding.to_owned();
            std::thread::spawn(move || work(client, &user, &room, &padding, &stop, &kept))
        });
        let threads = threads.collect();
        Self {
            stop,
            kept,
            threads,
        }
    }

    /// How many messages were answered with OK so far.
    pub fn kept(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }

    /// Waits until so many are kept.
    #[track_caller]
    pub fn wait_for(&self, kept: usize) {
        let end = Instant::now() + PATIENCE;
        while self.kept() < kept {
            let all_ended = self.threads.iter().all(JoinHandle::is_finished);
            assert!(
                !all_ended,
                "all senders ended after {} messages",
                self.kept()
            );
            assert!(Instant::now() < end, "only {} of {kept} kept", self.kept());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Lets each finish the message in hand.
    pub fn finish(self) -> SendersReport {
        self.stop.store(true, Ordering::Relaxed);
        self.collect()
    }

    /// Waits until every sender has ended, because its connection did.
    pub fn collect(self) -> SendersReport {
        let mut all = SendersReport::default();
        for thread in self.threads {
            let report = thread.join().expect("a sender");
            all.kept.extend(report.kept);
            all.unanswered.extend(report.unanswered);
            all.refused.extend(report.refused);
        }
        all
    }
}

/// Every expected id once and in order; says what differs rather than all of both.
#[track_caller]
pub fn assert_same_ids(seen: &[u64], expected: &[u64], who: &str) {
    if seen == expected {
        return;
    }
    let at = seen
        .iter()
        .zip(expected)
        .take_while(|(a, b)| a == b)
        .count();
    let near = |ids: &[u64]| {
        let part = ids.iter().skip(at.saturating_sub(2)).take(8);
        part.map(u64::to_string).collect::<Vec<_>>().join(" ")
    };
    let is_seen: HashSet<u64> = seen.iter().copied().collect();
    let missing: Vec<_> = expected.iter().filter(|id| !is_seen.contains(id)).collect();
    panic!(
        "{who} saw {} of {} ids, from number {at} on: {} instead of {}; missing {:?} and {} more",
        seen.len(),
        expected.len(),
        near(seen),
        near(expected),
        &missing[..missing.len().min(8)],
        missing.len().saturating_sub(8),
    );
}

fn work(
    mut client: Gc2,
    user: &str,
    room: &str,
    padding: &str,
    stop: &AtomicBool,
    kept: &AtomicUsize,
) -> SendersReport {
    let mut report = SendersReport::default();
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let mut said = Said {
            user: user.to_owned(),
            tag: format!("{user}.{turn}"),
            body: format!("{user} says {turn}; with a semicolon{padding}"),
            id: 0,
        };
        let is_sent = client.try_send(&format!("SEND;{};{room};{}", said.tag, said.body));
        let answer = is_sent.then(|| answer_to(&mut client, &said.tag)).flatten();
        match answer {
            Some(line) if line.starts_with("OK;") => {
                said.id = number(&line, 2);
                report.kept.push(said);
                kept.fetch_add(1, Ordering::Relaxed);
            }
            Some(line) => report.refused.push((said, line)),
            None => {
                report.unanswered.push(said);
                break;
            }
        }
    }
    report
}

/// The line that bears `tag`; `None` if the connection ended.
fn answer_to(client: &mut Gc2, tag: &str) -> Option<String> {
    loop {
        let line = client.try_line().ok()?;
        let mut fields = line.split(';');
        if matches!(fields.next(), Some("OK" | "ERR")) && fields.next() == Some(tag) {
            return Some(line);
        }
    }
}
