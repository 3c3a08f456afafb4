//! What a flood of connections leaves to others. The flooding threads share the processor with the server and the others, so what
//! a flood takes is compared with what threads take that only burn as much of the processor and ask nothing of anybody.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, Pid, sched_setaffinity};
use socket2::{Domain, Socket, Type};

use super::{Talk, cpu_time};
use crate::serve::reload::gencomm;
use crate::support::{Gc2, PATIENCE, Server, fresh_address, fresh_tag, rounds};

/// Threads of a flood.
const THREADS: usize = 4;
/// Connections that one thread of a flood that never waits has under way.
const UNDER_WAY: usize = 64;
/// How long such a connection may take, before it is given up for another one.
const GIVEN_UP: Duration = Duration::from_millis(100);

/// What the threads do.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Connect, wait for it, close, again and again.
    Closing,
    /// The same, without ever waiting for the kernel: what is not connected in time is given up, and tried anew.
    Restless,
    /// The same, each from another address.
    Scattered,
    /// As before, but each says the beginning of a line and stays until there are many.
    Staying,
    /// Burn so much of a processor each, of 1.
    Spinning(f64),
}

/// Threads that flood until they are told to stop.
struct Flood {
    stop: Arc<AtomicBool>,
    made: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Duration>>,
    begun: Instant,
}

/// What a flood came to.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    /// Connections a second that were made, or begun by those who never wait.
    rate: f64,
    /// Of a processor, by each thread.
    cpu: f64,
}

/// Processor time of this thread.
fn own_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("schedstat");
    let first = stat.split(' ').next().and_then(|it| it.parse().ok());
    Duration::from_nanos(first.expect("nanoseconds"))
}

/// An address that no other run has used up: what was closed keeps its port for a minute.
fn any_address() -> Ipv4Addr {
    let [high, low, last, _] = rand::random::<u32>().to_be_bytes();
    Ipv4Addr::new(127, 128 + high % 127, low, 1 + last % 254)
}

fn begin_connect(server: SocketAddr, from: Ipv4Addr) -> Option<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
    socket.bind(&SocketAddr::from((from, 0)).into()).ok()?;
    socket.set_nonblocking(true).ok()?;
    // Reset when it is closed, so that its port is free again.
    socket.set_linger(Some(Duration::ZERO)).ok()?;
    let _ = socket.connect(&server.into());
    Some(socket)
}

fn is_connected(socket: &Socket) -> bool {
    socket.peer_addr().is_ok()
}

fn work(kind: Kind, server: SocketAddr, stop: &AtomicBool, made: &AtomicU64) {
    let mut from = any_address();
    let mut open = std::collections::VecDeque::new();
    let begun = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        match kind {
            Kind::Spinning(share) => {
                let end = Instant::now() + Duration::from_millis(1);
                while Instant::now() < end {}
                while own_cpu() > begun.elapsed().mul_f64(share) && !stop.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
            Kind::Closing => {
                let Ok(socket) = Socket::new(Domain::IPV4, Type::STREAM, None) else {
                    continue;
                };
                let bound = socket.bind(&SocketAddr::from((from, 0)).into());
                if bound.is_err() {
                    from = any_address();
                }
                let patience = Duration::from_secs(1);
                if bound.is_ok() && socket.connect_timeout(&server.into(), patience).is_ok() {
                    made.fetch_add(1, Ordering::Relaxed);
                }
            }
            Kind::Restless | Kind::Scattered => {
                if kind == Kind::Scattered {
                    from = any_address();
                }
                if let Some(socket) = begin_connect(server, from) {
                    made.fetch_add(1, Ordering::Relaxed);
                    open.push_back((socket, Instant::now()));
                }
                while let Some((socket, since)) = open.front() {
                    let is_over = is_connected(socket) || since.elapsed() > GIVEN_UP;
                    if !is_over && open.len() < UNDER_WAY {
                        break;
                    }
                    open.pop_front();
                }
            }
            Kind::Staying => {
                if let Some(socket) = begin_connect(server, from) {
                    made.fetch_add(1, Ordering::Relaxed);
                    let _ = socket.send(b"AUTH;a;GUEST;half");
                    open.push_back((socket, Instant::now()));
                }
                if open.len() > 512 {
                    open.pop_front();
                }
            }
        }
    }
}

