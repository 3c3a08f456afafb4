//! Many clients on few threads that talk, are sent away, come back where they were, and say again what was not answered. Each keeps
//! everything it heard, in the order in which it heard it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until, timeout};

use crate::support::{PATIENCE, number, parse_message};

/// After a connection that ended without a word.
const RETRY: Duration = Duration::from_millis(50);
/// The server's own `BYE` is heard that long after its order at most.
const BYE_SECONDS_MAX: u64 = 60;

/// Who a client is, and where.
#[derive(Debug, Clone)]
pub struct Member {
    /// The line that logs it in.
    pub log_in: String,
    /// Its room.
    pub room: String,
    /// Between two messages of it.
    pub pause: Duration,
}

/// What one client did and heard.
#[derive(Debug, Default)]
pub struct Story {
    /// Its room.
    pub room: String,
    /// The room's newest id when it came for the first time.
    pub begun_behind: u64,
    /// The ids it heard, in that order.
    pub heard: Vec<u64>,
    /// What was answered with OK.
    pub kept: Vec<(u64, String)>,
    /// From the end of a connection until it was back in its room, less what it was told to wait.
    pub returns: Vec<Duration>,
    /// The seconds of each `BYE;restart`.
    pub told: Vec<u64>,
    /// Connections that ended without a word.
    pub cut: usize,
    /// Connections that were refused.
    pub refused: usize,
    /// Messages that were said again.
    pub again: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Talk,
    /// Nothing new is said.
    Hush,
    /// Whoever has heard up to the newest id of its room leaves.
    Leave(Arc<BTreeMap<String, u64>>),
}

/// The clients at work, on a thread of their own.
pub struct Crowd {
    phase: watch::Sender<Phase>,
    inside: Arc<AtomicUsize>,
    kept: Arc<AtomicUsize>,
    unanswered: Arc<AtomicUsize>,
    thread: JoinHandle<Vec<Story>>,
}

