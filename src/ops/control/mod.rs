//! The control socket, `control.sock` in the data folder: how commands on the same machine speak to a running server.
//!
//! In: connections, each with one request, a verb on a line, with a number behind it if need be. Out: an [`Answer`], whose first line is `ok` or `failed`, and the end of
//! the connection. Owns the socket's file, which its user alone may use, and removes it at the end. What a verb does is its handler's
//! business: see [`Verbs`]. [`ask`] is the other side.

pub mod ask;
mod path;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use slog::{Logger, debug, warn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use path::SocketFile;

pub use path::NAME;

/// Connections at a time; the next is told to come back.
const CONNECTIONS_MAX: usize = 8;
/// Longest request, with its newline.
const REQUEST_BYTES_MAX: usize = 128;
/// Lines of an answer; what is more is left out, with a word about it.
const ANSWER_LINES_MAX: usize = 1000;
/// Longest line of an answer.
const ANSWER_LINE_BYTES_MAX: usize = 4096;
/// How long a connection may take to say what it wants, and to take an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a handler may take.
const HANDLER_DEADLINE: Duration = Duration::from_secs(30);
/// What is said to the next.
pub const BUSY: &str = "too many requests at once; try again";
/// Pause after an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What comes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether it was done.
    pub is_ok: bool,
    /// What there is to say about it, for people.
    pub lines: Vec<String>,
}

impl Answer {
    /// Done.
    pub fn ok(lines: Vec<String>) -> Self {
        Self { is_ok: true, lines }
    }

    /// Not done, because of this.
    pub fn failed(lines: Vec<String>) -> Self {
        Self {
            is_ok: false,
            lines,
        }
    }

    /// As it goes over the socket: nothing in a line can begin another one.
    fn to_text(&self) -> String {
        let mut text = if self.is_ok { "ok\n" } else { "failed\n" }.to_owned();
        for line in self.lines.iter().take(ANSWER_LINES_MAX) {
            let cut = floor_char_boundary(line, ANSWER_LINE_BYTES_MAX);
            let clean = |c: char| if c.is_control() { ' ' } else { c };
            text.extend(line[..cut].chars().map(clean));
            text.push('\n');
        }
        if self.lines.len() > ANSWER_LINES_MAX {
            let more = self.lines.len() - ANSWER_LINES_MAX;
            text.push_str(&format!("and {more} lines more\n"));
        }
        text
    }
}

/// The last place at or before `at` where a character begins.
fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut places = (0..=at.min(text.len())).rev();
    places.find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

type Handler = Box<dyn Fn(Option<u64>) -> LocalBoxFuture<'static, Answer>>;

/// What can be asked for.
#[derive(Default)]
pub struct Verbs(BTreeMap<&'static str, Handler>);

impl Verbs {
    /// `handler` answers `verb`.
    pub fn on<F>(self, verb: &'static str, handler: impl Fn() -> F + 'static) -> Self
    where
        F: Future<Output = Answer> + 'static,
    {
        self.on_number(verb, move |_| handler())
    }

    /// `handler` answers `verb`, behind which a number may stand.
    pub fn on_number<F>(
        mut self,
        verb: &'static str,
        handler: impl Fn(Option<u64>) -> F + 'static,
    ) -> Self
    where
        F: Future<Output = Answer> + 'static,
    {
        let handler = move |number| handler(number).boxed_local();
        self.0.insert(verb, Box::new(handler));
        self
    }

    async fn answer(&self, request: &str) -> Answer {
        let (verb, number) = match request.split_once(' ') {
            Some((verb, number)) => (verb, number.parse().ok()),
            None => (request, None),
        };
        let Some(handler) = self.0.get(verb) else {
            let known: Vec<&str> = self.0.keys().copied().collect();
            let text = format!(
                "unknown request \"{}\"; known: {}",
                request.escape_debug(),
                known.join(", ")
            );
            return Answer::failed(vec![text]);
        };
        timeout(HANDLER_DEADLINE, handler(number))
            .await
            .unwrap_or_else(|_| {
                let text = format!(
                    "\"{request}\" is not done after {HANDLER_DEADLINE:?}; the log will tell"
                );
                Answer::failed(vec![text])
            })
    }
}

/// The open socket. Dropping it closes it and removes its file.
pub struct Control {
    task: JoinHandle<()>,
    _file: SocketFile,
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Opens the socket in `folder`, whose log's lock this process has: what lies there from another one is replaced. Runs on this thread.
pub fn open(folder: &Path, verbs: Verbs, log: Logger) -> std::io::Result<Control> {
    let (listener, file) = path::bind(folder)?;
    let listener = UnixListener::from_std(listener)?;
    let task = actix_rt::spawn(serve(listener, Rc::new(verbs), log));
    Ok(Control { task, _file: file })
}

async fn serve(listener: UnixListener, verbs: Rc<Verbs>, log: Logger) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(log, "control socket: accepting failed; trying again"; "error" => %error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            warn!(log, "control socket: connection refused"; "connections_max" => CONNECTIONS_MAX);
            let busy = Answer::failed(vec![BUSY.to_owned()]);
            // Into an empty buffer, or not at all.
            let _ = stream.try_write(busy.to_text().as_bytes());
            continue;
        };
        let (verbs, log) = (verbs.clone(), log.clone());
        actix_rt::spawn(async move {
            if let Err(why) = converse(stream, &verbs).await {
                debug!(log, "control socket: a connection came to nothing"; "why" => why);
            }
            drop(place);
        });
    }
}

/// One request and its answer.
async fn converse(mut stream: UnixStream, verbs: &Verbs) -> Result<(), String> {
    let request = timeout(PATIENCE, read_request(&mut stream)).await;
    let answer = match request {
        Ok(Ok(Some(request))) => verbs.answer(&request).await,
        Ok(Ok(None)) => {
            let text = "a request is one word of plain letters and a newline".to_owned();
            Answer::failed(vec![text])
        }
        Ok(Err(error)) => return Err(error.to_string()),
        Err(_) => Answer::failed(vec![format!("no request within {PATIENCE:?}")]),
    };
    let text = answer.to_text();
    let written = timeout(PATIENCE, async {
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await
    });
    match written.await {
        Ok(written) => written.map_err(|error| error.to_string()),
        Err(_) => Err(format!("the answer was not taken within {PATIENCE:?}")),
    }
}

/// The first line without its newline; `None` if that is no request.
async fn read_request(stream: &mut UnixStream) -> std::io::Result<Option<String>> {
    let (mut buffer, mut filled) = ([0; REQUEST_BYTES_MAX], 0);
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        let line_end = memchr::memchr(b'\n', &buffer[filled..filled + read]);
        if let Some(end) = line_end {
            let line = std::str::from_utf8(&buffer[..filled + end]).ok();
            let line = line.map(|line| line.strip_suffix('\r').unwrap_or(line));
            return Ok(line.filter(|line| is_request(line)).map(str::to_owned));
        }
        filled += read;
        if read == 0 || filled == buffer.len() {
            return Ok(None);
        }
    }
}

/// A word, behind which a number may stand.
fn is_request(line: &str) -> bool {
    let (word, number) = line.split_once(' ').unwrap_or((line, "0"));
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let is_letter = |b: u8| b.is_ascii_lowercase() || b == b'-';
    is_number && !word.is_empty() && word.bytes().all(is_letter)
}
