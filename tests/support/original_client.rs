//! A replica of the original client's behaviour on the wire, written from its description: fixed ports of its own, one read per
//! delivery, one answer per heartbeat, one connection per message. Its address takes the place of its machine.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use socket2::{Domain, Socket, Type};

use super::{PATIENCE, Server};

const CALLBACK_PORT: u16 = 12090;
const HEARTBEAT_PORT: u16 = 8070;
const DELIVERY_PORT: u16 = 6090;

/// How long the original waits for `Pong` and for `Auth1`, and then for `Authed`.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
const CALLBACK_PATIENCE: Duration = Duration::from_secs(10);
/// What it reads of a delivery, once.
const DELIVERY_BYTES: usize = 4096;
/// How often it reads a heartbeat that is empty.
const EMPTY_READS_MAX: u32 = 10;

/// The server's ports.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    pub main: SocketAddr,
    pub auth: SocketAddr,
    pub message: SocketAddr,
}

impl Ports {
    pub fn of(server: &Server) -> Self {
        Self {
            main: server.address_of("main"),
            auth: server.address_of("auth"),
            message: server.address_of("message"),
        }
    }
}

/// In what a client differs from the original.
#[derive(Debug, Clone)]
pub struct Habits {
    /// Between the log-in and opening its ports; `None` = it never opens them.
    pub opens_after: Option<Duration>,
    /// What it answers to a heartbeat instead of its clock.
    pub heartbeat_answer: Option<&'static str>,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            opens_after: Some(Duration::ZERO),
            heartbeat_answer: None,
        }
    }
}

/// See the module. Dropping it closes its ports, without a word to the server.
pub struct OriginalClient {
    address: Ipv4Addr,
    ports: Ports,
    records: Receiver<Record>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// A line that the client would show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub id: u64,
    pub user: String,
    /// With the escapes undone.
    pub content: String,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    beats: AtomicUsize,
    batch_sizes: Mutex<Vec<usize>>,
}

impl OriginalClient {
    /// An address that no other test has, in this run or in another one on this machine. After 248 the first ones, whose clients are
    /// over by then, come again.
    pub fn fresh_address() -> Ipv4Addr {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let number = NEXT.fetch_add(1, Ordering::Relaxed) % 248;
        Ipv4Addr::new(127, 64 + high % 128, low, 2 + number as u8)
    }

    /// Logs in as the original does.
    #[track_caller]
    pub fn log_in(server: &Server) -> Self {
        Self::log_in_from(server, Self::fresh_address(), Habits::default())
    }

    /// Logs in from `address`, with habits of its own.
    #[track_caller]
    pub fn log_in_from(server: &Server, address: Ipv4Addr, habits: Habits) -> Self {
        let ports = Ports::of(server);
        let callback = listen(address, CALLBACK_PORT);
        let mut main = connect_from(address, ports.main);
        main.write_all(b"Ping").expect("Ping");
        let mut auth = connect_from(address, ports.auth);
        auth.write_all(b"AuthRequest").expect("AuthRequest");
        assert_eq!(read_once(&mut main, 1024, ANSWER_PATIENCE), b"Pong");
        assert_eq!(read_once(&mut auth, 1024, ANSWER_PATIENCE), b"Auth1");
        let mut called = accept_within(&callback, CALLBACK_PATIENCE);
        assert_eq!(read_once(&mut called, 1024, CALLBACK_PATIENCE), b"Authed");
        drop((main, auth, called, callback));

        let shared = Arc::<Shared>::default();
        let (sender, records) = channel();
        let mut threads = Vec::new();
        if let Some(pause) = habits.opens_after {
            if pause.is_zero() {
                threads.extend(open_ports(address, &habits, &shared, sender));
            } else {
                let shared = shared.clone();
                threads.push(std::thread::spawn(move || {
                    std::thread::sleep(pause);
                    for thread in open_ports(address, &habits, &shared, sender) {
                        let _ = thread.join();
                    }
                }));
            }
        }
        Self {
            address,
            ports,
            records,
            shared,
            threads,
        }
    }

    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Sends one message and does not wait for `Thx`.
    pub fn say(&self, user: &str, content: &str) {
        let mut stream = connect_from(self.address, self.ports.message);
        let message = format!("{user};{content}");
        stream.write_all(message.as_bytes()).expect("a message");
    }

    /// A connection to the message port, for clients that do it otherwise.
    pub fn open_message(&self) -> TcpStream {
        connect_from(self.address, self.ports.message)
    }

    /// The next record.
    #[track_caller]
    pub fn record(&self) -> Record {
        let record = self.records.recv_timeout(PATIENCE);
        record.expect("a record in time")
    }

    /// The next records have to hold these, each of a user.
    #[track_caller]
    pub fn expect(&self, wanted: &[(&str, &str)]) {
        for (user, content) in wanted {
            let record = self.record();
            assert_eq!(
                (record.user.as_str(), record.content.as_str()),
                (*user, *content)
            );
        }
    }