impl Flood {
    /// Starts `threads` of it, each from an address of its own, on `cores` if they are named.
    fn start(kind: Kind, threads: usize, server: SocketAddr, cores: Option<CpuSet>) -> Self {
        let (stop, made) = <(Arc<AtomicBool>, Arc<AtomicU64>)>::default();
        let thread = |_| {
            let (stop, made) = (stop.clone(), made.clone());
            std::thread::spawn(move || {
                if let Some(cores) = cores {
                    sched_setaffinity(None, &cores).expect("a core of its own");
                }
                let before = own_cpu();
                work(kind, server, &stop, &made);
                own_cpu() - before
            })
        };
        Self {
            threads: (0..threads).map(thread).collect(),
            stop,
            made,
            begun: Instant::now(),
        }
    }

    fn stop(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        let time = self.begun.elapsed().as_secs_f64();
        let count = self.threads.len() as f64;
        let threads = self.threads.into_iter();
        let cpu: Duration = threads.map(|it| it.join().expect("no panic")).sum();
        Outcome {
            rate: self.made.load(Ordering::Relaxed) as f64 / time,
            cpu: cpu.as_secs_f64() / time / count,
        }
    }
}

/// Longest and median time that somebody from an address of its own needed to log in, again and again, until `end`.
fn log_ins(server: SocketAddr, end: Instant) -> (Duration, Duration, usize) {
    let from = fresh_address();
    let mut times = Vec::new();
    while Instant::now() < end || times.is_empty() {
        let begun = Instant::now();
        let mut client = Gc2::connect_from(server, from);
        client.login(&format!("v{}", fresh_tag()));
        times.push(begun.elapsed());
        drop(client);
        std::thread::sleep(Duration::from_millis(20));
    }
    times.sort();
    (times[times.len() - 1], times[times.len() / 2], times.len())
}

/// The busiest threads of the server during `what`, of a processor each.
fn busiest_during<T>(server: &Server, what: impl FnOnce() -> T) -> (String, T) {
    let look = || -> std::collections::HashMap<String, (String, u64)> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", server.pid())).expect("tasks");
        let read = |path: std::path::PathBuf| {
            let name = std::fs::read_to_string(path.join("comm")).ok()?;
            let stat = std::fs::read_to_string(path.join("schedstat")).ok()?;
            let time = stat.split(' ').next()?.parse().ok()?;
            let id = path.file_name()?.to_str()?.to_owned();
            Some((id, (name.trim().to_owned(), time)))
        };
        tasks
            .flatten()
            .filter_map(|task| read(task.path()))
            .collect()
    };
    let (before, begun) = (look(), Instant::now());
    let done = what();
    let nanos = begun.elapsed().as_nanos() as f64;
    let mut shares: Vec<(f64, String)> = look()
        .into_iter()
        .map(|(id, (name, time))| {
            let earlier = before.get(&id).map_or(0, |it| it.1);
            ((time - earlier) as f64 / nanos, name)
        })
        .collect();
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    let shown = shares.iter().take(4);
    let shown: Vec<String> = shown
        .map(|(share, name)| format!("{name} {share:.2}"))
        .collect();
    (shown.join(", "), done)
}

/// Puts the server and this thread, and what it starts from here on, on the first core; returns the set of the second.
fn set_apart(server: &Server) -> CpuSet {
    let (mut first, mut second) = (CpuSet::new(), CpuSet::new());
    first.set(0);
    second.set(1);
    sched_setaffinity(None, &first).expect("the first core");
    for task in std::fs::read_dir(format!("/proc/{}/task", server.pid())).expect("tasks") {
        let name = task.expect("a task").file_name();
        let id = name
            .to_str()
            .and_then(|it| it.parse().ok())
            .and_then(Pid::from_raw);
        let _ = sched_setaffinity(id, &first);
    }
    second
}

/// How often the server has turned somebody away.
fn turned_away(server: &Server) -> u64 {
    let data = server.data_dir();
    let words = ["counters", "--json", "--data", data.to_str().expect("text")];
    let ran = gencomm(server.home(), &words);
    let counters: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    counters["strangers_turned_away_total"]
        .as_u64()
        .unwrap_or(0)
}

