//! A network that falls apart for a while.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::space::{self, Link, Space, connect, member};
use super::travellers::{self, Journey};
use crate::support::{PATIENCE, fresh_tag, load, rounds};

/// How long the network is apart.
fn apart() -> Duration {
    Duration::from_secs(rounds("GENCOMM_PARTITION_SECONDS", 8, 30) as u64)
}

/// The network is apart for a time, with this heartbeat, while others talk; everybody comes back, and every message once and in order.
/// Returns how often those who were cut off came in.
fn fall_apart(interval: Duration, timeout: Duration, silence: Duration) -> usize {
    let apart = apart();
    let space = Space::new();
    let server = space.serve(
        load::builder()
            .set("heartbeat.interval", format!("{}ms", interval.as_millis()))
            .set("heartbeat.timeout", format!("{}ms", timeout.as_millis())),
    );
    let (near, far) = (
        space.address(&server, Link::Near),
        space.address(&server, Link::Far),
    );
    let mut witness = space.on(Link::Near, || connect(near));
    witness.login("witness");
    witness.join("den", "");
    let journey = Journey::new(far, silence, 3 * apart + Duration::from_secs(240));
    let (senders, readers) = space.on(Link::Far, || {
        let pace = Duration::from_millis(10);
        let senders: Vec<_> = (0..4)
            .map(|at| travellers::send(&journey, &format!("s{at}"), pace))
            .collect();
        let readers: Vec<_> = (0..4)
            .map(|at| travellers::read(&journey, &format!("r{at}")))
            .collect();
        (senders, readers)
    });
    // Those who stay connected hear what those say who are cut off, once they can.
    while journey.kept() < 200 {
        witness.check_alive();
        std::thread::sleep(Duration::from_millis(20));
    }
    space.cut();
    let (cut, kept) = (Instant::now(), journey.kept());
    while cut.elapsed() < apart {
        witness.check_alive();
        std::thread::sleep(Duration::from_millis(50));
    }
    // What was on its way at the cut had been answered; nothing came through since.
    assert!(journey.kept() <= kept + 16, "the network was not apart");
    space.heal();
    let healed = Instant::now();
    let kept = journey.kept();
    while journey.kept() < kept + 200 {
        assert!(healed.elapsed() < PATIENCE, "nobody came back");
        std::thread::sleep(Duration::from_millis(20));
    }
    let back = healed.elapsed();
    let outcome = travellers::finish(&journey, senders, readers, || {
        space.on(Link::Near, || member(near, "checker", "den"))
    });
    println!(
        "apart for {apart:?}, heartbeat {interval:?} + {timeout:?}: {} messages, 8 clients came in {} times, 200 messages {back:?} after",
        outcome.messages, outcome.entries
    );
    outcome.entries
}

#[test]
fn longer_than_the_heartbeat_allows_and_clients_resume() {
    if !space::is_possible() {
        return;
    }
    let second = Duration::from_secs(1);
    let entries = fall_apart(second, 2 * second, 4 * second);
    // Everybody was let go, or gave up.
    assert!(entries >= 16, "{entries}");
}

#[test]
fn shorter_than_the_heartbeat_allows_and_connections_live_on() {
    if !space::is_possible() {
        return;
    }
    let (interval, silence) = (Duration::from_secs(30), Duration::from_secs(300));
    let entries = fall_apart(interval, 2 * interval, silence);
    assert_eq!(entries, 8, "somebody was cut off");
}

/// A program at work, line by line.
struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    /// Started in the calling thread's namespace.
    fn start(home: &std::path::Path, words: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gencomm"))
            .args(words)
            .env("HOME", home)
            .env("XDG_CONFIG_HOME", home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("gencomm");
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// What it prints until a line ends so.
    fn until(&mut self, end: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE + apart()) else {
                let _ = self.child.kill();
                let mut said = String::new();
                let stderr = self.child.stderr.take();
                let _ = stderr.map(|mut stderr| stderr.read_to_string(&mut said));
                panic!("no {end:?} behind {:?}: {said}", lines.last());
            };
            let is_end = line.ends_with(end);
            lines.push(line);
            if is_end {
                return lines;
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `gencomm tail` and `gencomm chat`, as people run them.
#[test]
fn the_programs_come_back_by_themselves() {
    if !space::is_possible() {
        return;
    }
    let apart = apart();
    let space = Space::new();
    let server = space.serve(
        load::builder()
            .set("heartbeat.interval", "1s")
            .set("heartbeat.timeout", "2s"),
    );
    let near = space.address(&server, Link::Near);
    let far = space.address(&server, Link::Far).to_string();
    let mut speaker = space.on(Link::Near, || {
        let mut speaker = connect(near);
        speaker.login("speaker");
        speaker.join("den", "");
        speaker
    });
    let home = tempfile::tempdir().expect("a folder");
    let first = speaker.say("den", "first", "before all");
    let [mut tail, mut chat] = space.on(Link::Far, || {
        let whom = ["--server", &far, "--plaintext", "--room", "den", "--user"];
        let tail = [
            &["tail", "--follow", "--format", "record"],
            &whom[..],
            &["tess"],
        ]
        .concat();
        let chat = [&["chat"], &whom[..], &["carl"]].concat();
        [tail, chat].map(|words| Program::start(home.path(), &words))
    });
    tail.until("before all");
    // A chat may come in behind what was said already.
    let end = Instant::now() + PATIENCE;
    let mut said = vec![first];
    loop {
        said.push(speaker.say("den", &fresh_tag(), "still together"));
        if chat
            .lines
            .try_iter()
            .any(|line| line.ends_with("still together"))
        {
            break;
        }
        assert!(Instant::now() < end, "the chat hears nothing");
        std::thread::sleep(Duration::from_millis(50));
    }
    speaker.say("den", "cut", "last together");
    tail.until("last together");
    chat.until("last together");
    space.cut();
    let cut = Instant::now();
    let mut missed = Vec::new();
    while cut.elapsed() < apart {
        let body = format!("missed {}", missed.len());
        speaker.say("den", &fresh_tag(), &body);
        missed.push(body);
        std::thread::sleep(Duration::from_millis(100));
    }
    space.heal();
    let healed = Instant::now();
    speaker.say("den", "together", "together again");
    for (name, program) in [("tail", &mut tail), ("chat", &mut chat)] {
        let lines = program.until("together again");
        let back = healed.elapsed();
        let heard: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.find("missed ").map(|at| &line[at..]))
            .collect();
        assert_eq!(heard, missed, "{name}");
        println!("{name}: {} missed messages, {back:?} after", missed.len());
    }
}
