//! Too much of everything, at sizes that hurt: memory stays bounded and comes back, others are served all the while, and every queue
//! does when it is full what `docs/architecture.md` says. The sizes of every change are moderate; the ones of the documentation are in
//! environment variables, or all together by `GENCOMM_FULL`.

mod commands;
mod connections;
mod descriptors;
mod floods;
mod full;
#[cfg(feature = "fault-injection")]
mod lagging;
mod never_reads;
mod rooms;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::{Gc2, Server, fresh_tag, number};

const MIB: u64 = 1024 * 1024;

/// Resident memory in MiB, for people.
fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / MIB as f64)
}

/// The highest resident memory that the server has had since [`forget_peak`], in bytes.
fn peak_bytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid()));
    let status = status.expect("the server's /proc entry");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    1024 * kib.and_then(|kib| kib.parse::<u64>().ok()).expect("VmHWM")
}

/// The peak counts from now.
fn forget_peak(server: &Server) {
    let path = format!("/proc/{}/clear_refs", server.pid());
    std::fs::write(path, "5").expect("the server's /proc entry");
}

/// Processor time of the server so far.
fn cpu_time(server: &Server) -> Duration {
    let path = format!("/proc/{}/stat", server.pid());
    let stat = std::fs::read_to_string(path).expect("the server's /proc entry");
    // Behind the name, which may hold anything: user and system time are fields 14 and 15.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split(' ').collect();
    let ticks: u64 = [12, 13]
        .map(|at: usize| fields[at].parse::<u64>().expect("ticks"))
        .iter()
        .sum();
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// A standing conversation: some say something and wait for its OK, again and again, and one hears them all.
struct Talk {
    stop: Arc<AtomicBool>,
    said: Arc<AtomicU64>,
    speakers: Vec<JoinHandle<Gc2>>,
    listener: JoinHandle<u64>,
    room: String,
}

impl Talk {
    /// Starts with so many speakers, from 127.0.0.1.
    fn start(server: SocketAddr, speakers: usize) -> Self {
        let (stop, said) = <(Arc<AtomicBool>, Arc<AtomicU64>)>::default();
        let room = format!("talk-{}", fresh_tag());
        let mut listener = Gc2::connect(server);
        listener.login(&format!("l{}", fresh_tag()));
        listener.join(&room, "");
        let listener = std::thread::spawn(move || {
            let (mut heard, mut last) = (0, 0);
            loop {
                let line = listener.expect_start("MSG;");
                let id = number(&line, 2);
                assert!(id > last, "{id} after {last}");
                if line.ends_with(";the end") {
                    return heard;
                }
                (heard, last) = (heard + 1, id);
            }
        });
        let speaker = |_| {
            let mut client = Gc2::connect(server);
            let (stop, said, room) = (stop.clone(), said.clone(), room.clone());
            let name = format!("t{}", fresh_tag());
            client.login(&name);
            client.join(&room, "");
            std::thread::spawn(move || {
                for at in 0_u64.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    client.say(&room, &format!("{name}{at}"), "so it goes");
                    said.fetch_add(1, Ordering::Relaxed);
                }
                client
            })
        };
        let talk = Self {
            speakers: (0..speakers).map(speaker).collect(),
            stop: stop.clone(),
            said: said.clone(),
            listener,
            room: room.clone(),
        };
        talk.rate(Duration::from_millis(300));
        talk
    }

    /// Messages a second from now on, for this time.
    fn rate(&self, time: Duration) -> f64 {
        let (begun, before) = (Instant::now(), self.said.load(Ordering::Relaxed));
        std::thread::sleep(time);
        (self.said.load(Ordering::Relaxed) - before) as f64 / begun.elapsed().as_secs_f64()
    }

    /// Messages a second while `what` is done; and what came of it.
    fn rate_during<T>(&self, what: impl FnOnce() -> T) -> (f64, T) {
        let (begun, before) = (Instant::now(), self.said.load(Ordering::Relaxed));
        let done = what();
        let said = self.said.load(Ordering::Relaxed) - before;
        (said as f64 / begun.elapsed().as_secs_f64(), done)
    }

    /// Ends it; everything was heard once and in order.
    fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        let speakers = self.speakers.into_iter();
        let mut speakers: Vec<Gc2> = speakers.map(|it| it.join().expect("a speaker")).collect();
        speakers[0].say(&self.room, &fresh_tag(), "the end");
        let heard = self.listener.join().expect("the listener");
        assert_eq!(heard, self.said.load(Ordering::Relaxed));
    }
}
