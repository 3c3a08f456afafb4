//! Chat on a terminal: messages scroll by above the text that is being typed.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use crossterm::event::EventStream;
use futures::StreamExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use super::commands::{self, HELP, Typed};
use crate::cli::notes::Notes;
use crate::cli::output::{Failure, colour, say};
use crate::term::editor::{Action, Editor, Screen};
use crate::term::message::sendable;
use crate::term::render::{self, Look, sanitized};
use crate::term::session::{Event, Live, Query, Request};
use crate::term::time::Clock;

/// Longest wait for answers when leaving.
const FAREWELL: Duration = Duration::from_secs(5);
/// Events that are shown with one drawing of the screen.
const AT_ONCE: usize = 256;

/// Runs it.
pub(super) async fn run(mut live: Live, room: String) -> Result<(), Failure> {
    let (screen, mut stop, mut hangup) = match prepare() {
        Ok(prepared) => prepared,
        Err(error) => {
            return Err(Failure::Failed(format!(
                "the terminal cannot be used: {error}"
            )));
        }
    };
    let mut chat = Chat {
        screen,
        editor: Editor::default(),
        look: Look {
            clock: Clock::TimeOfDay,
            colour: colour(),
        },
        room,
        notes: Notes::default(),
        connected: false,
        given: 0,
        waiting: BTreeSet::new(),
        above: Vec::new(),
    };
    let mut keys = EventStream::new();
    chat.note("Enter starts a new line; Alt+Enter (or Esc, then Enter) sends; /help tells more");
    loop {
        chat.draw()?;
        tokio::select! {
            event = live.events.recv() => {
                let Some(event) = event else { break };
                chat.hear(event);
                for _ in 1..AT_ONCE {
                    match live.events.try_recv() {
                        Ok(event) => chat.hear(event),
                        Err(_) => break,
                    }
                }
            }
            key = keys.next() => {
                let Some(Ok(key)) = key else { break };
                let action = chat.editor.event(key, commands::is_command);
                if chat.act(action, &live)? {
                    break;
                }
            }
            _ = stop.recv() => break,
            _ = hangup.recv() => break,
        }
    }
    chat.leave(live).await
}

type Signals = (
    Screen,
    tokio::signal::unix::Signal,
    tokio::signal::unix::Signal,
);

/// Signals that would leave the terminal in raw mode, and then the terminal.
fn prepare() -> io::Result<Signals> {
    let stop = signal(SignalKind::terminate())?;
    let hangup = signal(SignalKind::hangup())?;
    Ok((Screen::take()?, stop, hangup))
}

struct Chat {
    screen: Screen,
    editor: Editor,
    look: Look,
    room: String,
    notes: Notes,
    connected: bool,
    given: u64,
    /// Numbers of the messages without an answer.
    waiting: BTreeSet<u64>,
    /// What is to appear above the typed text.
    above: Vec<String>,
}

impl Chat {
    fn draw(&mut self) -> Result<(), Failure> {
        let prompt = match (self.connected, self.waiting.len()) {
            (true, _) => format!("{}> ", self.room),
            (false, 0) => format!("{} (not connected)> ", self.room),
            (false, count) => format!("{} (not connected, {count} waiting)> ", self.room),
        };
        let above = std::mem::take(&mut self.above);
        Ok(self.screen.draw(&above, &prompt, self.editor.buffer())?)
    }

    fn note(&mut self, text: &str) {
        for line in text.lines() {
            self.above.push(render::note(line, self.look));
        }
    }

