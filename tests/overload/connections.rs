//! Floods of connections by strangers.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::{MIB, Talk, mib};
use crate::support::{Gc2, PATIENCE, Server, fresh_address, rounds};

/// What a stranger says before it says no more.
const WORDS: [&[u8]; 4] = [
    b"",
    b"AUTH;a;GUEST;half",
    // The beginning of a TLS handshake that claims 512 bytes.
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HT",
];
/// Places that the server has, and how many of them one address may have.
const PLACES: usize = 300;
const PER_ADDRESS: usize = 25;

fn connect(server: SocketAddr, from: Ipv4Addr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect_timeout(&server.into(), PATIENCE)?;
    Ok(socket.into())
}

/// What became of a flood.
#[derive(Debug, Default)]
struct Flood {
    /// Told that their address has too many.
    for_address: usize,
    /// Told that there are too many in all.
    for_all: usize,
    /// Let go without a word: reset while they were told.
    silent: usize,
    /// In at the end.
    held: usize,
}

/// So many connections, as fast as they can be made, from 16 addresses. Three of four stay as long as they are let; the rest closes at
/// once.
fn flood(server: SocketAddr, count: usize) -> Flood {
    let addresses: Vec<Ipv4Addr> = (0..16).map(|_| fresh_address()).collect();
    // Half of all come from four of them.
    let address = |at: usize| match at / 4 {
        turn if turn % 2 == 0 => turn / 2 % 4,
        turn => 4 + turn / 2 % 12,
    };
    let (mut flood, mut open) = (Flood::default(), Vec::new());
    for at in 0..count {
        let Ok(mut stream) = connect(server, addresses[address(at)]) else {
            continue;
        };
        let _ = stream.write_all(WORDS[at % WORDS.len()]);
        if at % 4 != 3 {
            open.push(stream);
        }
        if open.len() >= 512 || at + 1 == count {
            open.retain_mut(|stream| flood.look_at(stream));
        }
    }
    // What the last ones were told is still on its way.
    let end = Instant::now() + PATIENCE;
    while open.len() > PLACES && Instant::now() < end {
        open.retain_mut(|stream| flood.look_at(stream));
    }
    flood.held = open.len();
    flood
}

impl Flood {
    /// Whether this one is still in; counts what it was told if not.
    fn look_at(&mut self, stream: &mut TcpStream) -> bool {
        let _ = stream.set_nonblocking(true);
        let mut said = Vec::new();
        match stream.read_to_end(&mut said) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return true,
            _ => {}
        }
        let said = String::from_utf8_lossy(&said);
        let place = match &*said {
            it if it.contains("BYE;full;60") => &mut self.for_address,
            it if it.contains("BYE;full;10") => &mut self.for_all,
            "" => &mut self.silent,
            it => panic!("a stranger was told {it:?}"),
        };
        *place += 1;
        false
    }
}

#[test]
fn strangers_are_refused_as_documented_and_those_inside_go_on() {
    let count = rounds("GENCOMM_CONNECTS", 3_000, 20_000);
    let server = Server::builder()
        .local_toml("[limits]\nexempt = [\"127.0.0.1\"]\n")
        .set("limits.connections", PLACES)
        .set("limits.connections_per_address", PER_ADDRESS)
        .set("auth.deadline", "60s")
        .set("storage.durability", "os")
        .start();
    let talk = Talk::start(server.address(), 2);
    let alone = talk.rate(Duration::from_secs(2));
    let before = server.resident_bytes();
    let begun = Instant::now();
    let (beside, flood) = talk.rate_during(|| flood(server.address(), count));
    let took = begun.elapsed();
    let during = server.resident_bytes();
    println!(
        "{count} connects in {took:?}: {flood:?}; others {beside:.0}/s instead of {alone:.0}/s; grew by {}",
        mib(during.saturating_sub(before))
    );
    // The talkers are in as well.
    assert!(flood.held <= PLACES, "{flood:?}");
    assert!(flood.for_all > 0 && flood.for_address > 0, "{flood:?}");
    assert!(
        during < before + 32 * MIB,
        "grew by {}",
        mib(during - before)
    );
    assert!(beside > 0.0, "nobody else was served");
    // They have left, so there is room again, and at once.
    let end = Instant::now() + PATIENCE;
    loop {
        let mut client = Gc2::connect_from(server.address(), fresh_address());
        client.send("AUTH;login;GUEST;late");
        if client.try_line().is_ok_and(|line| line == "OK;login;late;") {
            break;
        }
        assert!(Instant::now() < end, "no place became free");
    }
    talk.finish();
    // Again and again, and it holds no more than after the first time.
    let first = server.resident_bytes();
    for _ in 0..2 {
        self::flood(server.address(), count / 4);
    }
    let again = server.resident_bytes();
    println!("after two more: {} instead of {}", mib(again), mib(first));
    assert!(
        again < first + 8 * MIB,
        "{} after {}",
        mib(again),
        mib(first)
    );
}

/// As fast as connections can be made and closed, with nothing said, from several threads.
#[test]
fn connecting_and_leaving_without_a_word_leaves_nothing_behind() {
    let count = rounds("GENCOMM_CONNECTS", 3_000, 20_000);
    let server = Server::builder().set("storage.durability", "os").start();
    let talk = Talk::start(server.address(), 2);
    let alone = talk.rate(Duration::from_secs(2));
    let before = server.resident_bytes();
    let address = server.address();
    let begun = Instant::now();
    let (beside, ()) = talk.rate_during(|| {
        let threads = (0..4).map(|_| {
            std::thread::spawn(move || {
                let from = fresh_address();
                for _ in 0..count / 4 {
                    // Whoever floods is turned away, and waits for its kernel to try again.
                    let _ = connect(address, from);
                    if begun.elapsed() > Duration::from_secs(20) {
                        break;
                    }
                }
            })
        });
        let threads: Vec<_> = threads.collect();
        threads
            .into_iter()
            .for_each(|it| it.join().expect("no panic"));
    });
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    let grown = server.resident_bytes().saturating_sub(before);
    println!(
        "up to {count} came and left or were turned away, at most {rate:.0}/s; others {beside:.0}/s instead of {alone:.0}/s; grew by {}",
        mib(grown)
    );
    assert!(grown < 16 * MIB, "grew by {}", mib(grown));
    assert!(beside > 0.0, "nobody else was served");
    talk.finish();
}
