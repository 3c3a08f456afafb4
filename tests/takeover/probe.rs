//! Measures how long nobody is let in: connects and says HELLO again and again, from one thread.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::PATIENCE;

const PAUSE: Duration = Duration::from_millis(5);

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The longest time from one WELCOME to the next.
    pub gap: Duration,
    /// WELCOMEs.
    pub welcomes: usize,
    /// Connections that ended before their WELCOME.
    pub cut: usize,
    /// Connections that nobody listened for.
    pub refused: usize,
}

/// At work.
pub struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Found>,
}

impl Probe {
    pub fn start(server: SocketAddr) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let seen = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut found = Found::default();
            let mut last = None;
            while !seen.load(Ordering::Relaxed) {
                match knock(server) {
                    Ok(true) => {
                        let now = Instant::now();
                        let before = last.replace(now);
                        let since = before.map_or(Duration::ZERO, |before| now - before);
                        found.gap = found.gap.max(since);
                        found.welcomes += 1;
                    }
                    Ok(false) => found.cut += 1,
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                        found.refused += 1;
                    }
                    Err(_) => found.cut += 1,
                }
                std::thread::sleep(PAUSE);
            }
            found
        });
        Self { stop, thread }
    }

    pub fn stop(self) -> Found {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the probe")
    }
}

fn knock(server: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"HELLO;h;2;probe\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.starts_with("WELCOME;"))
}
