//! `gencomm send --lines`: each line of the input a message, many of them under way at a time.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{ended, overdue};
use crate::cli::input::Input;
use crate::cli::output::{Failure, say};
use crate::term::message::sendable;
use crate::term::render::sanitized;
use crate::term::session::{Event, Live, Request, WINDOW};

/// Refused lines that are told one by one; the rest is only counted.
const TOLD_MAX: u64 = 20;

/// Many messages under way at a time.
pub(super) struct Lines {
    longest: Duration,
    bar: ProgressBar,
    /// Line numbers of the messages without an answer, by the number of their request.
    waiting: BTreeMap<u64, u64>,
    given: u64,
    sent: u64,
    refused: u64,
    empty: u64,
}

impl Lines {
    /// Gives up after `longest` without an answer.
    pub(super) fn new(longest: Duration) -> Self {
        let bar = if io::stderr().is_terminal() {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {human_pos} sent, {per_sec}, {elapsed}")
        {
            bar.set_style(style);
        }
        Self {
            longest,
            bar,
            waiting: BTreeMap::new(),
            given: 0,
            sent: 0,
            refused: 0,
            empty: 0,
        }
    }

    /// Sends what comes, until it ends and everything is answered.
    pub(super) async fn run(
        mut self,
        mut live: Live,
        mut lines: mpsc::Receiver<Input>,
    ) -> Result<(), Failure> {
        let mut open = true;
        let mut why = None;
        let mut progress = Instant::now();
        while open || !self.waiting.is_empty() {
            tokio::select! {
                // Never more than the session's window, so there is always room for the request.
                line = lines.recv(), if open && self.waiting.len() < WINDOW => {
                    if self.waiting.is_empty() {
                        progress = Instant::now();
                    }
                    match self.take(line) {
                        Some(Some(text)) => open = live.requests.try_send(Request::Send(text)).is_ok(),
                        Some(None) => {}
                        None => open = false,
                    }
                },
                event = live.events.recv() => match event {
                    Some(event) => {
                        if self.note(event, &mut why) {
                            progress = Instant::now();
                        }
                    }
                    None => break,
                },
                () = sleep_until(progress + self.longest), if !self.waiting.is_empty() => {
                    self.finish();
                    return Err(overdue(self.longest, why));
                }
            }
        }
        let unanswered = self.waiting.len();
        self.finish();
        let _ = live.requests.try_send(Request::Leave);
        live.end().await?;
        if unanswered > 0 {
            return Err(ended());
        }
        if self.refused > 0 {
            Err(Failure::Told)
        } else {
            Ok(())
        }
    }

    /// The text of an input line; `Some(None)` if there is nothing to send in it, `None` at the end.
    fn take(&mut self, line: Option<Input>) -> Option<Option<String>> {
        let (number, read) = match line? {
            Input::Line { bytes, .. } if bytes.is_empty() => {
                self.empty += 1;
                return Some(None);
            }
            Input::Line { number, bytes } => {
                (number, sendable(&bytes).map_err(|error| error.to_string()))
            }
            Input::Bad { number, why } | Input::Broken { number, why } => (number, Err(why)),
        };
        match read {
            Ok(text) => {
                self.waiting.insert(self.given, number);
                self.given += 1;
                Some(Some(text))
            }
            Err(why) => {
                self.refuse(number, &why);
                Some(None)
            }
        }
    }

    /// Returns whether this brought a message to its end.
    fn note(&mut self, event: Event, why: &mut Option<String>) -> bool {
        let waiting = self.waiting.len();
        match event {
            Event::Sent { number, .. } if self.waiting.remove(&number).is_some() => {
                self.sent += 1;
                self.bar.inc(1);
            }
            Event::SendRefused { number, error } => {
                if let Some(line) = self.waiting.remove(&number) {
                    self.refuse(line, &format!("{}: {}", error.code, error.text));
                }
            }
            Event::Lost { why: reason, .. } => *why = Some(reason),
            _ => {}
        }
        self.waiting.len() < waiting
    }

    fn refuse(&mut self, line: u64, why: &str) {
        self.refused += 1;
        if self.refused <= TOLD_MAX {
            self.bar
                .suspend(|| say(&format!("line {line}: {}", sanitized(why))));
        }
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
        let mut text = format!("{} sent", self.sent);
        for (count, what) in [
            (self.refused, "refused"),
            (self.empty, "empty and left out"),
            (self.waiting.len() as u64, "without an answer"),
        ] {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        say(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::input;
    use crate::edge::wire::gc2::range::JoinFrom;
    use crate::term::fake::FakeServer;
    use crate::term::session::{Session, start};

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn lines_are_counted_and_one_bad_line_fails_the_whole() {
        let server = FakeServer::bind().await;
        let lines = input::lines(io::Cursor::new(b"one\n\n\xff\ntwo\n".to_vec()));
        let at = server.endpoint();
        let session = Session::new(at.who, "lobby".to_owned(), JoinFrom::Now);
        let sender = tokio::spawn(Lines::new(LONG).run(start(at.server, session), lines));
        let (mut peer, _) = server.entered(0).await;
        for (id, text) in [(1, "one"), (2, "two")] {
            let (tag, body) = peer.expect_send().await;
            assert_eq!(body, text);
            peer.say(&format!("OK;{tag};{id};1.000")).await;
        }
        assert!(matches!(sender.await.unwrap(), Err(Failure::Told)));
    }
}
