//! The new process. In: the data folder of a running server. Out: its listening sockets, and the moment from which its log is free. Blocks.
//!
//! Dropped before [`Claim::serving`], the running server goes on.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::sockopt::socket_peercred;

use crate::edge::legacy;
use crate::ops::control;
use crate::store::log::inspect;

use super::wire::{END, LEGACY_AUTH, LEGACY_MESSAGE, LINE_BYTES_MAX, MAIN, receive_socket};
use super::{Listeners, VERB, VERSION};

/// How long the running server may take to answer what costs it nothing.
const PATIENCE: Duration = Duration::from_secs(5);
/// So much later than it promised is too late.
const EXTRA: Duration = Duration::from_secs(3);
/// Between two looks whether a process that died has let go of the log.
const RELEASE_PAUSE: Duration = Duration::from_millis(10);
/// Most listening sockets that are taken.
const SOCKETS_MAX: usize = 4096;

/// Why there is nothing to take over.
#[derive(Debug, thiserror::Error)]
pub enum TakeoverError {
    /// Nobody is there.
    #[error(
        "no server runs on {0}, so there is nothing to take over; start one without --takeover"
    )]
    NoServer(String),
    /// Somebody is, and cannot be reached.
    #[error(
        "{holder} serves {folder}, but its control socket cannot be used: {source}; stop it, and start without --takeover"
    )]
    NoControl {
        /// Who.
        holder: String,
        /// What.
        folder: String,
        /// Why not.
        source: io::Error,
    },
    /// Another user's.
    #[error(
        "the server is of user {theirs} and this process of user {ours}; take over as the user that it runs as"
    )]
    OtherUser {
        /// User id.
        theirs: u32,
        /// User id.
        ours: u32,
    },
    /// Another version of what the two say.
    #[error(
        "process {pid} hands over in another way (version {theirs}, here {VERSION}); stop it, and start without --takeover"
    )]
    Version {
        /// The running server.
        pid: u32,
        /// What it said.
        theirs: u32,
    },
    /// It does not want to.
    #[error("the running server does not hand over: {0}")]
    Refused(String),
    /// It said nothing for too long.
    #[error("the running server did not {what} within {after:?}; nothing was taken over")]
    Overdue {
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// The connection ended or failed.
    #[error("the connection to the running server broke: {0}")]
    Broken(io::Error),
    /// It said something else.
    #[error("the running server said {0:?}, which is no part of a takeover")]
    Nonsense(String),
}

/// A running server that waits for this process.
pub(in crate::ops) struct Claim {
    stream: UnixStream,
    pid: u32,
    patience: Duration,
    alive_within: Option<Duration>,
    /// When the other one was told to stop.
    began: Instant,
}

/// In which state the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum LetGo {
    /// Closed as at any end.
    Closed,
    /// As its server left it when it died, or could not close it.
    Died,
}

/// Asks the server of `folder` for its sockets. It serves on meanwhile.
pub(in crate::ops) fn ask(folder: &Path) -> Result<(Claim, Listeners), TakeoverError> {
    let stream = control::ask::connect(folder).map_err(|source| nobody(folder, source))?;
    let timeouts = stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
    timeouts.map_err(TakeoverError::Broken)?;
    let their = socket_peercred(&stream).map_err(|error| TakeoverError::Broken(error.into()))?;
    let (theirs, ours) = (their.uid.as_raw(), rustix::process::geteuid().as_raw());
    if theirs != ours {
        return Err(TakeoverError::OtherUser { theirs, ours });
    }
    let mut claim = Claim {
        stream,
        pid: 0,
        patience: PATIENCE,
        alive_within: None,
        began: Instant::now(),
    };
    claim.say(VERB)?;
    claim.take_greeting()?;
    claim.say("sockets")?;
    let listeners = claim.take_sockets()?;
    Ok((claim, listeners))
}

fn nobody(folder: &Path, source: io::Error) -> TakeoverError {
    let shown = folder.display().to_string();
    match inspect::holder(&folder.join("log")).ok().flatten() {
        None => TakeoverError::NoServer(shown),
        Some(holder) => TakeoverError::NoControl {
            holder: holder.to_string(),
            folder: shown,
            source,
        },
    }
}

/// Whether nobody holds the log any more; a process that dies may need a moment for that.
fn is_given_free(folder: &Path) -> bool {
    let end = Instant::now() + PATIENCE;
    loop {
        match inspect::holder(&folder.join("log")) {
            Ok(None) => return true,
            Ok(Some(_)) if Instant::now() < end => std::thread::sleep(RELEASE_PAUSE),
            _ => return false,
        }
    }
}

impl Claim {
    /// The process that is there.
    pub(in crate::ops) fn pid(&self) -> u32 {
        self.pid
    }

    /// Within what time the service manager of the running server wants to hear that it lives, if it does. It told that server alone.
    pub(in crate::ops) fn alive_within(&self) -> Option<Duration> {
        self.alive_within
    }