/// One flood: what it costs the server, what it leaves to others, and that somebody else can log in meanwhile.
fn flood_with(kind: Kind, seconds: Duration) {
    let is_apart = std::env::var_os("GENCOMM_FLOOD_APART").is_some();
    let mut builder = Server::builder().set("storage.durability", "os");
    if is_apart {
        // As many as the server has cores, as by default.
        builder = builder.set("server.shards", "1");
    }
    let server = builder.start();
    let address = server.address();
    let cores = is_apart.then(|| set_apart(&server));
    let talk = Talk::start(address, 2);
    let quiet = talk.rate(seconds);
    let flood = Flood::start(kind, THREADS, address, cores);
    // What the server lets pass at once is over when it turns the first one away.
    let begun = Instant::now();
    let is_known = || kind != Kind::Restless || turned_away(&server) > 0;
    while begun.elapsed() < seconds || (!is_known() && begun.elapsed() < PATIENCE) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let end = Instant::now() + seconds;
    let visitor = std::thread::spawn(move || log_ins(address, end));
    let (threads, beside) = busiest_during(&server, || talk.rate(seconds));
    let outcome = flood.stop();
    let (longest, median, count) = visitor.join().expect("a visitor");
    let turned_away = turned_away(&server);
    let spin = Flood::start(Kind::Spinning(outcome.cpu), THREADS, address, cores);
    std::thread::sleep(seconds / 4);
    let beside_spin = talk.rate(seconds);
    let spun = spin.stop();
    println!(
        "{kind:?}: {:.0}/s by {THREADS} threads with {:.2} of a core each, {turned_away} turned away; others {quiet:.0}/s alone, {beside:.0}/s beside it ({:.0} %), {beside_spin:.0}/s ({:.0} %) beside threads that only burn {:.2}: {:.0} % of that; {count} log-ins, median {median:.1?}, longest {longest:.1?}; busiest threads: {threads}",
        outcome.rate,
        outcome.cpu,
        100.0 * beside / quiet,
        100.0 * beside_spin / quiet,
        spun.cpu,
        100.0 * beside / beside_spin,
    );
    talk.finish();
    // Alone with the flood, to see what one costs.
    let before = cpu_time(&server);
    let flood = Flood::start(kind, THREADS, address, cores);
    std::thread::sleep(seconds);
    let spent = cpu_time(&server) - before;
    let alone = flood.stop();
    println!(
        "{kind:?} alone: {:.0}/s, the server {:.2} of a core, {:.1} us for each",
        alone.rate,
        spent.as_secs_f64() / seconds.as_secs_f64(),
        spent.as_secs_f64() * 1e6 / (alone.rate * seconds.as_secs_f64()),
    );
    assert!(beside > 0.0, "nobody else was served");
    assert!(
        longest < PATIENCE,
        "somebody else needed {longest:?} to log in"
    );
    if kind == Kind::Restless {
        assert!(turned_away > 0, "a flood was served like anybody");
    }
}

#[test]
fn leave_others_their_share_and_a_way_in() {
    let seconds = rounds("GENCOMM_FLOOD_SECONDS", 1, 5) as u64;
    let kinds: &[Kind] = match seconds {
        0 | 1 => &[Kind::Restless],
        _ => &[
            Kind::Closing,
            Kind::Restless,
            Kind::Scattered,
            Kind::Staying,
        ],
    };
    for kind in kinds {
        flood_with(*kind, Duration::from_secs(seconds.max(1)));
    }
}

/// Whoever logs in is none of a flood, however many there are and wherever they come from.
#[test]
fn those_who_log_in_are_not_taken_for_strangers() {
    let server = Server::builder().set("storage.durability", "os").start();
    let (address, from) = (server.address(), fresh_address());
    let crowd = |_| {
        std::thread::spawn(move || {
            for _ in 0..750 {
                let mut client = Gc2::connect_from(address, from);
                client.login(&format!("c{}", fresh_tag()));
            }
        })
    };
    let crowds: Vec<_> = (0..4).map(crowd).collect();
    crowds.into_iter().for_each(|it| it.join().expect("all in"));
    assert_eq!(turned_away(&server), 0);
}
