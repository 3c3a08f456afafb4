//! Chat without a terminal: every input line is a message, what arrives is printed, and the end of the input is the end
//! once everything is answered and shown.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::cli::input::{self, Input};
use crate::cli::notes::Notes;
use crate::cli::output::{Failure, colour, say, stdout};
use crate::term::message::sendable;
use crate::term::render::{self, Format, Look, sanitized};
use crate::term::session::{Event, Live, Request, WINDOW};
use crate::term::time::Clock;

/// Longest wait for an answer once the input has ended.
const ANSWERS: Duration = Duration::from_secs(30);
/// Longest wait for messages that are known to be there: the past, and the echo of one's own.
const ECHO: Duration = Duration::from_secs(2);

/// Runs it.
pub(super) async fn run(live: Live) -> Result<(), Failure> {
    Piped::new(stdout())
        .run(live, input::lines(io::stdin()))
        .await
}

struct Piped<W> {
    out: W,
    look: Look,
    notes: Notes,
    /// Line numbers of the messages without an answer, by the number of their request.
    waiting: BTreeMap<u64, u64>,
    given: u64,
    failed: bool,
    entered: bool,
    /// Id of the last message printed.
    shown: u64,
    /// Id of the last message that is known to be there.
    expected: u64,
}

impl<W: Write> Piped<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            look: Look {
                clock: Clock::Full,
                colour: colour(),
            },
            notes: Notes::default(),
            waiting: BTreeMap::new(),
            given: 0,
            failed: false,
            entered: false,
            shown: 0,
            expected: 0,
        }
    }

    async fn run(
        &mut self,
        mut live: Live,
        mut lines: mpsc::Receiver<Input>,
    ) -> Result<(), Failure> {
        let mut open = true;
        let mut progress = Instant::now();
        while open || !self.is_done() {
            let patience = if self.entered && self.waiting.is_empty() {
                ECHO
            } else {
                ANSWERS
            };
            tokio::select! {
                line = lines.recv(), if open && self.waiting.len() < WINDOW => {
                    progress = Instant::now();
                    match line.map(|line| self.take(line)) {
                        // There is room for a request, because no more are under way than the session's window.
                        Some(Some(text)) => open = live.requests.try_send(Request::Send(text)).is_ok(),
                        Some(None) => {}
                        None => open = false,
                    }
                }
                event = live.events.recv() => {
                    let Some(event) = event else { break };
                    // Trying in vain is no progress.
                    if !matches!(event, Event::Lost { .. }) {
                        progress = Instant::now();
                    }
                    self.note(event)?;
                    if live.events.is_empty() {
                        self.out.flush()?;
                    }
                }
                () = sleep_until(progress + patience), if !open => break,
            }
        }
        self.out.flush()?;
        let _ = live.requests.try_send(Request::Leave);
        live.end().await?;
        if let Some((_, line)) = self.waiting.first_key_value() {
            return Err(Failure::Failed(format!(
                "{} messages are without an answer, from line {line} of the input on; whether the server has them is not known",
                self.waiting.len()
            )));
        }
        if self.failed {
            Err(Failure::Told)
        } else {
            Ok(())
        }
    }

    /// Everything answered, and everything shown that was said before.
    fn is_done(&self) -> bool {
        self.entered && self.waiting.is_empty() && self.shown >= self.expected
    }

    /// The text of an input line, if there is something to send in it.
    fn take(&mut self, line: Input) -> Option<String> {
        let (number, text) = match line {
            Input::Line { bytes, .. } if bytes.is_empty() => return None,
            Input::Line { number, bytes } => {
                (number, sendable(&bytes).map_err(|error| error.to_string()))
            }
            Input::Bad { number, why } | Input::Broken { number, why } => (number, Err(why)),
        };
        match text {
            Ok(text) => {
                self.waiting.insert(self.given, number);
                self.given += 1;
                Some(text)
            }
            Err(why) => {
                self.fail(number, &why);
                None
            }
        }
    }

    fn note(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Message(message) => {
                let mut line = Vec::new();
                render::message(&message, Format::Human, self.look, &mut line);
                self.out.write_all(&line)?;
                self.shown = self.shown.max(message.id);
            }
            Event::Direct(message) => {
                let mut line = Vec::new();
                render::message(&message, Format::Human, self.look, &mut line);
                self.out.write_all(&line)?;
            }
            Event::Entered { newest, .. } => {
                self.expected = self.expected.max(newest);
                self.entered = true;
                self.tell(&event)?;
            }
            Event::Sent { number, id, .. } => {
                self.waiting.remove(&number);
                self.expected = self.expected.max(id);
            }
            Event::SendRefused { number, error } => {
                if let Some(line) = self.waiting.remove(&number) {
                    self.fail(line, &format!("{}: {}", error.code, error.text));
                }
            }
            Event::Restored { .. } => {
                self.expected = 0;
                self.tell(&event)?;
            }
            event => self.tell(&event)?,
        }
        Ok(())
    }

    fn tell(&mut self, event: &Event) -> Result<(), Failure> {
        if let Some(note) = self.notes.of(event) {
            self.out.flush()?;
            say(&format!("gencomm: {note}"));
        }
        Ok(())
    }

    fn fail(&mut self, line: u64, why: &str) {
        self.failed = true;
        say(&format!("line {line}: {}", sanitized(why)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::wire::gc2::range::JoinFrom;
    use crate::term::fake::FakeServer;
    use crate::term::session::{Session, start};

    async fn chat(
        server: &FakeServer,
        text: &'static str,
    ) -> tokio::task::JoinHandle<(Result<(), Failure>, Vec<u8>)> {
        let at = server.endpoint();
        let session = Session::new(at.who, "lobby".to_owned(), JoinFrom::Last(20));
        let live = start(at.server, session);
        let lines = input::lines(io::Cursor::new(text));
        tokio::spawn(async move {
            let mut piped = Piped::new(Vec::new());
            piped.look.colour = false;
            let result = piped.run(live, lines).await;
            (result, piped.out)
        })
    }

    /// What was said, without the times.
    fn said(out: Vec<u8>) -> Vec<String> {
        let text = String::from_utf8(out).unwrap();
        let line = |line: &str| line.splitn(3, ' ').last().unwrap_or("").to_owned();
        text.lines().map(line).collect()
    }

    #[tokio::test]
    async fn own_messages_are_shown_once_and_before_the_end() {
        let server = FakeServer::bind().await;
        let chat = chat(&server, "one\n\ntwo\n").await;
        let (mut peer, from) = server.entered(5).await;
        assert_eq!(from, "last=20");
        peer.say("MSG;lobby;5;1.000;bob;before").await;
        for (id, text) in [(6, "one"), (7, "two")] {
            let (tag, body) = peer.expect_send().await;
            assert_eq!(body, text);
            peer.say(&format!("OK;{tag};{id};1.000")).await;
        }
        for (id, text) in [(6, "one"), (7, "two")] {
            peer.say(&format!("MSG;lobby;{id};1.000;ann;{text}")).await;
        }
        let (result, out) = chat.await.unwrap();
        assert!(result.is_ok());
        assert_eq!(said(out), ["bob: before", "ann: one", "ann: two"]);
    }

    #[tokio::test]
    async fn what_could_not_be_sent_is_a_failure() {
        let server = FakeServer::bind().await;
        let chat = chat(&server, "one").await;
        let (mut peer, _) = server.entered(0).await;
        let (tag, _) = peer.expect_send().await;
        peer.say(&format!("ERR;{tag};blocked;no")).await;
        assert!(matches!(chat.await.unwrap().0, Err(Failure::Told)));
    }
}