    /// What is there by now.
    pub fn records_so_far(&self) -> Vec<Record> {
        self.records.try_iter().collect()
    }

    /// How many heartbeats were answered.
    pub fn beats(&self) -> usize {
        self.shared.beats.load(Ordering::Relaxed)
    }

    /// Waits for so many more heartbeats.
    #[track_caller]
    pub fn wait_for_beats(&self, count: usize) {
        let (end, wanted) = (Instant::now() + PATIENCE, self.beats() + count);
        while self.beats() < wanted {
            assert!(Instant::now() < end, "{} of {wanted} beats", self.beats());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Bytes of each delivery so far.
    pub fn batch_sizes(&self) -> Vec<usize> {
        self.shared.batch_sizes.lock().expect("no panic").clone()
    }
}

impl Drop for OriginalClient {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn open_ports(
    address: Ipv4Addr,
    habits: &Habits,
    shared: &Arc<Shared>,
    records: Sender<Record>,
) -> [JoinHandle<()>; 2] {
    let (beats, deliveries) = (
        listen(address, HEARTBEAT_PORT),
        listen(address, DELIVERY_PORT),
    );
    let answer = habits.heartbeat_answer;
    let (for_beats, for_deliveries) = (shared.clone(), shared.clone());
    [
        std::thread::spawn(move || {
            serve(&beats, &for_beats.stop, |stream| {
                answer_heartbeat(stream, answer);
                for_beats.beats.fetch_add(1, Ordering::Relaxed);
            });
        }),
        std::thread::spawn(move || {
            serve(&deliveries, &for_deliveries.stop, |mut stream| {
                let batch = read_once(&mut stream, DELIVERY_BYTES, PATIENCE);
                let mut sizes = for_deliveries.batch_sizes.lock().expect("no panic");
                sizes.push(batch.len());
                for line in batch.split(|byte| *byte == b'\n') {
                    let _ = records.send(parse(line));
                }
            });
        }),
    ]
}

fn serve(listener: &TcpListener, stop: &AtomicBool, mut take: impl FnMut(TcpStream)) {
    listener.set_nonblocking(true).expect("a listener");
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).expect("a socket");
                take(stream);
            }
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn answer_heartbeat(mut stream: TcpStream, answer: Option<&str>) {
    for _ in 0..EMPTY_READS_MAX {
        let asked = read_once(&mut stream, 1024, PATIENCE);
        if asked.is_empty() {
            continue;
        }
        assert_eq!(asked, b"Ping");
        let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let clock = format!("{:.2}", clock.expect("a clock").as_secs_f64());
        let _ = stream.write_all(answer.unwrap_or(&clock).as_bytes());
        return;
    }
}

fn parse(line: &[u8]) -> Record {
    let line = String::from_utf8(line.to_vec()).expect("a record in UTF-8");
    let fields: Vec<&str> = line.splitn(4, ';').collect();
    let [id, time, user, content] = fields[..] else {
        panic!("not a record: {line:?}");
    };
    time.parse::<f64>().expect("a timestamp");
    Record {
        id: id.parse().expect("an id"),
        user: user.to_owned(),
        content: unescape(content),
    }
}

/// `\n` is a newline; any other escaped character is itself.
fn unescape(content: &str) -> String {
    let (mut text, mut rest) = (String::new(), content.chars());
    while let Some(character) = rest.next() {
        text.push(match character {
            '\\' => match rest.next() {
                Some('n') => '\n',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    text
}

fn listen(address: Ipv4Addr, port: u16) -> TcpListener {
    TcpListener::bind((address, port)).unwrap_or_else(|why| panic!("{address}:{port}: {why}"))
}

/// Connects from one address to another.
pub fn connect_from(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let from = SocketAddr::from((from, 0));
    socket.bind(&from.into()).expect("the client's address");
    socket
        .connect_timeout(&to.into(), PATIENCE)
        .expect("a connection to the server");
    socket.into()
}

/// One read; empty if the other end closed.
#[track_caller]
pub fn read_once(stream: &mut TcpStream, bytes_max: usize, patience: Duration) -> Vec<u8> {
    stream.set_read_timeout(Some(patience)).expect("a socket");
    let mut buffer = vec![0; bytes_max];
    match stream.read(&mut buffer) {
        Ok(read) => buffer.truncate(read),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => buffer.clear(),
        Err(error) => panic!("nothing to read: {error}"),
    }
    buffer
}

#[track_caller]
fn accept_within(listener: &TcpListener, patience: Duration) -> TcpStream {
    listener.set_nonblocking(true).expect("a listener");
    let end = Instant::now() + patience;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).expect("a socket");
                return stream;
            }
            Err(_) if Instant::now() < end => std::thread::sleep(Duration::from_millis(1)),
            Err(error) => panic!("the server did not call back: {error}"),
        }
    }
}

/// Says that nothing follows.
pub fn finish(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
}