    /// Returns whether this is the end.
    fn act(&mut self, action: Action, live: &Live) -> Result<bool, Failure> {
        match action {
            Action::None | Action::Redraw | Action::Interrupt { had_text: true } => {}
            Action::Clear => self.screen.clear()?,
            Action::Interrupt { had_text: false } => self.note("Ctrl-D or /quit leaves"),
            Action::Leave => return Ok(true),
            Action::Submit(text) => match commands::read(text.clone()) {
                Typed::Quit => return Ok(true),
                Typed::Help => self.note(HELP),
                Typed::Tell { to, text: message } => {
                    self.request(Request::Tell { to, text: message }, &text, live);
                }
                Typed::Ask(query) => self.request(Request::Ask(query), &text, live),
                Typed::Mistake(why) => {
                    self.note(&why);
                    self.editor.restore(&text);
                }
                Typed::Message(message) => match sendable(message.as_bytes()) {
                    Ok(message) => self.request(Request::Send(message), &text, live),
                    Err(error) => self.note(&error.to_string()),
                },
            },
        }
        Ok(false)
    }

    fn request(&mut self, request: Request, typed: &str, live: &Live) {
        let sends = matches!(request, Request::Send(_) | Request::Tell { .. });
        if live.requests.try_send(request).is_err() {
            self.note(
                "too much waits to be sent; your text is kept, try again when the server answers",
            );
            self.editor.restore(typed);
        } else if sends {
            self.waiting.insert(self.given);
            self.given += 1;
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Message(message) | Event::Direct(message) | Event::Past(message) => {
                self.above.push(render::human(&message, self.look));
            }
            Event::Entered {
                ref user, again, ..
            } => {
                self.connected = true;
                if !again {
                    self.note(&format!("in {} as {}", self.room, sanitized(user)));
                } else {
                    self.note("connected again");
                }
            }
            Event::Lost { .. } => {
                self.connected = false;
                self.tell(&event);
            }
            Event::Sent { number, .. } => {
                self.waiting.remove(&number);
            }
            Event::SendRefused { number, error } => {
                self.waiting.remove(&number);
                self.note(&format!(
                    "not sent: {}: {}",
                    error.code,
                    sanitized(&error.text)
                ));
            }
            Event::Gone { id } => self.note(&format!("message {id} was deleted")),
            Event::User { user, state } => {
                let line = format!("   {}  {}", sanitized(&user), sanitized(&state));
                self.note(&line);
            }
            Event::Room {
                room,
                members,
                newest,
            } => self.note(&format!(
                "   {}  {members} here, newest message {newest}",
                sanitized(&room)
            )),
            Event::Answered { query, count } => {
                let what = match query {
                    Query::Manage { action, argument } => {
                        self.note(format!("done: {} {argument}", action.as_str()).trim_end());
                        return;
                    }
                    Query::Who => "here",
                    Query::Rooms if count == 1 => "room",
                    Query::Rooms => "rooms",
                    Query::History(_) => "of the past",
                };
                self.note(&format!("{count} {what}"));
            }
            Event::NotAnswered { error, .. } => {
                self.note(&format!("{}: {}", error.code, sanitized(&error.text)));
            }
            event => self.tell(&event),
        }
    }

    fn tell(&mut self, event: &Event) {
        if let Some(text) = self.notes.of(event) {
            self.note(&text);
        }
    }

    /// Waits a moment for the answers that are missing, gives the terminal back and says what is left to say.
    async fn leave(mut self, mut live: Live) -> Result<(), Failure> {
        let answers = async {
            while !self.waiting.is_empty() && self.connected {
                let Some(event) = live.events.recv().await else {
                    break;
                };
                self.hear(event);
                self.draw()?;
            }
            Ok(())
        };
        let answered = timeout(FAREWELL, answers).await.unwrap_or(Ok(()));
        let lost = self.waiting.len();
        drop(self.screen);
        answered.or_else(|failure| match failure {
            // The terminal is gone, and with it whoever sat there.
            Failure::BrokenPipe => Ok(()),
            failure => Err(failure),
        })?;
        let _ = live.requests.try_send(Request::Leave);
        live.end().await?;
        if lost > 0 {
            say(&format!(
                "gencomm: {lost} of your messages were not answered; whether the server has them is not known"
            ));
            return Err(Failure::Told);
        }
        Ok(())
    }
}