    /// Has the running server of `folder` stop; when this returns, its log is free.
    pub(in crate::ops) fn let_go(&mut self, folder: &Path) -> Result<LetGo, TakeoverError> {
        let patience = self.patience + EXTRA;
        let timeout = self.stream.set_read_timeout(Some(patience));
        timeout.map_err(TakeoverError::Broken)?;
        self.began = Instant::now();
        self.say("ready")?;
        let line = match self.line("close its log", patience) {
            // It may have been killed: the sockets are here, and somebody has to serve.
            Err(TakeoverError::Broken(_)) if is_given_free(folder) => return Ok(LetGo::Died),
            line => line?,
        };
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("done", _) => Ok(LetGo::Closed),
            // As with a supervisor that starts it again: what was answered is on the disk.
            ("unclosed", _) if is_given_free(folder) => Ok(LetGo::Died),
            ("failed" | "unclosed", why) => Err(TakeoverError::Refused(why.to_owned())),
            _ => Err(TakeoverError::Nonsense(line)),
        }
    }

    /// This process accepts: the other one may end. Returns for how long neither did.
    pub(in crate::ops) fn serving(mut self) -> Result<Duration, TakeoverError> {
        let gap = self.began.elapsed();
        self.say("serving").map(|()| gap)
    }

    /// Nothing comes of it: the other one is to go on.
    pub(in crate::ops) fn give_back(mut self, why: &str) {
        let why: String = why.chars().take(LINE_BYTES_MAX / 8).collect();
        // It learns of the end in any case.
        let _ = self.say(&format!("failed {}", why.replace(char::is_control, " ")));
    }

    fn say(&mut self, line: &str) -> Result<(), TakeoverError> {
        let line = format!("{line}\n");
        self.stream.write_all(line.as_bytes()).map_err(broken)
    }

    fn take_greeting(&mut self) -> Result<(), TakeoverError> {
        let line = self.line("answer", PATIENCE)?;
        if line == "failed" {
            let mut why = String::new();
            let rest = (&self.stream).take(LINE_BYTES_MAX as u64);
            // Cut off or not, it is what there is.
            let _ = { rest }.read_to_string(&mut why);
            return Err(TakeoverError::Refused(why.trim_end().replace('\n', "; ")));
        }
        let numbers: Option<Vec<u64>> = line.strip_prefix("takeover ").and_then(|rest| {
            let fields = rest.split(' ').map(|field| field.parse().ok());
            fields.collect()
        });
        let nonsense = || TakeoverError::Nonsense(line.clone());
        let numbers = numbers.ok_or_else(nonsense)?;
        let [version, pid, milliseconds, ref more @ ..] = numbers[..] else {
            return Err(nonsense());
        };
        let within = more.first().copied().filter(|within| *within > 0);
        self.alive_within = within.map(Duration::from_millis);
        self.pid = u32::try_from(pid).map_err(|_| nonsense())?;
        self.patience = Duration::from_millis(milliseconds);
        if version != u64::from(VERSION) {
            return Err(TakeoverError::Version {
                pid: self.pid,
                theirs: u32::try_from(version).unwrap_or(u32::MAX),
            });
        }
        Ok(())
    }

    fn take_sockets(&mut self) -> Result<Listeners, TakeoverError> {
        let mut main: Vec<TcpListener> = Vec::new();
        let (mut auth, mut message) = (None, None);
        loop {
            let received = receive_socket(&self.stream)
                .map_err(|error| overdue_or_broken(error, "send its sockets", PATIENCE))?;
            match received {
                None => return Err(TakeoverError::Broken(ErrorKind::UnexpectedEof.into())),
                Some((END, None)) => break,
                Some((MAIN, Some(socket))) if main.len() < SOCKETS_MAX => main.push(socket),
                Some((LEGACY_AUTH, Some(socket))) => auth = Some(socket),
                Some((LEGACY_MESSAGE, Some(socket))) => message = Some(socket),
                Some((kind, _)) => {
                    let said = char::from(kind).to_string();
                    return Err(TakeoverError::Nonsense(said));
                }
            }
        }
        let legacy = auth
            .zip(message)
            .map(|(auth, message)| legacy::Sockets::of(auth, message));
        Ok(Listeners { main, legacy })
    }

    /// The next line without its newline. Not a byte more is read: a descriptor may come with it.
    fn line(&mut self, what: &'static str, after: Duration) -> Result<String, TakeoverError> {
        let (mut line, mut byte) = (Vec::new(), [0]);
        loop {
            let read = self.stream.read(&mut byte);
            match read.map_err(|error| overdue_or_broken(error, what, after))? {
                0 => return Err(TakeoverError::Broken(ErrorKind::UnexpectedEof.into())),
                _ if byte[0] == b'\n' => break,
                _ => line.push(byte[0]),
            }
            if line.len() > LINE_BYTES_MAX {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }
}

fn broken(error: io::Error) -> TakeoverError {
    TakeoverError::Broken(error)
}

fn overdue_or_broken(error: io::Error, what: &'static str, after: Duration) -> TakeoverError {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => TakeoverError::Overdue { what, after },
        _ => broken(error),
    }
}
