//! What the kernel alone takes: one thread writes the same bytes to many loopback sockets, another reads them. No server does a delivery for less
//! than such a write, so this is what `single`, `rooms` and `latency` are to be compared with, in the same call.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;

use super::progress;
use crate::report::Row;
use crate::sys::Epoll;

/// How long one round may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// Rounds before those that count.
const WARM_UP: u32 = 20;

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Sockets that each round writes to
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=9_000))]
    readers: u32,
    /// Rounds in each run; the next begins when all have read the one before
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    messages: u32,
    /// Bytes of each write: a delivered line with a body of 64 bytes has so many
    #[arg(long, default_value_t = 116, value_parser = clap::value_parser!(u32).range(1..=8192))]
    line_bytes: u32,
}

pub(super) fn run(runs: u32, options: &Options) -> Result<Vec<Row>> {
    let (readers, messages) = (options.readers, options.messages);
    let sizes = [
        ("readers", readers.into()),
        ("messages", messages.into()),
        ("line_bytes", options.line_bytes.into()),
    ];
    let name = format!("{messages} writes to each of {readers} sockets");
    let mut row = Row::new("floor", name).with_sizes(&sizes);
    let bar = progress("floor", u64::from(runs) * u64::from(messages));
    for _ in 0..runs {
        let took = one(options, || bar.inc(1))?;
        let writes = f64::from(readers) * f64::from(messages);
        row.add(
            "writing CPU",
            "s per million",
            took.as_secs_f64() / writes * 1e6,
        );
    }
    bar.finish_and_clear();
    Ok(vec![row])
}

/// The writer's CPU for all rounds that count.
fn one(options: &Options, mut tick: impl FnMut()) -> Result<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let mut epoll = Epoll::new()?;
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for number in 0..options.readers {
        let reader = TcpStream::connect(address)?;
        reader.set_nonblocking(true)?;
        epoll.watch(&reader, number.into())?;
        far.push(reader);
        let (writer, _) = listener.accept()?;
        writer.set_nodelay(true)?;
        near.push(writer);
    }
    // The writer goes on when a word comes, and ends when no more can.
    let (go, rounds) = sync_channel::<()>(1);
    let line = vec![b'x'; options.line_bytes as usize];
    let writer = thread::spawn(move || write_rounds(&near, &line, &rounds));
    let mut buffer = vec![0; 64 * 1024];
    let wanted = u64::from(options.readers) * u64::from(options.line_bytes);
    for round in 0..WARM_UP + options.messages {
        if go.send(()).is_err() {
            break;
        }
        let (mut got, end) = (0, Instant::now() + DEADLINE);
        while got < wanted {
            ensure!(Instant::now() < end, "a round did not arrive");
            for index in 0..epoll.wait(Duration::from_millis(100))? {
                let number = usize::try_from(epoll.number(index))?;
                let mut reader = far.get(number).context("an unknown socket")?;
                match reader.read(&mut buffer) {
                    Ok(read) => got += read as u64,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        if round >= WARM_UP {
            tick();
        }
    }
    drop(go);
    writer.join().map_err(|_| anyhow!("the writer panicked"))?
}

fn write_rounds(sockets: &[TcpStream], line: &[u8], rounds: &Receiver<()>) -> Result<Duration> {
    let mut before = Duration::ZERO;
    let mut round = 0;
    while rounds.recv().is_ok() {
        if round == WARM_UP {
            before = thread_cpu()?;
        }
        for mut socket in sockets {
            socket.write_all(line)?;
        }
        round += 1;
    }
    Ok(thread_cpu()?.saturating_sub(before))
}

/// CPU of this thread so far; proc(5), `schedstat`.
fn thread_cpu() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = text.split(' ').next().context("schedstat is empty")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_round_costs_something() {
        let options = Options {
            readers: 10,
            messages: 20,
            line_bytes: 100,
        };
        let mut ticks = 0;
        assert!(one(&options, || ticks += 1).unwrap() > Duration::ZERO);
        assert_eq!(ticks, 20);
    }
}