impl Crowd {
    /// Starts them.
    pub fn start(server: SocketAddr, members: Vec<Member>) -> Self {
        let (phase, listen) = watch::channel(Phase::Talk);
        let counts: [Arc<AtomicUsize>; 3] = Default::default();
        let [inside, kept, unanswered] = counts.clone();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let tasks: Vec<_> = members
                    .into_iter()
                    .enumerate()
                    .map(|(at, member)| {
                        let [inside, kept, unanswered] = counts.clone();
                        tokio::spawn(
                            Client::new(at, server, member, inside, kept, unanswered)
                                .live(listen.clone()),
                        )
                    })
                    .collect();
                let mut stories = Vec::new();
                for task in tasks {
                    stories.push(task.await.expect("a client"));
                }
                stories
            })
        };
        Self {
            phase,
            inside,
            kept,
            unanswered,
            thread: std::thread::spawn(work),
        }
    }

    /// How many are in their rooms.
    pub fn inside(&self) -> usize {
        self.inside.load(Ordering::Relaxed)
    }

    /// How many messages were answered with OK.
    pub fn kept(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }

    /// Waits until that holds.
    #[track_caller]
    pub fn wait(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = Instant::now() + 2 * PATIENCE;
        while !holds(self) {
            assert!(!self.thread.is_finished(), "{what}: the crowd is gone");
            let (inside, kept) = (self.inside(), self.kept());
            assert!(Instant::now() < end, "{what}: {inside} inside, {kept} kept");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Nothing more is said; waits until everything is answered.
    #[track_caller]
    pub fn hush(&self) {
        self.phase.send_replace(Phase::Hush);
        self.wait("all is answered", |crowd| {
            crowd.unanswered.load(Ordering::Relaxed) == 0
        });
    }

    /// Whoever has heard everything up to the newest id of its room leaves; what each has to tell.
    pub fn leave(self, newest: BTreeMap<String, u64>) -> Vec<Story> {
        self.phase.send_replace(Phase::Leave(Arc::new(newest)));
        self.thread.join().expect("the crowd")
    }
}

struct Client {
    at: usize,
    server: SocketAddr,
    member: Member,
    inside: Arc<AtomicUsize>,
    kept: Arc<AtomicUsize>,
    all_unanswered: Arc<AtomicUsize>,
    story: Story,
    last: Option<u64>,
    unanswered: Vec<(String, String)>,
    turn: u64,
}

/// How a connection ended.
enum End {
    Told(u64),
    Cut,
    Left,
}

impl Client {
    fn new(
        at: usize,
        server: SocketAddr,
        member: Member,
        inside: Arc<AtomicUsize>,
        kept: Arc<AtomicUsize>,
        all_unanswered: Arc<AtomicUsize>,
    ) -> Self {
        let story = Story {
            room: member.room.clone(),
            ..Story::default()
        };
        Self {
            at,
            server,
            member,
            inside,
            kept,
            all_unanswered,
            story,
            last: None,
            unanswered: Vec::new(),
            turn: 0,
        }
    }

    async fn live(mut self, mut phase: watch::Receiver<Phase>) -> Story {
        let mut away: Option<Instant> = None;
        loop {
            let mut is_in = false;
            let end = self.connection(&mut phase, &mut away, &mut is_in).await;
            if is_in {
                self.inside.fetch_sub(1, Ordering::Relaxed);
            }
            match end {
                End::Left => return self.story,
                End::Told(seconds) => {
                    assert!((1..=BYE_SECONDS_MAX).contains(&seconds), "{seconds}");
                    self.story.told.push(seconds);
                    sleep(Duration::from_secs(seconds)).await;
                    away = Some(Instant::now());
                }
                End::Cut => {
                    self.story.cut += 1;
                    away = away.or_else(|| Some(Instant::now()));
                    sleep(RETRY).await;
                }
            }
        }
    }

    async fn connection(
        &mut self,
        phase: &mut watch::Receiver<Phase>,
        away: &mut Option<Instant>,
        is_in: &mut bool,
    ) -> End {
        let connected = timeout(PATIENCE, TcpStream::connect(self.server)).await;
        let Ok(stream) = connected.expect("in time") else {
            self.story.refused += 1;
            return End::Cut;
        };
        let (input, mut output) = stream.into_split();
        let mut lines = BufReader::new(input).lines();
        let from = self.last.map_or(String::new(), |id| format!("after={id}"));
        let hello = format!(
            "{}\nJOIN;j;{};{from}\n",
            self.member.log_in, self.member.room
        );
        if output.write_all(hello.as_bytes()).await.is_err() {
            return End::Cut;
        }
        // Spread, so that not all speak at the same moments.
        let offset = self.member.pause.mul_f64((self.at % 97) as f64 / 97.0);
        let mut next = tokio::time::Instant::now() + offset;
        loop {
            if let Phase::Leave(newest) = &*phase.borrow()
                && self.last >= newest.get(&self.member.room).copied()
            {
                return End::Left;
            }
            let may_talk = *is_in && *phase.borrow() == Phase::Talk && self.unanswered.is_empty();
            let said = tokio::select! {
                line = lines.next_line() => match line {
                    Ok(Some(line)) => match self.hear(&line, away, is_in) {
                        Ok(answer) => answer,
                        Err(end) => return end,
                    },
                    Ok(None) | Err(_) => return End::Cut,
                },
                () = sleep_until(next), if may_talk => {
                    next = tokio::time::Instant::now() + self.member.pause;
                    // The phase is held meanwhile: once it has changed, all that is still said is counted.
                    let phase = phase.borrow();
                    (*phase == Phase::Talk).then(|| self.say())
                }
                changed = phase.changed() => {
                    changed.expect("the test is there");
                    None
                }
            };
            if let Some(said) = said
                && output.write_all(said.as_bytes()).await.is_err()
            {
                return End::Cut;
            }
        }
    }

    fn say(&mut self) -> String {
        let tag = format!("c{}.{}", self.at, self.turn);
        let body = format!("client {} says {}", self.at, self.turn);
        self.turn += 1;
        let line = format!("SEND;{tag};{};{body}\n", self.member.room);
        self.unanswered.push((tag, body));
        self.all_unanswered.fetch_add(1, Ordering::Relaxed);
        line
    }

    /// What is to be said to that.
    fn hear(
        &mut self,
        line: &str,
        away: &mut Option<Instant>,
        is_in: &mut bool,
    ) -> Result<Option<String>, End> {
        if let Some(rest) = line.strip_prefix("MSG;") {
            let id = parse_message(rest).0;
            self.story.heard.push(id);
            self.last = Some(self.last.map_or(id, |last| last.max(id)));
        } else if line.starts_with("BYE;restart;") {
            return Err(End::Told(number(line, 2)));
        } else if let Some(rest) = line.strip_prefix("PING;") {
            return Ok(Some(format!("PONG;{rest}\n")));
        } else if line.starts_with("OK;a;") {
            // Logged in.
        } else if line.starts_with("OK;j;") {
            *is_in = true;
            self.inside.fetch_add(1, Ordering::Relaxed);
            if self.last.is_none() {
                self.story.begun_behind = number(line, 3);
                self.last = Some(self.story.begun_behind);
            }
            if let Some(away) = away.take() {
                self.story.returns.push(away.elapsed());
            }
            self.story.again += self.unanswered.len();
            let again = self.unanswered.iter();
            let again =
                again.map(|(tag, body)| format!("SEND;{tag};{};{body}\n", self.member.room));
            return Ok(Some(again.collect()));
        } else if line.starts_with("OK;") {
            let tag = line.split(';').nth(1).unwrap_or_default();
            let at = self.unanswered.iter().position(|(own, _)| own == tag);
            let (_, body) = self
                .unanswered
                .remove(at.expect("a message that waits for it"));
            self.story.kept.push((number(line, 2), body));
            self.kept.fetch_add(1, Ordering::Relaxed);
            self.all_unanswered.fetch_sub(1, Ordering::Relaxed);
        } else {
            panic!("client {}: {line:?}", self.at);
        }
        Ok(None)
    }
}
